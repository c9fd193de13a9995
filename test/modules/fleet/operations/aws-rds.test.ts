/** Operations on RDS instances through the API, with the double of AWS behind: what is accepted, refused, queued, found out and recorded. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, PASSWORD, testApp } from "../../../support/app.js";
import { ACCOUNT, EXTERNAL_ID, OTHER_ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

let under: UnderAws;
let dba: Client;
const here = () => under.aws.region(ACCOUNT, REGION);
const far = () => under.aws.region(OTHER_ACCOUNT, REGION);
const TEST = { Environment: "Test" };

const app = testApp(
  polling({ "aws-rds": 30 }),
  async () => {
    under = await startAws();
    // Without backups by AWS, which would be under way at times.
    for (const identifier of ["api-1", "busy-1", "late-1", "lost-1", "twin-1", "lost-2", "lost-3"])
      here().addInstance({ identifier, tags: TEST, retentionDays: 0 });
    here().addInstance({ identifier: "stuck-1", tags: TEST, status: "storage-full" });
    here().addInstance({ identifier: "odd-1", tags: TEST, status: "something-new" });
    here().addCluster({
      identifier: "shop",
      tags: TEST,
      members: ["shop-1", "shop-2"].map((identifier) => ({ identifier, tags: TEST })),
    });
    const [identifier, maintenanceWindow] = ["apart", "sun:05:00-sun:06:00"];
    const member = { identifier: "apart-1", tags: TEST, maintenanceWindow: "mon:09:00-mon:10:00" };
    here().addCluster({ identifier, maintenanceWindow, tags: TEST, members: [member] });
    far().addInstance({ identifier: "echo-1", tags: TEST, retentionDays: 0 });
    far().addInstance({ identifier: "twin-2", tags: TEST, retentionDays: 0 });
    return [under.open()];
  },
  { sweepMs: 300 },
);
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(() => under?.aws.stop());

/** Lets AWS's time pass until an operation has ended. */
const ended = (id: string) =>
  eventually(async () => {
    under.aws.clock.advance(10_000);
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
const request = async (...asked: Parameters<typeof accepted> extends [unknown, ...infer R] ? R : never) =>
  ended((await accepted(dba, ...asked)).id);
const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action);

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

it("the snapshots of a cluster outlive the member that they were listed under", async () => {
  here().addCluster({
    identifier: "fair",
    tags: TEST,
    members: ["fair-1", "fair-2"].map((identifier) => ({ identifier })),
  });
  await hasten(app, "inventory-aws-rds");
  const { snapshot } = await request("createSnapshot", { instanceId: "fair-1" });
  here().removeInstance("fair-1");
  await hasten(app, "operated-aws-rds");
  expect(await app.sql`select status from snapshots where id = ${snapshot.id}`).toEqual([{ status: "available" }]);
  // Then nobody knows any more whose they are.
  for (const last of [[], ["fair-2"]]) {
    for (const identifier of last) here().removeInstance(identifier);
    await app.sql`update scopes set snapshots_listed_at = null`;
    await hasten(app, "inventory-aws-rds");
    expect(await app.sql`select status from snapshots where id = ${snapshot.id}`).toEqual([{ status: "available" }]);
  }
}, 40_000);

it("a snapshot is deleted by its instance, also when that is gone; AWS's automated ones are refused", async () => {
  here().addInstance({ identifier: "brief-1", tags: TEST, retentionDays: 0 });
  await hasten(app, "inventory-aws-rds");
  const { id } = await instanceOf(dba, "brief-1", "id");
  const names = ["stays", "goes", "outlives"];
  for (const snapshotId of names) await request("createSnapshot", { instanceId: id, snapshotId });
  const snapshotId = "rds:brief-1-2026-01-01-03-00";
  const createdAt = under.aws.clock.now().getTime();
  here().addSnapshot({ identifier: snapshotId, source: "brief-1", type: "automated", createdAt });
  await app.sql`update scopes set snapshots_listed_at = null`;
  await hasten(app, "inventory-aws-rds");
  const automated = await leftBy(app, () => ask(dba, "deleteSnapshot", { instanceId: id, snapshotId }));
  expect([automated.answer.code, automated.answer.errors?.[0]?.extensions.state, automated.operations]).toEqual([
    ...["FAILED_PRECONDITION", "automated"],
    0,
  ]);
  under.aws.forgetCalls();
  const operation = await request("deleteSnapshot", { instanceId: id, snapshotId: "GOES" });
  expect(operation).toMatchObject({ status: "SUCCEEDED", resourceStatus: "deleted", result: { snapshotId: "goes" } });
  expect(await actionsOf(operation.id)).toEqual(["operation.requested", "operation.ended"]);
  here().removeInstance("brief-1");
  await hasten(app, "inventory-aws-rds");
  await request("deleteSnapshot", { instanceId: id, snapshotId: "outlives" });
  expect(under.aws.done("DeleteDBSnapshot")).toBe(2);
  expect(
    here()
      .look()
      .snapshots.map(({ identifier }) => identifier),
  ).toContain("stays");
  expect(
    await app.sql`select identifier, status from snapshots where identifier in ${app.sql(names)} order by identifier`,
  ).toEqual([
    { identifier: "goes", status: "deleted" },
    { identifier: "outlives", status: "deleted" },
    { identifier: "stays", status: "available" },
  ]);
}, 60_000);

it("a snapshot is restored as an instance that is in the inventory at once, as protected as its source", async () => {
  here().addInstance({ identifier: "origin-1", tags: { Environment: "Staging", Owner: "me" }, retentionDays: 0 });
  await hasten(app, "inventory-aws-rds");
  const { id } = await instanceOf(dba, "origin-1", "id");
  await request("createSnapshot", { instanceId: id, snapshotId: "of-origin" });
  const restore = (identifier: string) => ({ instanceId: id, snapshotId: "OF-origin", identifier });
  const operation = await request("restoreSnapshot", restore("Copy-1"));
  expect(operation).toMatchObject({ status: "SUCCEEDED", result: { identifier: "copy-1" } });
  expect(await actionsOf(operation.id)).toEqual(["operation.requested", "operation.ended"]);
  const fields = "status environment { environment } tags { key value }";
  // What was restored is refreshed after the end.
  const copy = await eventually(async () => {
    const seen = await instanceOf(dba, "copy-1", fields);
    return seen?.status === "available" && seen;
  }, 20_000);
  expect(copy.environment).toEqual({ environment: "STAGING" });
  expect(copy.tags).toEqual([
    { key: "Environment", value: "Staging" },
    { key: "Owner", value: "me" },
    { key: "postern:operation", value: operation.id },
  ]);
  expect((await ask(dba, "restoreSnapshot", restore("COPY-1"))).code).toBe("CONFLICT");
  // In another account the name is free.
  expect(await request("restoreSnapshot", restore("twin-2"))).toMatchObject({ status: "SUCCEEDED" });

  here().removeInstance("origin-1");
  await hasten(app, "inventory-aws-rds");
  expect(await request("restoreSnapshot", restore("copy-2"))).toMatchObject({ status: "SUCCEEDED" });
}, 60_000);

it("a cluster's snapshot is restored as a cluster with an instance, each with the tags", async () => {
  await request("createSnapshot", { instanceId: "apart-1", snapshotId: "of-apart" });
  under.aws.forgetCalls();
  const asked = { instanceId: "apart-1", snapshotId: "of-apart", identifier: "apart-copy" };
  const { id } = await accepted(dba, "restoreSnapshot", asked);
  // Each of the two is made for minutes.
  const operation = await eventually(async () => {
    under.aws.clock.advance(120_000);
    const now = await operationOf(dba, id);
    return now.endedAt !== null && now;
  }, 20_000);
  expect(operation).toMatchObject({ status: "SUCCEEDED", result: { identifier: "apart-copy" } });
  for (const action of ["RestoreDBClusterFromSnapshot", "CreateDBInstance"]) expect(under.aws.done(action)).toBe(1);
  const cluster = here()
    .look()
    .clusters.find(({ identifier }) => identifier === "apart-copy-cluster");
  expect(cluster?.tags).toContainEqual({ key: "Environment", value: "Test" });
  const copy = await eventually(() => instanceOf(dba, "apart-copy", "cluster environment { environment }"));
  expect(copy).toEqual({ cluster: "apart-copy-cluster", environment: { environment: "TEST" } });
}, 60_000);

it("a cluster that is restored while its source becomes production is that, whichever members it has later", async () => {
  const asked = { instanceId: "apart-1", snapshotId: "of-apart", identifier: "apart-held" };
  const { id } = await accepted(dba, "restoreSnapshot", asked);
  // Its member is the last that is asked for.
  await eventually(() => {
    under.aws.clock.advance(60_000);
    const { instances } = here().look();
    return instances.some(({ identifier }) => identifier === "apart-held");
  }, 20_000);
  here().retag("apart", { Environment: "Production" }, "db-cluster");
  const operation = await eventually(async () => {
    under.aws.clock.advance(120_000);
    const now = await operationOf(dba, id);
    return now.endedAt !== null && now;
  }, 20_000);
  expect(operation).toMatchObject({ status: "SUCCEEDED" });
  here().retag("apart", TEST, "db-cluster");
  const fields = "id environment { environment decidedBy }";
  const first = await eventually(() => instanceOf(dba, "apart-held", fields));
  expect(first.environment).toEqual({ environment: "PRODUCTION", decidedBy: "ORIGIN" });
  here().addInstance({ identifier: "apart-next", tags: TEST });
  here().joinCluster("apart-next", "apart-held-cluster");
  here().removeInstance("apart-held");
  await hasten(app, "inventory-aws-rds");
  const next = await instanceOf(dba, "apart-next", fields);
  expect(next.environment).toEqual(first.environment);
  expect((await ask(dba, "rebootInstance", { instanceId: "apart-next" })).code).toBe("PRODUCTION_PROTECTED");
}, 60_000);

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

/** The session tokens that the double was asked with. */
const tokens = new Set<string>();
const hear = (message: unknown) => {
  const { headers } = (message as { request: IncomingMessage }).request;
  if (headers["x-amz-security-token"]) tokens.add(String(headers["x-amz-security-token"]));
};
subscribe("http.server.request.start", hear);
afterAll(() => unsubscribe("http.server.request.start", hear));

it("no secret is in the database, the log or an answer, not even where AWS repeats it in its errors", async () => {
  const { accessKeyId, secretAccessKey } = under.aws.credentials;
  const plantedNow = (...also: string[]) =>
    [accessKeyId, secretAccessKey, EXTERNAL_ID, ...also].flatMap((secret) => [secret, encodeURIComponent(secret)]);
  /** With the token of the call that is refused. */
  const refuse = (...action: string[]) =>
    under.aws.fault({
      ...({ as: "refuse", code: "SignatureDoesNotMatch", status: 403, account: OTHER_ACCOUNT } as const),
      action,
      get message() {
        return `The signature does not match: ${plantedNow([...tokens].at(-1)!).join(" and ")}.`;
      },
    });
  refuse("RebootDBInstance");
  const operation = await request("rebootInstance", { instanceId: "echo-1" });
  expect(operation.error.message).toMatch(/does not match: \(a (secret|key)\) and/);
  under.aws.endFaults();
  const action = "RebootDBInstance";
  under.aws.fault({ as: "refuse", code: `Is${secretAccessKey}`, status: 403, account: OTHER_ACCOUNT, action });
  expect((await request("rebootInstance", { instanceId: "echo-1" })).error.code).toBe("UnknownError");
  refuse("DescribeDBInstances", "DescribeDBClusters");
  await hasten(app, "inventory-aws-rds");
  under.aws.endFaults();

  const admin = await app.as("admin");
  const answers = await Promise.all(
    [
      "scopes(first: 100) { nodes { lastError { code message } } }",
      "discoveryRuns(first: 100) { nodes { id scopes { error { code message } } } }",
      "findings(first: 100) { nodes { kind detail } }",
      "operations(first: 100) { nodes { parameters result error { message guidance } progress { message } settlement } }",
      "auditLogs(first: 100) { nodes { action parameters result } }",
      "securityEvents(first: 100) { nodes { eventType metadata } }",
    ].map((field) => admin.run(`{ ${field} }`)),
  );
  for (const { errors } of answers) expect(errors).toBeUndefined();
  const tables = await app.sql`
    select format('%I.%I', schemaname, relname) as name from pg_stat_user_tables where schemaname in ('public', 'pgboss')`;
  let rows = "";
  for (const { name } of tables)
    rows += JSON.stringify(await app.sql.unsafe(`select * from ${name}`), (_key, value) =>
      typeof value === "bigint" ? String(value) : value,
    );
  const places = { answers: JSON.stringify(answers), rows, log: under.lines.join("") + JSON.stringify(app.log) };
  for (const place of [places.answers, rows]) expect(place).toContain("The signature does not match: (a ");
  expect(rows).toContain("postern:operation");
  for (const [place, text] of Object.entries(places))
    for (const secret of [...plantedNow(...tokens), PASSWORD, "ASIA", "X-Amz-"])
      expect(text, place).not.toContain(secret);
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
