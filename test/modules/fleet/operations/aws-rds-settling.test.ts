/** Operations on RDS that end after their time-out, or of which AWS never heard: each is settled as it ended. */
import { beforeAll, expect, it } from "vitest";
import { type Client } from "../../../support/app.js";
import { type UnderAws } from "../../../support/aws.js";
import { useAwsFleet } from "../../../support/aws-fleet.js";
import { accepted, ask, hasten, instanceOf, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";

const { app, ended, request, actionsOf, opened } = useAwsFleet(30);
let under: UnderAws;
let dba: Client;
beforeAll(() => {
  ({ under, dba } = opened());
});

// The first, because AWS's time has not passed the operation's yet.
it("a reboot whose question AWS never got times out, and is settled when AWS shows no sign of it an hour later", async () => {
  under.aws.fault({ as: "lose-call", action: "RebootDBInstance", times: 1 });
  const { id } = await accepted(dba, "rebootInstance", { instanceId: "lost-1" });
  const late = await eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
  expect(late).toMatchObject({ status: "TIMED_OUT", error: { code: "TIMED_OUT" }, settledAt: null });
  const asked = () => under.aws.calls.filter(({ action }) => action === "RebootDBInstance").length;
  expect(asked()).toBe(1);
  await hasten(app, "settle-aws-rds");
  expect((await operationOf(dba, id)).settledAt).toBeNull();
  under.aws.clock.advance(61 * 60_000);
  await hasten(app, "settle-aws-rds");
  expect(await operationOf(dba, id)).toMatchObject({
    status: "TIMED_OUT",
    settledAt: expect.any(String),
    settlement: { status: "FAILED", error: { code: "NoSign", guidance: expect.stringMatching(/CloudTrail/) } },
  });
  expect([asked(), under.aws.done("RebootDBInstance")]).toEqual([1, 0]);
  expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended", "operation.settled"]);
}, 40_000);

it("so is what AWS never heard of, and its name is free then", async () => {
  const action = ["CreateDBSnapshot", "ModifyDBInstance"];
  const fault = under.aws.fault({ as: "lose-call", action });
  const taken = { instanceId: "lost-2", snapshotId: "never-taken" };
  const asked = [
    await accepted(dba, "createSnapshot", taken),
    await accepted(dba, "modifyBackupWindow", { instanceId: "lost-3", backupWindow: "09:00-09:30" }),
  ];
  for (const { id } of asked) {
    const late = await eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    }, 20_000);
    expect(late).toMatchObject({ status: "TIMED_OUT", settledAt: null });
  }
  expect((await ask(dba, "createSnapshot", taken)).code).toBe("CONFLICT");
  under.aws.clock.advance(61 * 60_000);
  await hasten(app, "settle-aws-rds");
  fault.end();
  for (const { id } of asked) {
    expect(await operationOf(dba, id)).toMatchObject({ settlement: { status: "FAILED", error: { code: "NoSign" } } });
    expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended", "operation.settled"]);
  }
  await ended((await accepted(dba, "createSnapshot", taken)).id);
}, 40_000);

it("what ends after the time-out is settled as it ended", async () => {
  const { id } = await accepted(dba, "createSnapshot", { instanceId: "late-1" });
  // AWS's time stands still, and so does the snapshot.
  const late = await eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
  expect(late).toMatchObject({ status: "TIMED_OUT", error: { code: "TIMED_OUT" } });
  under.aws.clock.advance(600_000);
  await hasten(app, "settle-aws-rds");
  expect(await operationOf(dba, id)).toMatchObject({
    status: "TIMED_OUT",
    settlement: { status: "SUCCEEDED" },
    snapshot: { status: "available" },
  });
  expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended", "operation.settled"]);
}, 40_000);

it("a restore that ends after the time-out is settled, and its instance is listed then", async () => {
  await request("createSnapshot", { instanceId: "late-1", snapshotId: "of-late" });
  const asked = { instanceId: "late-1", snapshotId: "of-late", identifier: "late-copy" };
  const { id } = await accepted(dba, "restoreSnapshot", asked);
  const late = await eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
  expect(late).toMatchObject({ status: "TIMED_OUT", settledAt: null });
  under.aws.clock.advance(600_000);
  await hasten(app, "settle-aws-rds");
  expect(await operationOf(dba, id)).toMatchObject({ settlement: { status: "SUCCEEDED" } });
  expect(await instanceOf(dba, "late-copy", "status")).toEqual({ status: "available" });
}, 40_000);

it("what AWS began to delete is settled after the time-out; what it never heard of is settled as not done", async () => {
  const cases = [
    ["late-gone", null, { status: "SUCCEEDED" }],
    ["never-gone", "lose-call", { status: "FAILED", error: { code: "NoSign" } }],
  ] as const;
  for (const [snapshotId, as, settlement] of cases) {
    await request("createSnapshot", { instanceId: "late-1", snapshotId });
    const fault = as && under.aws.fault({ as, action: "DeleteDBSnapshot" });
    const { id } = await accepted(dba, "deleteSnapshot", { instanceId: "late-1", snapshotId });
    const late = await eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    }, 20_000);
    expect(late).toMatchObject({ status: "TIMED_OUT", settledAt: null });
    under.aws.clock.advance(61 * 60_000);
    await hasten(app, "settle-aws-rds");
    expect(await operationOf(dba, id)).toMatchObject({ settlement });
    expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended", "operation.settled"]);
    fault?.end();
  }
}, 60_000);

it("what AWS refuses to the end fails with its code and guidance; what it refuses for good fails at once", async () => {
  under.aws.fault({ as: "refuse", code: "InvalidDBInstanceState", message: "It is busy.", action: "RebootDBInstance" });
  expect(await request("rebootInstance", { instanceId: "busy-1" })).toMatchObject({
    status: "FAILED",
    error: { code: "InvalidDBInstanceState", message: "It is busy.", guidance: expect.stringMatching(/available/) },
  });
  under.aws.endFaults();
  under.aws.fault({ as: "deny", action: "RebootDBInstance" });
  expect(await request("rebootInstance", { instanceId: "busy-1" })).toMatchObject({
    status: "FAILED",
    error: { code: "AccessDenied", guidance: expect.stringMatching(/policy/) },
    progress: [],
  });
  under.aws.endFaults();
});
