/** Clusters: their members, their own calls, failover. */
import { afterAll, beforeAll, beforeEach, expect, it, test } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";
import { callerOf } from "./signed-call.js";

const ACCOUNT = "111111111111";
let double: AwsDouble;
const START = Date.parse("2026-09-01T12:00:00Z");

beforeAll(async () => {
  double = await startAwsDouble({ accounts: [{ id: ACCOUNT }], clock: { now: () => new Date(START) } });
});
afterAll(() => double?.stop());

let number = 0;
/** The cluster of each test, with two members. */
let name: string;
beforeEach(() => {
  name = `au${++number}`;
  const members = [{ identifier: `${name}-1` }, { identifier: `${name}-2` }];
  region().addCluster({ identifier: name, tags: { Stage: "prod" }, members });
});

const region = () => double.region(ACCOUNT, "eu-central-1");
const call = (action: string, parameters: Record<string, string> = {}) =>
  callerOf(double.url, double.credentials)(action, parameters);
const onIt = (action: string, parameters: Record<string, string> = {}) =>
  call(action, { DBClusterIdentifier: name, ...parameters });
const cluster = () =>
  region()
    .look()
    .clusters.find(({ identifier }) => identifier === name)!;

it("members name their cluster, and the cluster its members, its writer and its tags", async () => {
  const answer = await onIt("DescribeDBClusters");
  expect(answer.all("DBInstanceIdentifier")).toEqual([`${name}-1`, `${name}-2`]);
  expect(answer.all("IsClusterWriter")).toEqual(["true", "false"]);
  expect([answer.get("Key"), answer.get("Value"), answer.get("Engine")]).toEqual([
    "Stage",
    "prod",
    "aurora-postgresql",
  ]);
  const filter = { "Filters.Filter.1.Name": "db-cluster-id", "Filters.Filter.1.Values.Value.1": name };
  const members = await call("DescribeDBInstances", filter);
  expect(members.all("DBInstanceIdentifier")).toEqual([`${name}-1`, `${name}-2`]);
  expect(members.all("DBClusterIdentifier")).toEqual([name, name]);
  const none = await onIt("DescribeDBClusters", { DBClusterIdentifier: "none" });
  expect([none.status, none.get("Code")]).toEqual([404, "DBClusterNotFoundFault"]);
});

it("snapshots and windows are the cluster's, and a member refuses them", async () => {
  const member = { DBInstanceIdentifier: `${name}-1` };
  const snapshot = await call("CreateDBSnapshot", { ...member, DBSnapshotIdentifier: "s" });
  expect([snapshot.status, snapshot.get("Code")]).toEqual([400, "InvalidDBInstanceState"]);
  const window = await call("ModifyDBInstance", { ...member, PreferredBackupWindow: "04:00-04:30" });
  expect([window.get("Code"), window.get("Message")]).toEqual([
    "InvalidParameterCombination",
    "The requested DB Instance will be a member of a DB Cluster. Set backup window for the DB Cluster.",
  ]);
  expect((await call("StopDBInstance", member)).get("Code")).toBe("InvalidDBInstanceState");
  expect((await call("RebootDBInstance", { ...member, ForceFailover: "true" })).get("Code")).toBe(
    "InvalidParameterCombination",
  );

  const begun = await onIt("CreateDBClusterSnapshot", { DBClusterSnapshotIdentifier: `${name}-s` });
  expect([begun.get("Status"), begun.get("PercentProgress"), cluster().status]).toEqual(["creating", "0", "available"]);
  double.clock.advance(60_000);
  const end = await onIt("DescribeDBClusterSnapshots");
  expect([end.get("Status"), end.get("SnapshotType")]).toEqual(["available", "manual"]);
  const long = await onIt("CreateDBClusterSnapshot", { DBClusterSnapshotIdentifier: "s".repeat(64) });
  expect(long.get("Code")).toBe("InvalidParameterValue");
  const again = await onIt("CreateDBClusterSnapshot", { DBClusterSnapshotIdentifier: `${name}-S` });
  expect(again.get("Code")).toBe("DBClusterSnapshotAlreadyExistsFault");

  expect((await onIt("ModifyDBCluster", { PreferredBackupWindow: "04:00-04:30" })).get("Status")).toBe("modifying");
  const busy = await onIt("CreateDBClusterSnapshot", { DBClusterSnapshotIdentifier: "t" });
  expect(busy.get("Code")).toBe("InvalidDBClusterStateFault");
  double.clock.advance(15_000);
  const members = await call("DescribeDBInstances", member);
  expect(members.get("PreferredBackupWindow")).toBe("04:00-04:30");
  const same = await onIt("ModifyDBCluster", { PreferredBackupWindow: "04:00-04:30" });
  expect(same.get("Message")).toBe("No modifications were requested");
  const overlap = await onIt("ModifyDBCluster", { PreferredBackupWindow: "05:00-05:30" });
  expect(overlap.get("Message")).toBe("The backup window and maintenance window must not overlap.");
});

it("a failover makes the named reader the writer, and without a name the first in the order of promotion", async () => {
  const begun = await onIt("FailoverDBCluster", { TargetDBInstanceIdentifier: `${name}-2` });
  expect([begun.get("Status"), cluster().writer]).toEqual(["failing-over", `${name}-1`]);
  expect((await onIt("FailoverDBCluster")).get("Code")).toBe("InvalidDBClusterStateFault");
  double.clock.advance(30_000);
  expect([cluster().status, cluster().writer]).toEqual(["available", `${name}-2`]);
  const events = await call("DescribeEvents", { SourceType: "db-cluster", SourceIdentifier: name });
  expect(events.all("Message")).toEqual([
    `Started cross AZ failover to DB instance: ${name}-2`,
    `Completed failover to DB instance: ${name}-2`,
  ]);
  region().addInstance({ identifier: `${name}-3`, cluster: name, promotionTier: 0 });
  await onIt("FailoverDBCluster");
  double.clock.advance(30_000);
  expect(cluster().writer).toBe(`${name}-3`);
});

test("a failover to nothing that can take over is refused", async () => {
  const to = async (target: string) => {
    const answer = await onIt("FailoverDBCluster", { TargetDBInstanceIdentifier: target });
    return [answer.status, answer.get("Code")];
  };
  region().addInstance({ identifier: `${name}-alone` });
  expect(await to(`${name}-1`)).toEqual([400, "InvalidDBClusterStateFault"]);
  expect(await to(`${name}-alone`)).toEqual([400, "InvalidDBInstanceState"]);
  expect(await to("none")).toEqual([404, "DBInstanceNotFound"]);
  region().setStatus(`${name}-2`, "rebooting");
  expect(await to(`${name}-2`)).toEqual([400, "InvalidDBInstanceState"]);
  expect((await onIt("FailoverDBCluster")).get("Code")).toBe("InvalidDBClusterStateFault");
});

it("a Multi-AZ cluster of another engine backs up while its snapshot is made", async () => {
  name = `${name}-multi`;
  const members = [1, 2, 3].map((n) => ({ identifier: `${name}-${n}`, instanceClass: "db.m5d.large" }));
  region().addCluster({ identifier: name, engine: "mysql", members });
  const answer = await onIt("DescribeDBClusters");
  expect([answer.get("DBClusterInstanceClass"), answer.get("MultiAZ")]).toEqual(["db.m5d.large", "true"]);
  expect(answer.all("AvailabilityZone")).toEqual(["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
  await onIt("CreateDBClusterSnapshot", { DBClusterSnapshotIdentifier: `${name}-s` });
  expect(cluster().status).toBe("backing-up");
  double.clock.advance(60_000);
  expect(cluster().status).toBe("available");
  const member = { DBInstanceIdentifier: `${name}-3` };
  expect((await call("RebootDBInstance", member)).get("DBInstanceStatus")).toBe("rebooting");
});

it("an Aurora cluster stops and starts with its members, and by itself after seven days; others do not", async () => {
  const statuses = () => [
    cluster().status,
    ...region()
      .look()
      .instances.flatMap(({ cluster: of, status }) => (of === name ? [status] : [])),
  ];
  expect((await onIt("StopDBCluster")).get("Status")).toBe("stopping");
  expect((await onIt("StopDBCluster")).get("Code")).toBe("InvalidDBClusterStateFault");
  double.clock.advance(120_000);
  expect(statuses()).toEqual(["stopped", "stopped", "stopped"]);
  const again = new Date(double.clock.now().getTime() + 7 * 86_400_000).toISOString();
  expect((await onIt("DescribeDBClusters")).get("AutomaticRestartTime")).toBe(again);
  expect((await onIt("StartDBCluster")).get("Status")).toBe("starting");
  expect((await onIt("StartDBCluster")).get("Code")).toBe("InvalidDBClusterStateFault");
  double.clock.advance(180_000);
  await onIt("DescribeDBClusters");
  expect(statuses()).toEqual(["available", "available", "available"]);
  await onIt("StopDBCluster");
  double.clock.advance(8 * 86_400_000);
  await onIt("DescribeDBClusters");
  expect(statuses()).toEqual(["available", "available", "available"]);
  const messages = region()
    .look()
    .events.filter(({ identifier }) => identifier === name)
    .map(({ message }) => message);
  expect(messages.filter((message) => /st(opped|arted)/.test(message))).toEqual([
    ...["DB cluster stopped", "DB cluster started", "DB cluster stopped"],
    "DB cluster is being started due to it exceeding the maximum allowed time being stopped.",
    "DB cluster started",
  ]);
  region().addCluster({ identifier: `${name}-mz`, engine: "postgres", members: [{ identifier: `${name}-mz-1` }] });
  const other = await call("StopDBCluster", { DBClusterIdentifier: `${name}-mz` });
  expect(other.get("Code")).toBe("InvalidParameterCombination");
});
