/** Stopping and starting through the API, on both providers: what comes of it, what a stopped instance accepts, and what is refused. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import {
  accepted,
  ask,
  hasten,
  instanceOf,
  leftBy,
  operationOf,
  planned,
  recordsOf,
  type Verb,
} from "../../../support/fleet-app.js";
import { NEW, useGround } from "../../../support/ground.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const TEST = { Environment: "Test" };
const ground = useGround();
let local: LocalProvider;
let under: UnderAws;
let dba: Client;

const app = testApp(
  polling({ local: 600, "aws-rds": 100 }),
  async () => {
    local = await ground.open();
    await local.create({ ...NEW, identifier: "solo" });
    under = await startAws();
    const here = under.aws.region(ACCOUNT, REGION);
    here.addParameterGroup("other", "mysql8.0");
    for (const identifier of ["alone", "source"]) here.addInstance({ identifier, tags: TEST, retentionDays: 0 });
    here.addInstance({ identifier: "replica", tags: TEST, retentionDays: 0, replicaOf: "source" });
    here.addInstance({ identifier: "wide", engine: "sqlserver-se", multiAz: true, tags: TEST, retentionDays: 0 });
    const members = (name: string) => ["1", "2"].map((n) => ({ identifier: `${name}-${n}`, tags: TEST }));
    here.addCluster({ identifier: "shop", tags: TEST, members: members("shop") });
    here.addCluster({ identifier: "three", engine: "postgres", tags: TEST, members: members("three") });
    return [local, under.open()];
  },
  { sweepMs: 200 },
);
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(async () => {
  await local?.stopAll();
  await under?.aws.stop();
});

const MOMENT = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
/** Waits for the end of an operation, while AWS's time passes. */
const ended = (id: string) =>
  eventually(async () => {
    under.aws.clock.advance(10_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
const run = async (verb: "stopInstance" | "startInstance", instanceId: string) =>
  ended((await accepted(dba, verb, { instanceId })).id);
/** The status, and which operations on its servers are allowed. */
const seen = async (identifier: string) => {
  const { status, availableOperations } = await instanceOf(
    dba,
    identifier,
    "status availableOperations { type allowed }",
  );
  const ofServers = /^(CREATE_SNAPSHOT|REBOOT_INSTANCE|MODIFY_BACKUP_WINDOW|STOP_INSTANCE|START_INSTANCE)$/;
  const allowed = (availableOperations as { type: string; allowed: boolean }[]).filter((each) => each.allowed);
  return [status, allowed.flatMap(({ type }) => (ofServers.test(type) ? [type] : []))];
};

describe.each(["solo", "alone"])("%s", (identifier) => {
  it("is stopped and started at times ahead, whatever its status is when that is requested", async () => {
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const [start, stop] = await Promise.all(
      (["startInstance", "stopInstance"] as const).map((verb) =>
        accepted(dba, verb, { instanceId: identifier, runAt }),
      ),
    );
    for (const { id } of [stop, start]) {
      await app.sql`update operations set run_at = now() where id = ${id}`;
      expect(await ended(id)).toMatchObject({ status: "SUCCEEDED" });
    }
    await hasten(app, "inventory-aws-rds");
    expect((await seen(identifier))[0]).toBe("available");
  });
});

describe.each([
  ["solo", "solo-a", null],
  ["alone", "alone", MOMENT],
  ["shop-2", "shop-1", MOMENT],
])("%s", (identifier, primary, startsAgainAt) => {
  it("is stopped, with its records, and then its servers accept nothing but a start", async () => {
    const operation = await run("stopInstance", identifier);
    expect(operation).toMatchObject({
      type: "STOP_INSTANCE",
      status: "SUCCEEDED",
      resourceStatus: "stopped",
      parameters: {},
      result: { stoppedAt: MOMENT, startsAgainAt },
    });
    const { id: instanceId } = operation.instance;
    expect(await recordsOf(app, operation.id)).toMatchObject([
      {
        action: "operation.requested",
        actor: { email: EMAILS.dba },
        parameters: { type: "STOP_INSTANCE", instanceId, identifier },
      },
      { action: "operation.ended", result: { status: "SUCCEEDED", result: { stoppedAt: MOMENT } }, success: true },
    ]);
    await hasten(app, "inventory-aws-rds");
    expect(await seen(identifier)).toEqual(["stopped", ["START_INSTANCE"]]);
    for (const [verb, more] of [
      ["stopInstance", {}],
      ["rebootInstance", {}],
      ["createSnapshot", {}],
      ["modifyBackupWindow", { backupWindow: "09:00-09:30" }],
    ] as const) {
      const { answer, operations, records } = await leftBy(app, () =>
        ask(dba, verb, { instanceId: identifier, ...more }),
      );
      expect(answer).toMatchObject({
        code: "FAILED_PRECONDITION",
        errors: [
          {
            message:
              verb === "stopInstance"
                ? "This instance is stopped. There is nothing to stop: start it when it is needed again."
                : "This instance is stopped. Start it first.",
            extensions: { state: "stopped" },
          },
        ],
      });
      expect([operations, records]).toMatchObject([0, [{ action: "operation.refused", success: false }]]);
    }
  });

  it("is started again, and not twice", async () => {
    const operation = await run("startInstance", identifier);
    expect(operation).toMatchObject({
      type: "START_INSTANCE",
      status: "SUCCEEDED",
      resourceStatus: "available",
      result: { startedAt: MOMENT, primary },
    });
    expect((await recordsOf(app, operation.id)).map(({ action }) => action)).toEqual([
      "operation.requested",
      "operation.ended",
    ]);
    await hasten(app, "inventory-aws-rds");
    expect((await seen(identifier))[0]).toBe("available");
    expect(await ask(dba, "startInstance", { instanceId: identifier })).toMatchObject({
      code: "FAILED_PRECONDITION",
      errors: [{ message: "This instance is available. There is nothing to start: stop it first, or reboot it." }],
    });
  });
});

it("of a member all of the cluster was stopped and started, by one call each", async () => {
  expect(["StopDBCluster", "StartDBCluster"].map((action) => under.aws.done(action))).toEqual([1, 1]);
  expect((await instanceOf(dba, "shop-1", "status")).status).toBe("available");
});

it.each([
  ["replica", "RDS stops no read replica."],
  ["source", "RDS stops no instance that has read replicas: replica."],
  ["wide", "RDS stops no Multi-AZ instance of SQL Server."],
  ["three-1", "RDS stops and starts no clusters but Aurora's."],
])("what RDS never stops is not asked for: %s", async (identifier, message) => {
  const before = under.aws.calls.filter(({ action }) => action.startsWith("Stop")).length;
  const plan = await planned(dba, "stopInstance", { instanceId: identifier }, "accepted code reason");
  expect(plan).toEqual({ accepted: false, code: "NotStoppable", reason: message });
  expect(await run("stopInstance", identifier)).toMatchObject({
    status: "FAILED",
    error: { code: "NotStoppable", message, guidance: expect.stringContaining("RDS never stops") },
  });
  expect(under.aws.calls.filter(({ action }) => action.startsWith("Stop"))).toHaveLength(before);
});

it.each<[Verb, Record<string, unknown>, string]>([
  ["deleteSnapshot", { instanceId: "alone", snapshotId: "unseen" }, "DBSnapshotNotFound"],
  ["modifyInstanceClass", { instanceId: "three-1", instanceClass: "db.r6g.large" }, "NotSupported"],
  ["rebootInstance", { instanceId: "shop-1", forceFailover: true }, "StandbyUnavailable"],
  ["changeParameterGroup", { instanceId: "alone", parameterGroup: "none" }, "DBParameterGroupNotFound"],
  ["changeParameterGroup", { instanceId: "alone", parameterGroup: "other" }, "InvalidParameterCombination"],
])("what a plan says that RDS refuses is what it then refuses: %s of %j", async (verb, input, code) => {
  // AWS does not know this snapshot, and shows a reader that is busy.
  await app.sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, tags, automated, created_at)
    select id, 'unseen', 'arn:unseen', 'u', 'available', '[]', false, now() from instances where identifier = 'alone'
    on conflict do nothing`;
  under.aws.region(ACCOUNT, REGION).setStatus("shop-2", "modifying");
  onTestFinished(() => under.aws.region(ACCOUNT, REGION).setStatus("shop-2", "available"));
  const plan = await planned(dba, verb, input, "accepted code reason");
  expect(plan).toMatchObject({ accepted: false, code });
  const { error } = await ended((await accepted(dba, verb, input)).id);
  expect(error).toMatchObject({ code, message: plan.reason });
});

it("a plan looks at AWS once and only for what that would refuse, and does not wait for AWS", async () => {
  under.aws.forgetCalls();
  const plan = (fields: string) => planned(dba, "stopInstance", { instanceId: "replica" }, fields);
  // Nothing else asks for events, as no operation runs.
  const looks = () => under.aws.calls.filter(({ action }) => action === "DescribeEvents").length;
  await plan("calls outage status");
  expect(looks()).toBe(0);
  await plan("accepted code reason");
  expect(looks()).toBe(1);
  const silence = under.aws.fault({ as: "delay" });
  onTestFinished(() => silence.end());
  const beganMs = performance.now();
  expect(await plan("accepted code")).toEqual({ accepted: true, code: null });
  expect(performance.now() - beganMs).toBeLessThan(8_000);
});
