/** A restore whose source becomes production and that does not end well: what it has made in AWS is production all the same. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, hasten, instanceOf, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const TEST = { Environment: "Test" };
const PRODUCTION = { Environment: "Production" };
let under: UnderAws;
let dba: Client;
let made = 0;
const here = () => under.aws.region(ACCOUNT, REGION);

const app = testApp(
  polling({ "aws-rds": 40 }),
  async () => {
    under = await startAws();
    for (let n = 1; n <= 8; n++) here().addInstance({ identifier: `source-${n}`, tags: TEST, retentionDays: 0 });
    here().addCluster({ identifier: "shop", tags: TEST, members: [{ identifier: "shop-1", tags: TEST }] });
    return [under.open()];
  },
  { sweepMs: 200 },
);
beforeAll(async () => {
  dba = await app.as("dba");
});
beforeEach(() => under.aws.forgetCalls());
afterAll(() => under?.aws.stop());

const discover = () => hasten(app, "inventory-aws-rds");
/** @returns an operation, once it has ended; `advance` lets AWS's time pass meanwhile */
const ended = (id: string, advance = true) =>
  eventually(async () => {
    if (advance) under.aws.clock.advance(60_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
/** Requests a restore of an instance of its own, or of a cluster's member, under the name of a copy. */
async function restoring(source = `source-${made + 1}`) {
  made += 1;
  const snapshotId = `shot-${made}`;
  await ended((await accepted(dba, "createSnapshot", { instanceId: source, snapshotId })).id);
  const identifier = `copy-${made}`;
  const { id } = await accepted(dba, "restoreSnapshot", { instanceId: source, snapshotId, identifier });
  return { id: id as string, source, identifier };
}
const isMade = (action = "RestoreDBInstanceFromDBSnapshot") => eventually(() => under.aws.done(action) === 1);
const environmentOf = async (identifier: string) =>
  (await instanceOf(dba, identifier, "environment { environment }")).environment.environment;
/** @returns whether a restore is remembered that may have made something, and how many instances are known as made of production */
async function marks(id: string) {
  const [row] = await app.sql`select may_have_restored, (select count(*)::int from production_copies) as copies
    from operations where id = ${id}`;
  return [row?.may_have_restored, row?.copies];
}
const copies = async () => (await app.sql`select from production_copies`).length;

it("one that is slow: its copy is listed as production with the very listing that finds its source to be that", async () => {
  const before = await copies();
  const { id, source, identifier } = await restoring();
  await isMade();
  here().retag(source, PRODUCTION);
  await discover();
  expect(await operationOf(dba, id)).toMatchObject({ status: "RUNNING" });
  expect([await environmentOf(source), await environmentOf(identifier)]).toEqual(["PRODUCTION", "PRODUCTION"]);
  // What its source is afterwards takes nothing back.
  here().retag(source, TEST);
  await discover();
  expect([await environmentOf(source), await environmentOf(identifier)]).toEqual(["TEST", "PRODUCTION"]);
  expect(await ended(id)).toMatchObject({ status: "SUCCEEDED" });
  expect(await marks(id)).toEqual([false, before + 1]);
});

it("one that fails when its instance is there: that is production when it is listed, whatever its source is by then", async () => {
  const before = await copies();
  const { id, source, identifier } = await restoring();
  await isMade();
  here().retag(source, PRODUCTION);
  here().setStatus(identifier, "incompatible-restore");
  expect(await ended(id)).toMatchObject({ status: "FAILED", error: { code: "InvalidDBInstanceState" } });
  expect(await marks(id)).toEqual([true, before]);
  here().retag(source, TEST);
  await discover();
  expect(await environmentOf(identifier)).toBe("PRODUCTION");
  expect(await marks(id)).toEqual([false, before + 1]);
});

it("one whose answer is lost and that times out unsettled: its copy is production, whenever it is listed", async () => {
  under.aws.fault({ as: "lose-answer", action: "RestoreDBInstanceFromDBSnapshot", times: 1 });
  const { id, source, identifier } = await restoring();
  await isMade();
  expect(await ended(id, false)).toMatchObject({ status: "TIMED_OUT", settledAt: null });
  here().retag(source, PRODUCTION);
  await app.sql`update operations set ended_at = now() - interval '3 days' where id = ${id}`;
  await discover();
  expect(await environmentOf(identifier)).toBe("PRODUCTION");
});

it("a worker that is killed after it has asked leaves a copy that is production", async () => {
  // AWS answers when the worker is gone: another has the operation, and has not looked at it yet.
  const fault = under.aws.fault({
    as: "delay",
    action: "DescribeDBInstances",
    when: ({ parameters }) => parameters.DBInstanceIdentifier === `copy-${made + 1}`,
  });
  const { id, source, identifier } = await restoring();
  await isMade();
  await app.sql`update operations set worker = 'another', lease_until = now() + interval '1 hour' where id = ${id}`;
  here().retag(source, PRODUCTION);
  fault.end();
  await discover();
  expect(await environmentOf(identifier)).toBe("PRODUCTION");
  await app.sql`update operations set lease_until = now() where id = ${id}`;
  expect(await ended(id)).toMatchObject({ status: "SUCCEEDED" });
});

it("one that AWS refuses leaves no mark, and who takes its name later has nothing of it", async () => {
  const before = await copies();
  const action = "RestoreDBInstanceFromDBSnapshot";
  const fault = under.aws.fault({ as: "delay", action });
  under.aws.fault({ as: "refuse", action, code: "InstanceQuotaExceeded", message: "Not now." });
  const { id, source, identifier } = await restoring();
  await eventually(() => under.aws.calls.some((call) => call.action === action));
  here().retag(source, PRODUCTION);
  await discover();
  fault.end();
  expect(await ended(id)).toMatchObject({ status: "FAILED", error: { code: "InstanceQuotaExceeded" } });
  under.aws.endFaults();
  here().addInstance({ identifier, tags: TEST, retentionDays: 0 });
  await discover();
  expect(await environmentOf(identifier)).toBe("TEST");
  expect(await marks(id)).toEqual([false, before]);
});

it("a stranger's instance of that name, which nobody had listed yet, stays what it is", async () => {
  const before = await copies();
  here().addInstance({ identifier: `copy-${made + 1}`, tags: TEST });
  const action = "RestoreDBInstanceFromDBSnapshot";
  const fault = under.aws.fault({ as: "delay", action });
  const { id, source, identifier } = await restoring();
  await eventually(() => under.aws.calls.some((call) => call.action === action));
  here().retag(source, PRODUCTION);
  await discover();
  expect(await environmentOf(identifier)).toBe("TEST");
  fault.end();
  expect(await ended(id)).toMatchObject({ status: "FAILED", error: { code: "DBInstanceAlreadyExists" } });
  expect(await marks(id)).toEqual([false, before]);
});

it("one of a source that is no production leaves what counts by its own", async () => {
  const before = await copies();
  const { id, identifier } = await restoring();
  await isMade();
  await discover();
  expect(await environmentOf(identifier)).toBe("TEST");
  here().setStatus(identifier, "incompatible-restore");
  expect(await ended(id)).toMatchObject({ status: "FAILED" });
  await discover();
  expect(await environmentOf(identifier)).toBe("TEST");
  expect(await marks(id)).toEqual([false, before]);
});

it("a cluster that is left alone: whatever instance somebody adds to it is production", async () => {
  const before = await copies();
  const fault = under.aws.fault({
    as: "refuse",
    action: "CreateDBInstance",
    code: "InstanceQuotaExceeded",
    message: "No.",
  });
  const { id, identifier } = await restoring("shop-1");
  await isMade("RestoreDBClusterFromSnapshot");
  here().retag("shop-1", PRODUCTION);
  expect(await ended(id)).toMatchObject({
    status: "FAILED",
    error: { message: expect.stringContaining("no instance yet") },
  });
  fault.end();
  expect(await marks(id)).toEqual([true, before]);
  here().retag("shop-1", TEST);
  here().addInstance({ identifier: "by-hand", cluster: `${identifier}-cluster`, tags: TEST });
  await discover();
  expect(await environmentOf("by-hand")).toBe("PRODUCTION");
  expect(await marks(id)).toEqual([false, before + 1]);
});
