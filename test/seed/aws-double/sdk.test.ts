/** AWS's own SDK understands every answer of the double, and knows its refusals by their classes. */
import * as rds from "@aws-sdk/client-rds";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";

const ACCOUNT = "111122223333";
const REGION = "eu-central-1";
const START = new Date("2026-09-01T12:00:00Z");
/** What XML has to escape. */
const VALUE = 'a & <b> "c" \'é\n';
let double: AwsDouble;
let client: rds.RDSClient;

beforeAll(async () => {
  const roles = [{ name: "postern", externalId: "postern-42" }];
  double = await startAwsDouble({ accounts: [{ id: ACCOUNT, roles }], clock: { now: () => START } });
  const region = double.region(ACCOUNT, REGION);
  region.addInstance({ identifier: "one", multiAz: true, tags: { Note: VALUE } });
  region.addCluster({ identifier: "au", members: [{ identifier: "au-1" }, { identifier: "au-2" }] });
  const reached = { endpoint: double.url, region: REGION, maxAttempts: 1 };
  const sts = new STSClient({ ...reached, credentials: double.credentials });
  expect((await sts.send(new GetCallerIdentityCommand())).Account).toBe(ACCOUNT);
  const role = {
    RoleArn: `arn:aws:iam::${ACCOUNT}:role/postern`,
    RoleSessionName: "a-test",
    ExternalId: "postern-42",
  };
  const { Credentials: session } = await sts.send(new AssumeRoleCommand(role));
  const credentials = {
    accessKeyId: session!.AccessKeyId!,
    secretAccessKey: session!.SecretAccessKey!,
    sessionToken: session!.SessionToken!,
  };
  client = new rds.RDSClient({ ...reached, credentials });
});
afterAll(() => double?.stop());

const one = { DBInstanceIdentifier: "one" };
const au = { DBClusterIdentifier: "au" };
const later = () => double.clock.advance(200_000);

it("reads instances and clusters with all that they have", async () => {
  const { DBInstances: instances } = await client.send(new rds.DescribeDBInstancesCommand({}));
  expect(instances!.map(({ DBInstanceIdentifier: name }) => name)).toEqual(["au-1", "au-2", "one"]);
  expect(instances![2]).toMatchObject({
    DBInstanceStatus: "available",
    Endpoint: { Address: expect.stringMatching(/^one\..+\.eu-central-1\.rds\.amazonaws\.com$/), Port: 5432 },
    InstanceCreateTime: START,
    MultiAZ: true,
    SecondaryAvailabilityZone: "eu-central-1b",
    PendingModifiedValues: {},
    ReadReplicaDBInstanceIdentifiers: [],
    DBParameterGroups: [{ DBParameterGroupName: "default.postgres16", ParameterApplyStatus: "in-sync" }],
    DBInstanceArn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:one`,
    TagList: [{ Key: "Note", Value: VALUE }],
  });
  const { DBClusters: clusters } = await client.send(new rds.DescribeDBClustersCommand({}));
  expect(clusters).toMatchObject([
    {
      Status: "available",
      DBClusterMembers: [
        { DBInstanceIdentifier: "au-1", IsClusterWriter: true },
        { DBInstanceIdentifier: "au-2", IsClusterWriter: false },
      ],
      AvailabilityZones: ["eu-central-1a", "eu-central-1b"],
      TagList: [],
    },
  ]);
  const none = await client.send(new rds.DescribeDBSnapshotsCommand({ SnapshotType: "shared" }));
  expect([none.DBSnapshots, none.Marker]).toEqual([[], undefined]);
});

it("reads what every change answers", async () => {
  const snapshot = { ...one, DBSnapshotIdentifier: "s", Tags: [{ Key: "By", Value: "test" }] };
  const { DBSnapshot: taken } = await client.send(new rds.CreateDBSnapshotCommand(snapshot));
  expect(taken).toMatchObject({ Status: "creating", PercentProgress: 0, TagList: snapshot.Tags });
  const ofCluster = { ...au, DBClusterSnapshotIdentifier: "s" };
  const { DBClusterSnapshot: cluster } = await client.send(new rds.CreateDBClusterSnapshotCommand(ofCluster));
  expect(cluster).toMatchObject({ Status: "creating", SnapshotCreateTime: START });
  later();
  const { DBSnapshots: snapshots } = await client.send(new rds.DescribeDBSnapshotsCommand(one));
  expect(snapshots).toMatchObject([{ Status: "available", PercentProgress: 100, SnapshotCreateTime: START }]);
  const { DBClusterSnapshots: ofClusters } = await client.send(new rds.DescribeDBClusterSnapshotsCommand(au));
  expect(ofClusters).toMatchObject([{ Status: "available", SnapshotType: "manual" }]);

  const { DBInstance: rebooting } = await client.send(new rds.RebootDBInstanceCommand({ ...one, ForceFailover: true }));
  expect(rebooting!.DBInstanceStatus).toBe("rebooting");
  later();
  const wanted = { PreferredBackupWindow: "04:00-04:30", ApplyImmediately: true };
  const { DBInstance: modifying } = await client.send(new rds.ModifyDBInstanceCommand({ ...one, ...wanted }));
  expect(modifying!.DBInstanceStatus).toBe("modifying");
  const { DBCluster: changing } = await client.send(new rds.ModifyDBClusterCommand({ ...au, ...wanted }));
  expect(changing!.Status).toBe("modifying");
  later();
  const target = { ...au, TargetDBInstanceIdentifier: "au-2" };
  const { DBCluster: failing } = await client.send(new rds.FailoverDBClusterCommand(target));
  expect(failing!.Status).toBe("failing-over");
  const { DBInstance: stopping } = await client.send(new rds.StopDBInstanceCommand(one));
  expect(stopping!.DBInstanceStatus).toBe("stopping");
  later();
  const { DBInstance: starting } = await client.send(new rds.StartDBInstanceCommand(one));
  expect(starting!.DBInstanceStatus).toBe("starting");

  const ResourceName = `arn:aws:rds:${REGION}:${ACCOUNT}:snapshot:s`;
  const listTags = async () => (await client.send(new rds.ListTagsForResourceCommand({ ResourceName }))).TagList;
  await client.send(new rds.AddTagsToResourceCommand({ ResourceName, Tags: [{ Key: "More", Value: "1" }] }));
  expect(await listTags()).toEqual([...snapshot.Tags, { Key: "More", Value: "1" }]);
  await client.send(new rds.RemoveTagsFromResourceCommand({ ResourceName, TagKeys: ["By"] }));
  expect(await listTags()).toEqual([{ Key: "More", Value: "1" }]);

  const { DBSnapshot: deleted } = await client.send(new rds.DeleteDBSnapshotCommand({ DBSnapshotIdentifier: "s" }));
  expect(deleted!.Status).toBe("deleted");
  const { DBClusterSnapshot: gone } = await client.send(
    new rds.DeleteDBClusterSnapshotCommand({ DBClusterSnapshotIdentifier: "s" }),
  );
  expect(gone!.Status).toBe("deleted");
  const { Events: events } = await client.send(new rds.DescribeEventsCommand({ SourceType: "db-cluster" }));
  expect(events).toMatchObject([
    { SourceIdentifier: "au", EventCategories: ["failover"], Date: expect.any(Date) },
    { Message: "Completed failover to DB instance: au-2" },
  ]);
});

it("knows the refusals by their classes", async () => {
  const none = { DBInstanceIdentifier: "none", DBSnapshotIdentifier: "none", DBClusterIdentifier: "none" };
  const refused = (call: Promise<unknown>, refusal: new (...args: never[]) => Error) =>
    expect(call).rejects.toBeInstanceOf(refusal);
  await refused(client.send(new rds.CreateDBSnapshotCommand(none)), rds.DBInstanceNotFoundFault);
  await refused(client.send(new rds.DescribeDBSnapshotsCommand(none)), rds.DBSnapshotNotFoundFault);
  await refused(client.send(new rds.FailoverDBClusterCommand(none)), rds.DBClusterNotFoundFault);
  const member = { DBInstanceIdentifier: "au-1", DBSnapshotIdentifier: "other" };
  await refused(client.send(new rds.CreateDBSnapshotCommand(member)), rds.InvalidDBInstanceStateFault);
  double.region(ACCOUNT, REGION).setStatus("au", "modifying", "db-cluster");
  const ofCluster = { ...au, DBClusterSnapshotIdentifier: "t" };
  await refused(client.send(new rds.CreateDBClusterSnapshotCommand(ofCluster)), rds.InvalidDBClusterStateFault);
  const unchanged = client.send(new rds.ModifyDBInstanceCommand({ ...one, PreferredBackupWindow: "04:00-04:30" }));
  await expect(unchanged).rejects.toMatchObject({
    name: "InvalidParameterCombination",
    message: "No modifications were requested",
    $metadata: { httpStatusCode: 400 },
  });
});
