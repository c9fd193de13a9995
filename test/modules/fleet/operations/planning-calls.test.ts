/** What a plan says that AWS would be asked is what AWS is asked then, in this order; a plan itself asks for no change. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, operationOf, planned, type Verb } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

let under: UnderAws;
let dba: Client;
const tags = { Environment: "Test" };

const app = testApp(
  polling({ "aws-rds": 1000 }),
  async () => {
    under = await startAws();
    const here = under.aws.region(ACCOUNT, REGION);
    here.addParameterGroup("reports", "postgres16");
    here.addInstance({ identifier: "single-1", tags, retentionDays: 0 });
    here.addInstance({ identifier: "double-1", tags: { ...tags, Team: "shop" }, retentionDays: 0, multiAz: true });
    here.addCluster({
      identifier: "shop",
      tags,
      members: ["shop-1", "shop-2"].map((identifier) => ({ identifier, tags })),
    });
    return [under.open()];
  },
  { sweepMs: 300 },
);
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(() => under?.aws.stop());

/** The actions that AWS was asked for, beside those that only look. */
const changes = () =>
  under.aws.calls
    .map(({ action }) => action)
    .filter((action) => !/^(Describe|List|GetCallerIdentity|AssumeRole)/.test(action));

const FIELDS =
  "accepted code outage calls warnings watchedSeconds snapshotQuota { used limit } clashes { kind detail }";

const plan = (verb: Verb, input: object) => planned(dba, verb, input, FIELDS);

it.each<[Verb, string, object, string, readonly string[]]>([
  ["createSnapshot", "single-1", { snapshotId: "of-single" }, "SECONDS", ["CreateDBSnapshot"]],
  ["createSnapshot", "double-1", { snapshotId: "of-double" }, "NONE", ["CreateDBSnapshot"]],
  ["createSnapshot", "shop-1", { snapshotId: "of-shop" }, "NONE", ["CreateDBClusterSnapshot"]],
  ["modifyBackupWindow", "single-1", { backupWindow: "09:00-09:30" }, "NONE", ["ModifyDBInstance"]],
  ["modifyBackupWindow", "shop-1", { backupWindow: "09:00-09:30" }, "NONE", ["ModifyDBCluster"]],
  [
    "restoreSnapshot",
    "single-1",
    { snapshotId: "of-single", identifier: "copy-1" },
    "NONE",
    ["RestoreDBInstanceFromDBSnapshot"],
  ],
  [
    "restoreSnapshot",
    "shop-1",
    { snapshotId: "of-shop", identifier: "copy-2" },
    "NONE",
    ["RestoreDBClusterFromSnapshot", "CreateDBInstance"],
  ],
  ["deleteSnapshot", "single-1", { snapshotId: "of-single" }, "NONE", ["DeleteDBSnapshot"]],
  ["deleteSnapshot", "shop-1", { snapshotId: "of-shop" }, "NONE", ["DeleteDBClusterSnapshot"]],
  ["setInstanceTags", "single-1", { tags: [{ key: "Owner", value: "me" }] }, "NONE", ["AddTagsToResource"]],
  [
    "setInstanceTags",
    "double-1",
    { tags: [{ key: "Owner", value: "me" }], removeKeys: ["Team"] },
    "NONE",
    ["AddTagsToResource", "RemoveTagsFromResource"],
  ],
  ["rebootInstance", "single-1", {}, "MINUTES", ["RebootDBInstance"]],
  ["rebootInstance", "shop-1", {}, "MINUTES", ["RebootDBInstance"]],
  ["rebootInstance", "double-1", { forceFailover: true }, "MINUTES", ["RebootDBInstance"]],
  ["rebootInstance", "shop-1", { forceFailover: true }, "SECONDS", ["FailoverDBCluster"]],
  ["changeParameterGroup", "single-1", { parameterGroup: "reports" }, "NONE", ["ModifyDBInstance"]],
  ["modifyInstanceClass", "single-1", { instanceClass: "db.r6g.large" }, "NONE", ["ModifyDBInstance"]],
  [
    "modifyInstanceClass",
    "shop-1",
    { instanceClass: "db.r6g.large", applyImmediately: true },
    "MINUTES",
    ["ModifyDBInstance"],
  ],
  ["stopInstance", "single-1", {}, "MINUTES", ["StopDBInstance"]],
  ["startInstance", "single-1", {}, "NONE", ["StartDBInstance"]],
  ["stopInstance", "shop-1", {}, "MINUTES", ["StopDBCluster"]],
  ["startInstance", "shop-1", {}, "NONE", ["StartDBCluster"]],
])(
  "%s of %s %j",
  async (verb, instanceId, more, outage, actions) => {
    const input = { instanceId, ...more };
    under.aws.forgetCalls();
    const told = await plan(verb, input);
    expect(told).toMatchObject({ accepted: true, outage, calls: actions.map((action) => `rds:${action}`) });
    expect(changes()).toEqual([]);
    const { id } = await accepted(dba, verb, input);
    const operation = await eventually(async () => {
      under.aws.clock.advance(30_000);
      const now = await operationOf(dba, id);
      return now.endedAt !== null && now;
    }, 30_000);
    expect(operation).toMatchObject({ status: "SUCCEEDED", error: null });
    expect(changes()).toEqual(actions);
    // Whoever sees the end sees the instance as it is then.
    const { data } = await dba.run("query($id: ID!) { instance(id: $id) { status } }", { id: instanceId });
    expect(data.instance).toEqual({ status: verb === "stopInstance" ? "stopped" : "available" });
  },
  60_000,
);

it("the quota of snapshots is that of instances or of clusters in the region, without AWS Backup's, and warns where it is reached", async () => {
  const [row] = await app.sql`select id::text from instances where identifier = 'single-1'`;
  const insert = (prefix: string, many: number) =>
    app.sql`insert into snapshots (instance_id, identifier, arn, uid, status, tags, automated, created_at)
      select ${row?.id}, ${prefix} || n, 'arn:aws:rds:x:y:snapshot:' || ${prefix} || n, 'u', 'available', '[]', false, now()
      from generate_series(1, ${many}::int) n`;
  await insert("mine-", 99);
  await insert("awsbackup:job-", 5);
  const before = await plan("createSnapshot", { instanceId: "single-1" });
  // Beside those, the one of double-1 is there.
  expect([before.snapshotQuota, before.warnings.length]).toEqual([{ used: 100, limit: 100 }, 1]);
  expect(before).toMatchObject({ accepted: true, warnings: [expect.stringMatching(/100 manual snapshots/)] });
  const ofCluster = await plan("createSnapshot", { instanceId: "shop-1" });
  expect(ofCluster).toMatchObject({ snapshotQuota: { used: 0, limit: 100 }, warnings: [] });
  expect(await plan("rebootInstance", { instanceId: "single-1" })).toMatchObject({ snapshotQuota: null });
});

it("windows of the instance, and operations of the account within the hour, are told", async () => {
  await app.sql`update instances set backup_window = '03:00-03:30', maintenance_window = 'mon:05:00-mon:05:30' where identifier = 'single-1'`;
  const monday = new Date(Date.now() + 14 * 86_400_000);
  monday.setUTCDate(monday.getUTCDate() + ((8 - monday.getUTCDay()) % 7));
  const at = (time: string) => `${monday.toISOString().slice(0, 10)}T${time}:00Z`;
  const clashesAt = async (time: string, more = {}) =>
    (await plan("rebootInstance", { instanceId: "single-1", runAt: at(time), ...more })).clashes;
  expect(await clashesAt("01:00")).toEqual([]);
  expect(await clashesAt("02:29")).toEqual([]);
  expect(await clashesAt("02:30")).toMatchObject([{ kind: "BACKUP_WINDOW" }]);
  expect(await clashesAt("05:59")).toMatchObject([
    { kind: "MAINTENANCE_WINDOW", detail: expect.stringMatching(/mon:05:00/) },
  ]);
  const { id } = await accepted(dba, "rebootInstance", { instanceId: "double-1", runAt: at("10:00") });
  expect(await clashesAt("10:59")).toMatchObject([
    {
      kind: "OPERATION",
      detail: expect.stringMatching(/^REBOOT_INSTANCE on double-1 is SCHEDULED, for .*T10:00:00Z\.$/),
    },
  ]);
  expect(await clashesAt("11:00")).toEqual([]);
  const later = await planned(
    dba,
    "rebootInstance",
    { instanceId: "single-1", runAt: at("09:30") },
    "runAt clashes { operationId } lastRuns { count averageSeconds longestSeconds }",
  );
  expect(later).toMatchObject({
    runAt: at("09:30"),
    clashes: [{ operationId: id }],
  });
  expect(later.lastRuns).toEqual({
    count: 1,
    averageSeconds: expect.any(Number),
    longestSeconds: expect.any(Number),
  });
});
