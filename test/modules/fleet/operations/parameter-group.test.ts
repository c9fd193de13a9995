/** Parameter groups of instances through the API, on both providers: what comes of a change, a reboot, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { NEW, query, useGround } from "../../../support/ground.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const ground = useGround();
let local: LocalProvider;
let under: UnderAws;
let dba: Client;

const app = testApp(polling({ local: 600, "aws-rds": 100 }), async () => {
  const groups = {
    reports: { settings: { work_mem: "9MB", max_locks_per_transaction: "96" } },
    wrong: { settings: { work_mem: "9MB", random_page_cost: "-secret" } },
  };
  local = await ground.open({ parameterGroups: new Map(Object.entries(groups)) as never });
  await local.create({ ...NEW, identifier: "solo" });
  under = await startAws();
  const here = under.aws.region(ACCOUNT, REGION);
  here.addParameterGroup("reports", "postgres16");
  here.addParameterGroup("wrong", "mysql8.0");
  here.addInstance({ identifier: "alone", tags: { Environment: "Test" }, retentionDays: 0 });
  here.addInstance({ identifier: "live", tags: { Environment: "Production" }, retentionDays: 0 });
  return [local, under.open()];
});
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(async () => {
  await local?.stopAll();
  await under?.aws.stop();
});

async function run(verb: "changeParameterGroup" | "rebootInstance", input: Record<string, unknown>) {
  const { id } = await accepted(dba, verb, input);
  return eventually(async () => {
    under.aws.clock.advance(10_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
}
const groupOf = async (identifier: string) => {
  await hasten(app, "inventory-aws-rds");
  return (await instanceOf(dba, identifier, "parameterGroup { name status }")).parameterGroup;
};
const shows = (identifier: string, parameterGroup: object) =>
  eventually(async () => JSON.stringify(await groupOf(identifier)) === JSON.stringify(parameterGroup), 20_000);

describe.each([
  ["solo", "default", "InvalidConfiguration", /parameter "random_page_cost"/],
  ["alone", "default.postgres16", "InvalidParameterCombination", /of the family mysql8.0/],
])("%s", (identifier, before, code, message) => {
  it("has another group at once, with its records and history; what needs a restart waits for a reboot", async () => {
    await shows(identifier, { name: before, status: "in-sync" });
    const waits = { name: "reports", status: "pending-reboot" };
    const operation = await run("changeParameterGroup", { instanceId: identifier, parameterGroup: "reports" });
    expect(operation).toMatchObject({
      type: "CHANGE_PARAMETER_GROUP",
      status: "SUCCEEDED",
      parameters: { parameterGroup: "reports" },
      result: { parameterGroup: waits },
    });
    const { id: instanceId } = operation.instance;
    expect(await recordsOf(app, operation.id)).toMatchObject([
      {
        action: "operation.requested",
        actor: { email: EMAILS.dba },
        parameters: { type: "CHANGE_PARAMETER_GROUP", instanceId, identifier, parameterGroup: "reports" },
      },
      { action: "operation.ended", result: { status: "SUCCEEDED", result: { parameterGroup: waits } }, success: true },
    ]);
    await shows(identifier, waits);
    const { changes } = await instanceOf(dba, identifier, "changes { nodes { field before after } }");
    expect(changes).toMatchObject({ nodes: [{ field: "PARAMETER_GROUP", before, after: "reports" }] });
    expect(await run("rebootInstance", { instanceId: identifier })).toMatchObject({ status: "SUCCEEDED" });
    await shows(identifier, { name: "reports", status: "in-sync" });
  });

  it("keeps its group where another one cannot be its, or is not there", async () => {
    const failed = await run("changeParameterGroup", { instanceId: identifier, parameterGroup: "wrong" });
    expect(failed).toMatchObject({ status: "FAILED", error: { code, message: expect.stringMatching(message) } });
    expect(JSON.stringify(failed)).not.toContain("-secret");
    expect(await run("changeParameterGroup", { instanceId: identifier, parameterGroup: "none" })).toMatchObject({
      status: "FAILED",
      error: { code: "DBParameterGroupNotFound", guidance: expect.stringContaining("LOCAL_PARAMETER_GROUPS") },
    });
    await shows(identifier, { name: "reports", status: "in-sync" });
  });
});

it("takes the settings of the group before back, those that wait for a restart after one", async () => {
  const settings = async () => {
    const [row] = await query(
      local,
      "solo",
      (sql) => sql`select current_setting('work_mem') as work, current_setting('max_locks_per_transaction') as locks`,
    );
    return [row?.work, row?.locks];
  };
  expect(await settings()).toEqual(["9MB", "96"]);
  expect(await run("changeParameterGroup", { instanceId: "solo", parameterGroup: "default" })).toMatchObject({
    result: { parameterGroup: { name: "default", status: "pending-reboot" } },
  });
  expect(await settings()).toEqual(["4MB", "96"]);
  await run("rebootInstance", { instanceId: "solo" });
  expect(await settings()).toEqual(["4MB", "64"]);
  await shows("solo", { name: "default", status: "in-sync" });
});

it.each(["", "1st", "with space", "../up", "a_b", "é", "a".repeat(256)])(
  "%j names no group: nothing is asked, and the refusal is recorded",
  async (parameterGroup) => {
    const { answer, operations, records } = await leftBy(app, () =>
      ask(dba, "changeParameterGroup", { instanceId: "solo", parameterGroup }),
    );
    expect(answer).toMatchObject({ code: "BAD_USER_INPUT", errors: [{ extensions: { field: "parameterGroup" } }] });
    expect([operations, records]).toMatchObject([0, [{ action: "operation.refused", success: false }]]);
  },
);

it("of production it is refused, and AWS is not asked", async () => {
  const before = under.aws.calls.filter(({ action }) => action === "ModifyDBInstance").length;
  const { answer, operations } = await leftBy(app, () =>
    ask(dba, "changeParameterGroup", { instanceId: "live", parameterGroup: "reports" }),
  );
  expect([answer.code, operations]).toEqual(["PRODUCTION_PROTECTED", 0]);
  expect(under.aws.calls.filter(({ action }) => action === "ModifyDBInstance")).toHaveLength(before);
});
