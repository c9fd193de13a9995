/** Operations on RDS instances through the API, with the double of AWS behind: what is accepted, refused, queued and recorded. */
import { beforeAll, expect, it } from "vitest";
import { type Client } from "../../../support/app.js";
import { ACCOUNT, REGION, type UnderAws } from "../../../support/aws.js";
import { TEST, useAwsFleet } from "../../../support/aws-fleet.js";
import { accepted, ask, hasten, instanceOf, leftBy } from "../../../support/fleet-app.js";

const { here, app, ended, request, actionsOf, opened } = useAwsFleet(600);
let under: UnderAws;
let dba: Client;
beforeAll(() => {
  ({ under, dba } = opened());
});

it("the backup window of a member is its cluster's, so the cluster's maintenance window counts", async () => {
  const change = (backupWindow: string) => ({ instanceId: "apart-1", backupWindow });
  const { answer, operations } = await leftBy(app, () => ask(dba, "modifyBackupWindow", change("05:15-05:45")));
  expect([answer.code, operations]).toEqual(["BAD_USER_INPUT", 0]);
  expect(await request("modifyBackupWindow", change("09:15-09:45"))).toMatchObject({ status: "SUCCEEDED" });
  expect(await instanceOf(dba, "apart-1", "maintenanceWindow")).toEqual({ maintenanceWindow: "mon:09:00-mon:10:00" });
});

it("a snapshot is taken, with its progress, its tag and its record, and is listed without a size", async () => {
  const operation = await request("createSnapshot", {
    instanceId: "api-1",
    snapshotId: "First",
    tags: [{ key: "By", value: "me" }],
  });
  expect(operation).toMatchObject({
    status: "SUCCEEDED",
    snapshot: { identifier: "first", status: "available", sizeBytes: null },
  });
  expect(operation.snapshot.tags).toEqual([
    { key: "By", value: "me" },
    { key: "postern:operation", value: operation.id },
  ]);
  const percents = operation.progress.map(({ percent }: { percent: number | null }) => percent);
  expect(percents.some((percent: number | null) => percent !== null && percent > 0 && percent < 100)).toBe(true);
  expect(await actionsOf(operation.id)).toEqual(["operation.requested", "operation.ended"]);
  const [row] = await app.sql`select intent from operations where id = ${operation.id}`;
  expect(row?.intent).toMatchObject({ saw: { identifier: "api-1", cluster: null } });
});

it("names of snapshots are unique in an account and region, and free elsewhere", async () => {
  await request("createSnapshot", { instanceId: "twin-1", snapshotId: "nightly" });
  expect((await ask(dba, "createSnapshot", { instanceId: "api-1", snapshotId: "NIGHTLY" })).code).toBe("CONFLICT");
  expect(await request("createSnapshot", { instanceId: "twin-2", snapshotId: "nightly" })).toMatchObject({
    status: "SUCCEEDED",
  });
});

it("a cluster's snapshot has a name of at most 63 characters, and RDS takes 49 tags beside the operation's", async () => {
  const long = await ask(dba, "createSnapshot", { instanceId: "shop-1", snapshotId: "s".repeat(64) });
  expect([long.code, long.errors?.[0]?.message]).toEqual(["BAD_USER_INPUT", "Give 1 to 63 characters."]);
  const tags = Array.from({ length: 50 }, (_, n) => ({ key: `k${n}`, value: "v" }));
  const many = await ask(dba, "createSnapshot", { instanceId: "api-1", tags });
  expect([many.code, many.errors?.[0]?.message]).toEqual(["BAD_USER_INPUT", "Give at most 49 tags."]);
  expect(await request("createSnapshot", { instanceId: "api-1", tags: tags.slice(1) })).toMatchObject({
    status: "SUCCEEDED",
  });
  const { snapshot } = await request("createSnapshot", { instanceId: "shop-1" });
  expect(snapshot).toMatchObject({ arn: expect.stringContaining(":cluster-snapshot:") });
});

it("a backup window without applyImmediately is accepted with a warning, and counts at once", async () => {
  const asked = { instanceId: "api-1", backupWindow: "09:00-09:30" };
  const operation = await request("modifyBackupWindow", asked);
  expect(operation).toMatchObject({
    status: "SUCCEEDED",
    parameters: { warnings: [expect.stringContaining("as soon as possible")] },
    result: { backupWindow: "09:00-09:30", pendingBackupWindow: null },
  });
  expect(await instanceOf(dba, "api-1", "backupWindow")).toMatchObject({ backupWindow: "09:00-09:30" });
  const calls = under.aws.done("ModifyDBInstance");
  expect(await request("modifyBackupWindow", { ...asked, applyImmediately: true })).toMatchObject({
    status: "SUCCEEDED",
    parameters: { backupWindow: "09:00-09:30", applyImmediately: true },
  });
  expect(under.aws.done("ModifyDBInstance")).toBe(calls);
});

it.each([
  ["a snapshot while the storage is full", "createSnapshot", "stuck-1", {}],
  ["a reboot while the storage is full", "rebootInstance", "stuck-1", {}],
  ["anything in a status that nobody knows", "modifyBackupWindow", "odd-1", { backupWindow: "09:00-09:30" }],
  ["a failover without Multi-AZ", "rebootInstance", "api-1", { forceFailover: true }],
] as const)("%s is refused, and nothing is left", async (_what, verb, instanceId, more) => {
  const { answer, operations } = await leftBy(app, () => ask(dba, verb, { instanceId, ...more }));
  expect([answer.code, operations]).toEqual(["FAILED_PRECONDITION", 0]);
});

it("a backup window is changed while the storage is full", async () => {
  expect(await request("modifyBackupWindow", { instanceId: "stuck-1", backupWindow: "10:00-10:30" })).toMatchObject({
    status: "SUCCEEDED",
  });
});

it("what concerns a cluster as a whole runs one at a time, whichever member it was requested on", async () => {
  // The failover is last: what waits behind one is planned on other roles.
  const one = await accepted(dba, "createSnapshot", { instanceId: "shop-1" });
  const two = await accepted(dba, "modifyBackupWindow", { instanceId: "shop-2", backupWindow: "09:00-09:30" });
  const three = await accepted(dba, "rebootInstance", { instanceId: "shop-1", forceFailover: true });
  const ids = [one, two, three].map(({ id }) => id);
  for (const id of ids) expect((await ended(id)).status).toBe("SUCCEEDED");
  const rows = await app.sql`
    select cluster_arn, started_at >= lag(ended_at) over (order by started_at) as after from operations where id in ${app.sql(ids)}`;
  expect(new Set(rows.map(({ cluster_arn }) => cluster_arn))).toEqual(
    new Set([`arn:aws:rds:${REGION}:${ACCOUNT}:cluster:shop`]),
  );
  expect(rows.filter(({ after }) => after === false)).toEqual([]);
  expect(await ended(three.id)).toMatchObject({ result: { failedOver: true, primary: "shop-2" } });
  const plain = await request("rebootInstance", { instanceId: "shop-2" });
  expect(plain).toMatchObject({ status: "SUCCEEDED", result: { failedOver: false } });
  expect((await app.sql`select cluster_arn from operations where id = ${plain.id}`)[0]).toEqual({ cluster_arn: null });

  // All members show them, in one order, by one statement.
  const page = "first: 10, orderBy: { field: ID, direction: ASC }, filter: { id: { in: $ids } }";
  const query = `query($ids: [ID!]!) { instances(filter: { identifier: { startsWith: "shop-" } }, orderBy: { field: IDENTIFIER, direction: ASC }) {
    nodes { identifier operations(${page}) { totalCount nodes { id instance { identifier } } } } } }`;
  app.statements.length = 0;
  const { data, errors } = await dba.run(query, { ids: [...ids, plain.id] });
  expect(errors).toBeUndefined();
  const reading = app.statements.filter((text) => text.includes("string_agg") && text.includes("totalCount"));
  expect(reading).toHaveLength(1);
  const wide = [one, two, three].map(({ id, instance }) => ({ id, instance: { identifier: instance.identifier } }));
  const shown = wide.toSorted((a, b) => Number(a.id) - Number(b.id));
  expect(data.instances.nodes).toEqual([
    { identifier: "shop-1", operations: { totalCount: 3, nodes: shown } },
    {
      identifier: "shop-2",
      operations: { totalCount: 4, nodes: [...shown, { id: plain.id, instance: { identifier: "shop-2" } }] },
    },
  ]);
}, 60_000);

it("of a cluster and its members nothing overtakes what was requested before, and no member reboots beside the cluster's snapshot", async () => {
  const snapshot = (instanceId: string) => accepted(dba, "createSnapshot", { instanceId });
  const reboot = (instanceId: string) => accepted(dba, "rebootInstance", { instanceId });
  const asked = [await snapshot("shop-1"), await snapshot("shop-2"), await reboot("shop-2"), await snapshot("shop-1")];
  const ids = asked.map(({ id }) => id);
  const all = [...ids, (await reboot("shop-1")).id];
  for (const id of all) expect((await ended(id)).status).toBe("SUCCEEDED");
  const rows = await app.sql`
    select id::text, started_at >= lag(ended_at) over (order by id) as after from operations where id in ${app.sql(all)} order by id`;
  expect(rows.map(({ id, after }) => [id, after])).toEqual(all.map((id, n) => [id, n === 0 ? null : true]));
}, 60_000);

it("a page of an instance's operations and its cluster's is read by an index for each", async () => {
  app.statements.length = 0;
  await dba.run(`{ instance(id: "shop-1") { operations(first: 3) { nodes { id } } } }`);
  const [reading] = app.statements.filter((text) => text.includes("operations") && text.includes("nodes"));
  const plan = await app.sql.begin(async (sql) => {
    await sql`set local enable_seqscan = off`;
    await sql`set local plan_cache_mode = force_generic_plan`;
    await sql.unsafe(`prepare shown as ${reading}`);
    const count = Math.max(...Array.from(reading!.matchAll(/\$(\d+)/g), ([, n]) => Number(n)));
    const rows = await sql.unsafe(`explain execute shown (${Array(count).fill("null").join()})`);
    await sql`deallocate shown`;
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  });
  for (const index of ["operations_instance_idx", "operations_cluster_key_idx"])
    expect(plan).toMatch(new RegExp(`Index (Only )?Scan using ${index}`));
  expect(plan).not.toMatch(/(Seq|Bitmap Heap) Scan on operations/);
});

// The last, because its cluster is another one afterwards.
it("a cluster that is made anew under the same name inherits neither operations nor snapshots; one that is known longer keeps them", async () => {
  const past = async (identifier: string) =>
    instanceOf(dba, identifier, "operations { totalCount } snapshots { totalCount } lastBackup { id }");
  const before = await past("shop-1");
  expect(before.operations.totalCount).toBeGreaterThan(2);
  // As the release before has written them.
  await app.sql`update instances set cluster = cluster - 'resourceId' where cluster_identifier = 'shop'`;
  await app.sql`update operations set cluster_resource_id = null where cluster_arn is not null`;
  expect(await past("shop-1")).toEqual(before);
  await hasten(app, "inventory-aws-rds");
  const [row] = await app.sql`select cluster ->> 'resourceId' as id from instances where identifier = 'shop-1'`;
  expect(row?.id).toMatch(/^cluster-/);
  expect(await past("shop-1")).toEqual(before);

  for (const identifier of ["shop-1", "shop-2"]) here().removeInstance(identifier);
  here().addCluster({ identifier: "shop", tags: TEST, members: [{ identifier: "shop-9", tags: TEST }] });
  await hasten(app, "inventory-aws-rds");
  expect(await past("shop-9")).toEqual({
    operations: { totalCount: 0 },
    snapshots: { totalCount: 0 },
    lastBackup: null,
  });
  // Its snapshots are listed by its name.
  expect(await request("createSnapshot", { instanceId: "shop-9" })).toMatchObject({ status: "SUCCEEDED" });
  const after = await past("shop-9");
  expect([after.operations.totalCount, after.snapshots.totalCount]).toEqual([1, 1]);
}, 60_000);
