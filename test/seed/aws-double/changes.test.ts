/** Changes of instances that take an outage: at once, or in the maintenance window; creation and deletion. */
import { afterAll, beforeAll, beforeEach, expect, it, test } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";
import { callerOf } from "./signed-call.js";

const ACCOUNT = "111111111111";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let double: AwsDouble;
const START = Date.parse("2026-09-01T12:00:00Z");

beforeAll(async () => {
  double = await startAwsDouble({ accounts: [{ id: ACCOUNT }], clock: { now: () => new Date(START) } });
});
afterAll(() => double?.stop());

let number = 0;
let name: string;
beforeEach(() => {
  name = `db-${++number}`;
  region().addInstance({ identifier: name });
});

const region = () => double.region(ACCOUNT, "eu-central-1");
const instance = (identifier = name) =>
  region()
    .look()
    .instances.find((each) => each.identifier === identifier);
const on = (action: string, parameters: Record<string, string> = {}) =>
  callerOf(double.url, double.credentials)(action, { DBInstanceIdentifier: name, ...parameters });
const modify = (parameters: Record<string, string>) => on("ModifyDBInstance", parameters);
const now = { ApplyImmediately: "true" };
const code = async (parameters: Record<string, string>) => (await modify(parameters)).get("Code");

it("a class is changed at once where that is wanted", async () => {
  const answer = await modify({ ...now, DBInstanceClass: "db.r6g.large" });
  expect([answer.get("DBInstanceStatus"), answer.get("DBInstanceClass")]).toEqual(["modifying", "db.t4g.medium"]);
  expect(await code({ ...now, DBInstanceClass: "db.r6g.xlarge" })).toBe("InvalidDBInstanceState");
  double.clock.advance(5 * MINUTE);
  expect(instance()).toMatchObject({ status: "available", instanceClass: "db.r6g.large", pending: {} });
  expect(await code({ DBInstanceClass: "large" })).toBe("InvalidParameterValue");
});

it("else a change waits for the maintenance window, which may have moved meanwhile", async () => {
  const answer = await modify({ DBInstanceClass: "db.r6g.large", MultiAZ: "true" });
  expect(answer.text).toContain(
    "<PendingModifiedValues><DBInstanceClass>db.r6g.large</DBInstanceClass><MultiAZ>true</MultiAZ></PendingModifiedValues>",
  );
  await modify({ PreferredMaintenanceWindow: "Mon:05:00-Mon:06:00" });
  const sunday = Date.parse("2026-09-06T05:00:00Z");
  double.clock.advance(sunday - double.clock.now().getTime() + MINUTE);
  expect(instance()).toMatchObject({ status: "available", instanceClass: "db.t4g.medium" });
  double.clock.advance(24 * HOUR);
  expect(instance()).toMatchObject({ status: "modifying" });
  double.clock.advance(5 * MINUTE);
  expect(instance()).toMatchObject({ instanceClass: "db.r6g.large", multiAz: true, secondaryZone: "eu-central-1b" });
});

it("storage grows by a tenth at least, and not twice in six hours", async () => {
  expect(await code({ ...now, AllocatedStorage: "109" })).toBe("InvalidParameterCombination");
  expect(await code({ ...now, AllocatedStorage: "70000" })).toBe("StorageQuotaExceeded");
  await modify({ ...now, AllocatedStorage: "110" });
  double.clock.advance(5 * MINUTE);
  expect(instance()).toMatchObject({ status: "storage-optimization", allocatedStorage: 110 });
  // A snapshot is allowed meanwhile, a reboot is not.
  expect((await on("CreateDBSnapshot", { DBSnapshotIdentifier: `${name}-s` })).status).toBe(200);
  expect((await on("RebootDBInstance")).get("Code")).toBe("InvalidDBInstanceState");
  expect(await code({ ...now, AllocatedStorage: "200" })).toBe("InvalidParameterCombination");
  double.clock.advance(HOUR);
  expect(instance()).toMatchObject({ status: "available" });
  expect(await code({ ...now, AllocatedStorage: "200" })).toBe("InvalidParameterCombination");
  double.clock.advance(5 * HOUR);
  expect((await modify({ ...now, AllocatedStorage: "200" })).status).toBe(200);
});

it("a rename keeps the resource id", async () => {
  const before = instance()!;
  region().addInstance({ identifier: `${name}-taken`, replicaOf: name });
  expect(await code({ ...now, NewDBInstanceIdentifier: `${name}-taken` })).toBe("DBInstanceAlreadyExists");
  expect(await code({ ...now, NewDBInstanceIdentifier: "a--b" })).toBe("InvalidParameterValue");
  expect((await modify({ ...now, NewDBInstanceIdentifier: `${name}-New` })).get("DBInstanceStatus")).toBe("renaming");
  double.clock.advance(MINUTE);
  expect(instance()).toBeUndefined();
  expect(instance(`${name}-new`)).toMatchObject({ resourceId: before.resourceId, status: "rebooting" });
  expect(instance(`${name}-taken`)).toMatchObject({ replicaOf: `${name}-new` });
  double.clock.advance(30_000);
  expect(instance(`${name}-new`)).toMatchObject({ status: "available" });
});

it("a parameter group has to exist, and to fit", async () => {
  region().addParameterGroup("for-mysql", "mysql8.0");
  expect(await code({ DBParameterGroupName: "none" })).toBe("DBParameterGroupNotFound");
  expect(await code({ DBParameterGroupName: "for-mysql" })).toBe("InvalidParameterCombination");
});

it("backups are turned off with an outage, and not for a source of replicas; a stop is refused there too", async () => {
  await modify({ ...now, BackupRetentionPeriod: "0" });
  expect(instance()).toMatchObject({ status: "modifying", retentionDays: 7 });
  double.clock.advance(5 * MINUTE);
  expect(instance()).toMatchObject({ status: "available", retentionDays: 0 });
  await modify({ ...now, BackupRetentionPeriod: "5" });
  double.clock.advance(5 * MINUTE);
  region().addInstance({ identifier: `${name}-replica`, replicaOf: name });
  expect(await code({ ...now, BackupRetentionPeriod: "0" })).toBe("InvalidParameterValue");
  expect((await on("StopDBInstance")).get("Code")).toBe("InvalidDBInstanceState");
  expect((await on("StopDBInstance", { DBInstanceIdentifier: `${name}-replica` })).get("Code")).toBe(
    "InvalidDBInstanceState",
  );
  expect((await on("StartDBInstance")).get("Code")).toBe("InvalidDBInstanceState");
});

it("a new instance is created, backed up, and then available; a deleted one is gone after a while", async () => {
  const fresh = `${name}-fresh`;
  region().createInstance({ identifier: fresh });
  const creating = await on("DescribeDBInstances", { DBInstanceIdentifier: fresh });
  expect([creating.get("DBInstanceStatus"), creating.get("Address")]).toEqual(["creating", null]);
  double.clock.advance(5 * MINUTE);
  expect(instance(fresh)).toMatchObject({ status: "backing-up" });
  double.clock.advance(2 * MINUTE);
  expect(instance(fresh)).toMatchObject({ status: "available" });
  region().deleteInstance(fresh);
  expect(instance(fresh)).toMatchObject({ status: "deleting" });
  double.clock.advance(3 * MINUTE);
  expect(instance(fresh)).toBeUndefined();
  const messages = region()
    .look()
    .events.filter(({ identifier, source }) => identifier === fresh && source === "db-instance")
    .map(({ message }) => message);
  expect(messages).toEqual([
    "DB instance created",
    "Backing up DB instance",
    "Finished DB Instance backup",
    "DB instance deleted",
  ]);
});

test.each([
  ["inaccessible-encryption-credentials", "KMSKeyNotAccessibleFault"],
  ["a-status-of-next-year", "InvalidDBInstanceState"],
  ["storage-full", "InvalidDBInstanceState"],
])("an instance that is %s is not rebooted: %s", async (status, expected) => {
  region().setStatus(name, status);
  expect((await on("DescribeDBInstances")).get("DBInstanceStatus")).toBe(status);
  expect((await on("RebootDBInstance")).get("Code")).toBe(expected);
});

it("what was to follow does not, where the status was set meanwhile", async () => {
  await on("RebootDBInstance");
  region().setStatus(name, "failed");
  double.clock.advance(HOUR);
  expect(instance()).toMatchObject({ status: "failed" });
});

it("what waits is applied by any change that is wanted at once, and by no other", async () => {
  await modify({ DBInstanceClass: "db.r6g.large" });
  await modify({ PreferredBackupWindow: "04:00-04:30" });
  double.clock.advance(10 * MINUTE);
  expect(instance()).toMatchObject({ instanceClass: "db.t4g.medium", pending: { instanceClass: "db.r6g.large" } });
  await modify({ ...now, PreferredBackupWindow: "04:15-04:45" });
  expect(instance()).toMatchObject({ status: "modifying", pending: {} });
  double.clock.advance(10 * MINUTE);
  expect(instance()).toMatchObject({ instanceClass: "db.r6g.large", backupWindow: "04:15-04:45" });
});
