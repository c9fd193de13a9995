/** Instances over time: snapshots, reboots, windows, stops, as AWS lets them be. */
import { afterAll, beforeAll, beforeEach, expect, it, test } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";
import { callerOf } from "./signed-call.js";

const ACCOUNT = "111111111111";
const REGION = "eu-central-1";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
let double: AwsDouble;
/** A Tuesday at noon: no window is open. */
const START = Date.parse("2026-09-01T12:00:00Z");

beforeAll(async () => {
  double = await startAwsDouble({ accounts: [{ id: ACCOUNT }], clock: { now: () => new Date(START) } });
});
afterAll(() => double?.stop());

let number = 0;
/** The instance of each test. */
let name: string;
beforeEach(() => {
  name = `db-${++number}`;
  region().addInstance({ identifier: name, tags: { Environment: "dev" } });
});

const region = () => double.region(ACCOUNT, REGION);
const call = (action: string, parameters: Record<string, string> = {}) =>
  callerOf(double.url, double.credentials)(action, parameters);
const onIt = (action: string, parameters: Record<string, string> = {}) =>
  call(action, { DBInstanceIdentifier: name, ...parameters });
const look = () => onIt("DescribeDBInstances");
const status = async () => (await look()).get("DBInstanceStatus");
const refusal = async (action: string, parameters: Record<string, string> = {}) => {
  const { status, get } = await onIt(action, parameters);
  return [status, get("Code"), get("Message")];
};
const eventsOf = async (type: string, identifier: string) => {
  const answer = await call("DescribeEvents", { SourceType: type, SourceIdentifier: identifier });
  return answer.all("Message");
};

it("a snapshot is made in a minute and a half, while the instance backs up", async () => {
  const snapshot = () => call("DescribeDBSnapshots", { DBSnapshotIdentifier: `${name}-s` });
  const begun = await onIt("CreateDBSnapshot", {
    DBSnapshotIdentifier: `${name}-S`,
    "Tags.Tag.1.Key": "By",
    "Tags.Tag.1.Value": "a & b",
  });
  // AWS says that this tag's value is not valid.
  expect(begun.get("Code")).toBe("InvalidParameterValue");
  const tags = { "Tags.Tag.1.Key": "By", "Tags.Tag.1.Value": "a test" };
  const answer = await onIt("CreateDBSnapshot", { DBSnapshotIdentifier: `${name}-S`, ...tags });
  expect([answer.get("Status"), answer.get("PercentProgress"), answer.get("SnapshotCreateTime")]).toEqual([
    "creating",
    "0",
    null,
  ]);
  expect(await status()).toBe("backing-up");
  double.clock.advance(45_000);
  expect((await snapshot()).get("PercentProgress")).toBe("50");
  expect(await refusal("CreateDBSnapshot", { DBSnapshotIdentifier: `${name}-t` })).toEqual([
    ...[400, "InvalidDBInstanceState"],
    `Cannot create a snapshot because the database instance ${name} is not currently in the available state.`,
  ]);
  double.clock.advance(45_000);
  const end = await snapshot();
  expect([end.get("Status"), end.get("PercentProgress"), end.get("SnapshotType")]).toEqual([
    "available",
    "100",
    "manual",
  ]);
  expect([end.get("Key"), end.get("Value")]).toEqual(["By", "a test"]);
  expect(end.get("DBSnapshotArn")).toBe(`arn:aws:rds:${REGION}:${ACCOUNT}:snapshot:${name}-s`);
  expect(await status()).toBe("available");
  expect((await refusal("CreateDBSnapshot", { DBSnapshotIdentifier: `${name}-S` })).slice(0, 2)).toEqual([
    ...[400, "DBSnapshotAlreadyExists"],
  ]);
  expect(await eventsOf("db-snapshot", `${name}-s`)).toEqual(["Creating manual snapshot", "Manual snapshot created"]);
  expect(await eventsOf("db-instance", name)).toEqual(["Backing up DB instance", "Finished DB Instance backup"]);
});

it("a reboot takes half a minute, and ends a parameter group's waiting", async () => {
  region().addParameterGroup("tuned", "postgres16");
  expect((await onIt("ModifyDBInstance", { DBParameterGroupName: "tuned" })).get("ParameterApplyStatus")).toBe(
    "applying",
  );
  double.clock.advance(MINUTE);
  expect((await look()).get("ParameterApplyStatus")).toBe("pending-reboot");
  expect((await onIt("RebootDBInstance")).get("DBInstanceStatus")).toBe("rebooting");
  expect(await refusal("RebootDBInstance")).toEqual([
    ...[400, "InvalidDBInstanceState"],
    "Instance cannot currently reboot due to an in-progress management operation.",
  ]);
  double.clock.advance(29_000);
  expect(await status()).toBe("rebooting");
  double.clock.advance(1_000);
  expect(await status()).toBe("available");
  expect((await look()).get("ParameterApplyStatus")).toBe("in-sync");
  expect((await eventsOf("db-instance", name)).slice(-2)).toEqual(["DB instance shutdown", "DB instance restarted"]);
});

it("a failover takes a minute, and shows its zones three minutes later", async () => {
  expect((await refusal("RebootDBInstance", { ForceFailover: "true" }))[1]).toBe("InvalidParameterCombination");
  name = `${name}-multi`;
  region().addInstance({ identifier: name, multiAz: true });
  const zones = async () => {
    const answer = await look();
    return [answer.get("AvailabilityZone"), answer.get("SecondaryAvailabilityZone")];
  };
  await onIt("RebootDBInstance", { ForceFailover: "true" });
  double.clock.advance(MINUTE);
  expect([await status(), ...(await zones())]).toEqual(["available", "eu-central-1a", "eu-central-1b"]);
  double.clock.advance(3 * MINUTE);
  expect(await zones()).toEqual(["eu-central-1b", "eu-central-1a"]);
  expect(await eventsOf("db-instance", name)).toEqual([
    "Multi-AZ instance failover started",
    "DB instance restarted",
    "Multi-AZ instance failover completed",
  ]);
});

it("a backup window applies soon, without an outage, whatever ApplyImmediately says", async () => {
  const answer = await onIt("ModifyDBInstance", { PreferredBackupWindow: "04:00-04:30", ApplyImmediately: "false" });
  expect([answer.get("DBInstanceStatus"), answer.get("PreferredBackupWindow")]).toEqual(["modifying", "03:00-03:30"]);
  double.clock.advance(15_000);
  expect([await status(), (await look()).get("PreferredBackupWindow")]).toEqual(["available", "04:00-04:30"]);
  expect(await refusal("ModifyDBInstance", { PreferredBackupWindow: "04:00-04:30" })).toEqual([
    ...[400, "InvalidParameterCombination", "No modifications were requested"],
  ]);
});

test.each([
  [{ PreferredBackupWindow: "05:30-06:30" }, "The backup window and maintenance window must not overlap."],
  [{ PreferredMaintenanceWindow: "Mon:02:00-Mon:03:15" }, "The backup window and maintenance window must not overlap."],
  [{ PreferredMaintenanceWindow: "mon:01:00-mon:01:15" }, "The maintenance window must be at least 30 minutes."],
  [{ PreferredMaintenanceWindow: "mon:01:00-tue:01:00" }, "Maintenance window must be less than 24 hours."],
  [{ PreferredBackupWindow: "04:00-04:15" }, "The backup window must be at least 30 minutes."],
  [{ PreferredBackupWindow: "4-5" }, expect.stringContaining("Invalid backup window format: 4-5.")],
  [{ BackupRetentionPeriod: "36" }, expect.stringContaining("Must be between 0 and 35.")],
  [{ OptionGroupName: "x" }, "This simulated RDS does not change OptionGroupName."],
])("%j is an invalid value", async (parameters, message) => {
  expect(await refusal("ModifyDBInstance", parameters)).toEqual([400, "InvalidParameterValue", message]);
});

it("a stopped instance changes nothing, and starts by itself after seven days", async () => {
  await onIt("ModifyDBInstance", { DBInstanceClass: "db.r6g.large" });
  expect((await onIt("StopDBInstance")).get("DBInstanceStatus")).toBe("stopping");
  double.clock.advance(2 * MINUTE);
  const stopped = await look();
  expect([stopped.get("DBInstanceStatus"), stopped.get("AutomaticRestartTime")]).toEqual([
    "stopped",
    new Date(double.clock.now().getTime() + 7 * DAY).toISOString(),
  ]);
  // What waited for the maintenance window is dropped.
  expect(stopped.text).toContain("<PendingModifiedValues/>");
  for (const action of ["RebootDBInstance", "CreateDBSnapshot", "StopDBInstance"])
    expect((await refusal(action, { DBSnapshotIdentifier: "x" }))[1]).toBe("InvalidDBInstanceState");
  expect((await refusal("ModifyDBInstance", { PreferredBackupWindow: "04:00-04:30" }))[1]).toBe(
    "InvalidDBInstanceState",
  );
  double.clock.advance(7 * DAY - 1);
  expect(await status()).toBe("stopped");
  double.clock.advance(1);
  expect(await status()).toBe("starting");
  double.clock.advance(3 * MINUTE);
  expect([await status(), (await look()).get("DBInstanceClass")]).toEqual(["available", "db.t4g.medium"]);
  const messages = region()
    .look()
    .events.filter(({ identifier }) => identifier === name)
    .map(({ message }) => message);
  expect(messages.filter((message) => message.includes("start"))).toEqual([
    "DB instance is being started due to it exceeding the maximum allowed time being stopped.",
    "DB instance started",
  ]);
});
