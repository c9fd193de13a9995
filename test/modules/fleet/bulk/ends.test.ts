/** How bulk operations end: at the first failure, by a cancellation, without their requester, on another replica, and as instances change. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { acceptedBulk, askBulk, bulkOf, bulkRecordsOf, endedBulk, partsOf } from "../../../support/bulk-app.js";
import { hasten, leftBy } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, type Script, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const add = (prefix: string, count: number, script: Script = {}) => {
  for (let n = 1; n <= count; n++) provider.add(`${prefix}-${n}`, {}, { ...script });
  return { filter: { identifier: { startsWith: `${prefix}-` } }, expectedCount: count };
};
const FAILS: Script = {
  poll: () => ({ state: "failed", resourceStatus: "available", failure: { code: "StorageFull", message: "Full." } }),
};
const GOES_ON: Script = {
  poll: () => ({ state: "running", resourceStatus: "working", message: "It goes on.", percent: null }),
};
const [halt, late, cut, locked, moved, handed, single, noted] = [
  add("halt", 5),
  add("late", 2, GOES_ON),
  add("cut", 4),
  add("locked", 2, { tookMs: 1500 }),
  add("moved", 2, { tookMs: 1500 }),
  add("handed", 6, { tookMs: 300 }),
  add("single", 1),
  add("noted", 1),
];

// One at a time, so that what is next is known.
const PARALLEL = { BULK_PARALLEL: '{"account":1}' };
const app = testApp({ ...polling({ scripted: 30 }), ...PARALLEL }, async () => [provider], { sweepMs: 200 });
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});
const statusesOf = async (id: string) => (await partsOf(dba, id)).map(({ status }) => status);

it("stops at the first failure: what has not been requested is skipped, and never begins", async () => {
  provider.scripts.set("halt-2", FAILS);
  const bulk = await acceptedBulk(dba, "rebootInstances", { ...halt, stopAtFirstFailure: true });
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 5, succeeded: 1, failed: 1, skipped: 3 });
  expect(await statusesOf(bulk.id)).toEqual(["SUCCEEDED", "FAILED", "SKIPPED", "SKIPPED", "SKIPPED"]);
  const [skipped] = await partsOf(dba, bulk.id, "SKIPPED");
  expect(skipped).toMatchObject({ code: "StoppedAtFailure", operation: null });
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.requested": 2,
    "operation.ended": 2,
  });
  provider.scripts.set("halt-2", {});
  const again = await acceptedBulk(dba, "retryBulkOperation", { bulkOperationId: bulk.id, expectedCount: 1 });
  expect((await endedBulk(dba, again.id)).summary).toMatchObject({ total: 1, succeeded: 1 });
});

it("without it a failure stops nothing", async () => {
  provider.scripts.set("halt-1", FAILS);
  const bulk = await acceptedBulk(dba, "rebootInstances", halt);
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ succeeded: 4, failed: 1, skipped: 0 });
});

it("what has timed out stops it too, and is repeated only once it was settled as failed", async () => {
  const bulk = await acceptedBulk(dba, "rebootInstances", { ...late, stopAtFirstFailure: true });
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ timedOut: 1, skipped: 1 });
  const retry = { bulkOperationId: bulk.id, expectedCount: 1 };
  const left = await leftBy(app, () => askBulk(dba, "retryBulkOperation", retry));
  expect(left.answer.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "nothing failed" });
  for (const name of ["late-1", "late-2"]) provider.scripts.set(name, FAILS);
  await hasten(app, "settle-scripted");
  for (const name of ["late-1", "late-2"]) provider.scripts.set(name, { tookMs: 1000 });
  const wrong = await askBulk(dba, "retryBulkOperation", { ...retry, expectedCount: 2 });
  expect(wrong.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "count", count: 1 });
  const again = await acceptedBulk(dba, "retryBulkOperation", retry);
  const conflict = await askBulk(dba, "retryBulkOperation", retry);
  expect([conflict.code, conflict.errors?.[0]?.message]).toEqual([
    "CONFLICT",
    expect.stringContaining(`operation ${again.id} `),
  ]);
  expect((await endedBulk(dba, again.id)).summary).toMatchObject({ total: 1, succeeded: 1 });
});

it("a cancellation skips what waits and cancels what is queued; what runs goes on to its end", async () => {
  provider.change("cut-1", { status: "starting" });
  await app.sql`update instances set status = 'starting' where identifier = 'cut-1'`;
  const bulk = await acceptedBulk(dba, "createSnapshots", cut);
  await eventually(async () => (await partsOf(dba, bulk.id))[0].operation?.status === "QUEUED");
  expect(
    (await askBulk(dba, "retryBulkOperation", { bulkOperationId: bulk.id, expectedCount: 1 })).errors?.[0]?.extensions
      .state,
  ).toBe("RUNNING");
  const left = await leftBy(app, () => acceptedBulk(dba, "cancelBulkOperation", { bulkOperationId: bulk.id }));
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 4, cancelled: 1, skipped: 3, waiting: 0 });
  expect(left.records.map(({ action }) => action).sort()).toEqual(["bulk-operation.cancel", "operation.ended"]);
  expect(left.records.find(({ action }) => action === "bulk-operation.cancel")).toMatchObject({
    result: { skipped: 3, cancelled: 1 },
  });
  const again = await askBulk(dba, "cancelBulkOperation", { bulkOperationId: bulk.id });
  expect(again.errors?.[0]?.extensions).toMatchObject({ code: "FAILED_PRECONDITION", state: "ENDED" });
});

const begunOn = (name: string) => provider.begun.filter((id) => provider.runs.get(id)?.request.providerId === name);

it("nothing begins any more for a requester who is locked meanwhile", async () => {
  const bulk = await acceptedBulk(dba, "rebootInstances", locked);
  // The provider was asked: what runs by then goes on.
  await eventually(async () => begunOn("locked-1").length === 1);
  await app.sql`update users set locked_at = now() where email = 'dba@demo.example'`;
  const admin = await app.as("admin");
  const ended = await endedBulk(admin, bulk.id).finally(
    () => app.sql`update users set locked_at = null where email = 'dba@demo.example'`,
  );
  expect(ended.summary).toMatchObject({ total: 2, succeeded: 1, cancelled: 1 });
  expect(begunOn("locked-2")).toEqual([]);
});

it("an instance that is PRODUCTION when its turn comes is refused, recorded, and an event", async () => {
  const bulk = await acceptedBulk(dba, "rebootInstances", moved);
  await eventually(async () => (await bulkOf(dba, bulk.id)).summary.running === 1);
  const left = await leftBy(app, async () => {
    provider.change("moved-2", { tags: [{ key: "Environment", value: "Production" }] });
    await hasten(app, "inventory-scripted");
    return endedBulk(dba, bulk.id);
  });
  expect(left.answer.summary).toMatchObject({ succeeded: 1, refused: 1 });
  expect(await partsOf(dba, bulk.id, "REFUSED")).toMatchObject([{ code: "PRODUCTION_PROTECTED", operation: null }]);
  expect(left.records.filter(({ action }) => action === "operation.refused")).toMatchObject([
    { success: false, result: { code: "PRODUCTION_PROTECTED" }, parameters: { bulkOperationId: bulk.id } },
  ]);
  expect(left.events.filter(({ event_type }) => event_type === "authz_fail")).toMatchObject([
    { metadata: { code: "PRODUCTION_PROTECTED", bulkOperationId: bulk.id } },
  ]);
});

it("a replica that is stopped in the middle leaves the rest to another", async () => {
  const replica = await app.replica();
  const bulk = await acceptedBulk(replica.as(dba.token), "rebootInstances", handed);
  await eventually(async () => (await bulkOf(dba, bulk.id)).summary.succeeded > 0);
  await replica.stop();
  expect((await endedBulk(dba, bulk.id, 25_000)).summary).toMatchObject({ total: 6, succeeded: 6 });
  expect([...provider.runs.values()].filter(({ starts }) => starts !== 1)).toEqual([]);
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.requested": 6,
    "operation.ended": 6,
  });
});

it("a part that is retried alone waits for that in the retry of all, and is refused once that has succeeded", async () => {
  provider.scripts.set("single-1", FAILS);
  const bulk = await acceptedBulk(dba, "rebootInstances", single);
  await endedBulk(dba, bulk.id);
  const [part] = await partsOf(dba, bulk.id, "FAILED");
  provider.scripts.set("single-1", { tookMs: 3_600_000 });
  await dba.run(`mutation { retryOperation(input: { operationId: "${part.operation.id}" }) { operation { id } } }`);
  const again = await acceptedBulk(dba, "retryBulkOperation", { bulkOperationId: bulk.id, expectedCount: 1 });
  expect(again.summary).toMatchObject({ total: 1, waiting: 1 });
  provider.scripts.set("single-1", {});
  expect((await endedBulk(dba, again.id)).summary).toMatchObject({ total: 1, refused: 1 });
  expect(await partsOf(dba, again.id)).toMatchObject([{ code: "CONFLICT" }]);
});

it("its operations are found by it, and noted for whoever follows them", async () => {
  const bulk = await acceptedBulk(dba, "rebootInstances", noted);
  await endedBulk(dba, bulk.id);
  const query = `query($id: ID!) { operations(filter: { bulkOperationId: { eq: $id } }) { nodes { id } } }`;
  const [operation] = (await dba.run(query, { id: bulk.id })).data.operations.nodes;
  const changes = await app.sql`select from row_changes where source = 'operations' and row_id = ${operation.id}`;
  expect(changes.length).toBeGreaterThan(1);
});
