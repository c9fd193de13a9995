/** The class of instances through the API, on both providers: what comes of it, what waits, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { NEW, useGround } from "../../../support/ground.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const ground = useGround();
let local: LocalProvider;
let under: UnderAws;
let dba: Client;

const app = testApp(polling({ local: 600, "aws-rds": 100 }), async () => {
  local = await ground.open({ limits: { memoryMiB: 1024 } });
  await local.create({ ...NEW, identifier: "solo" });
  under = await startAws();
  const here = under.aws.region(ACCOUNT, REGION);
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

/** Runs it to its end, while AWS's time passes. */
async function run(instanceId: string, instanceClass: string, applyImmediately?: boolean) {
  const { id } = await accepted(dba, "modifyInstanceClass", { instanceId, instanceClass, applyImmediately });
  return eventually(async () => {
    under.aws.clock.advance(10_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
}
const classesOf = (identifier: string) => instanceOf(dba, identifier, "instanceClass pendingInstanceClass");

describe.each([
  ["solo", "local.micro", "local.small", "local.huge"],
  ["alone", "db.t4g.medium", "db.r6g.large", "nothing-of-aws"],
])("%s", (identifier, before, after, unknown) => {
  it("waits for the maintenance window where nothing else is said, and is shown", async () => {
    expect(await classesOf(identifier)).toMatchObject({ instanceClass: before, pendingInstanceClass: null });
    const operation = await run(identifier, after);
    expect(operation).toMatchObject({
      type: "MODIFY_INSTANCE_CLASS",
      status: "SUCCEEDED",
      parameters: { instanceClass: after, applyImmediately: false },
      result: { instanceClass: before, pendingInstanceClass: after },
    });
    const { id: instanceId } = operation.instance;
    expect(await recordsOf(app, operation.id)).toMatchObject([
      {
        action: "operation.requested",
        actor: { email: EMAILS.dba },
        parameters: { type: "MODIFY_INSTANCE_CLASS", instanceId, identifier, instanceClass: after },
      },
      {
        action: "operation.ended",
        result: { status: "SUCCEEDED", result: { pendingInstanceClass: after } },
        success: true,
      },
    ]);
    await eventually(async () => (await classesOf(identifier)).pendingInstanceClass === after);
    expect((await classesOf(identifier)).instanceClass).toBe(before);
  });

  it("is in force at once where that is asked for, with what it takes along, and is in the history", async () => {
    const operation = await run(identifier, after, true);
    expect(operation).toMatchObject({
      status: "SUCCEEDED",
      result: { instanceClass: after, pendingInstanceClass: null },
    });
    const warnings = expect.arrayContaining([expect.stringContaining("whatever else waits")]);
    if (identifier === "alone") expect(operation.parameters).toMatchObject({ warnings });
    else expect(operation.parameters).not.toHaveProperty("warnings");
    await hasten(app, "inventory-aws-rds");
    expect(await classesOf(identifier)).toMatchObject({ instanceClass: after, pendingInstanceClass: null });
    const { changes } = await instanceOf(dba, identifier, "changes { nodes { field before after } }");
    expect(changes).toMatchObject({ nodes: [{ field: "INSTANCE_CLASS", before, after }] });
  });

  it("that its provider does not know has failed, and changes nothing", async () => {
    expect(await run(identifier, unknown, true)).toMatchObject({
      status: "FAILED",
      error: { code: "InvalidParameterValue", guidance: expect.stringContaining("rules of the provider") },
    });
    expect(await classesOf(identifier)).toMatchObject({ instanceClass: after, pendingInstanceClass: null });
  });
});

it("for which the host has not the memory has failed, with what to do", async () => {
  expect(await run("solo", "local.medium", true)).toMatchObject({
    status: "FAILED",
    error: {
      code: "InsufficientDBInstanceCapacity",
      message: expect.stringContaining("this host has 1024 MiB"),
      guidance: expect.stringContaining("Choose a smaller class"),
    },
  });
});

it.each(["", " ", "db t4g", "db.t4g.large;", "é", "a".repeat(61), "'", "db/../x"])(
  "%j is no class: nothing is asked, and the refusal is recorded",
  async (instanceClass) => {
    const { answer, operations, records } = await leftBy(app, () =>
      ask(dba, "modifyInstanceClass", { instanceId: "solo", instanceClass }),
    );
    expect(answer).toMatchObject({ code: "BAD_USER_INPUT", errors: [{ extensions: { field: "instanceClass" } }] });
    expect([operations, records]).toMatchObject([0, [{ action: "operation.refused", success: false }]]);
  },
);

it("of production it is refused, and AWS is not asked", async () => {
  const before = under.aws.calls.filter(({ action }) => action === "ModifyDBInstance").length;
  const { answer, operations, records } = await leftBy(app, () =>
    ask(dba, "modifyInstanceClass", { instanceId: "live", instanceClass: "db.r6g.large" }),
  );
  expect(answer).toMatchObject({ code: "PRODUCTION_PROTECTED" });
  expect([operations, records]).toMatchObject([0, [{ action: "operation.refused", success: false }]]);
  expect(under.aws.calls.filter(({ action }) => action === "ModifyDBInstance")).toHaveLength(before);
  expect(await classesOf("live")).toMatchObject({ instanceClass: "db.t4g.medium", pendingInstanceClass: null });
});
