/** A bulk operation of many instances on two replicas, of which ten fail: its sums, its records, what runs at once, and its retry. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { acceptedBulk, bulkRecordsOf, endedBulk, partsOf } from "../../../support/bulk-app.js";
import { cases } from "../../../support/deep.js";
import { recordsOf } from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

// Three accounts could run more together than the host allows, and that is what bounds the time of this test.
const PARALLEL = { account: 6, host: 12, fleet: 16 };
const COUNT = cases(50, 200);
const provider = scriptedProvider();
/** What runs at the provider by account, and the most that ever did: in one account, and in all. */
const running = new Map<string, string>();
const most = { account: 0, fleet: 0 };
const failing = new Set<string>();
const accounts = ["111111111111", "222222222222", "333333333333"];

for (let n = 0; n < COUNT; n++) {
  const identifier = `many-${String(n).padStart(3, "0")}`;
  const accountId = accounts[n % accounts.length]!;
  if (n % (COUNT / 10) === 3) failing.add(identifier);
  provider.add(identifier, { accountId });
  provider.scripts.set(identifier, {
    tookMs: 200,
    start({ operationId }) {
      running.set(operationId, accountId);
      const inAccount = [...running.values()].filter((each) => each === accountId).length;
      most.account = Math.max(most.account, inAccount);
      most.fleet = Math.max(most.fleet, running.size);
    },
    poll(run, usual) {
      const poll = failing.has(identifier)
        ? ({
            state: "failed",
            resourceStatus: "available",
            failure: { code: "StorageFull", message: "Full." },
          } as const)
        : usual();
      if (poll.state !== "running") running.delete(run.request.operationId);
      return poll;
    },
  });
}

const app = testApp(
  { ...polling({ scripted: 600 }), BULK_PARALLEL: JSON.stringify(PARALLEL) },
  async () => [provider],
  {
    sweepMs: 300,
  },
);
let dba: Client;
let replica: Awaited<ReturnType<typeof app.replica>>;
beforeAll(async () => {
  dba = await app.as("dba");
  replica = await app.replica();
});
afterAll(() => replica.stop());

const SUMMARY = { waiting: 0, running: 0, timedOut: 0, cancelled: 0, refused: 0, skipped: 0 };
let bulkId: string;

it("each is operated once, the sums and the records are exact, and never more run than may", {
  timeout: 120_000,
}, async () => {
  const input = { filter: { environment: { eq: "DEVELOPMENT" } }, expectedCount: COUNT };
  const bulk = await acceptedBulk(dba, "createSnapshots", input);
  bulkId = bulk.id;
  expect(bulk).toMatchObject({
    type: "CREATE_SNAPSHOT",
    status: "RUNNING",
    filter: input.filter,
    input: {},
    summary: { total: COUNT },
    requestedBy: { email: EMAILS.dba },
  });
  const ended = await endedBulk(dba, bulk.id, 100_000);
  expect(ended.summary).toEqual({ ...SUMMARY, total: COUNT, succeeded: COUNT - 10, failed: 10 });
  expect(ended.endedAt).not.toBeNull();
  const parts = await partsOf(dba, bulk.id);
  expect(parts.map(({ instance }) => instance.identifier)).toEqual([...provider.instances.keys()].sort());
  for (const { status, instance, operation } of parts) {
    expect(status).toBe(failing.has(instance.identifier) ? "FAILED" : "SUCCEEDED");
    expect(operation.bulkOperation).toEqual({ id: bulk.id });
  }
  expect(provider.begun).toHaveLength(COUNT);
  expect([...provider.runs.values()].filter(({ starts }) => starts !== 1)).toEqual([]);
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.requested": COUNT,
    "operation.ended": COUNT,
  });
  expect(await recordsOf(app, parts[0].operation.id)).toMatchObject([
    { action: "operation.requested", actor: { email: EMAILS.dba }, parameters: { bulkOperationId: bulk.id } },
    { action: "operation.ended", actor: { email: EMAILS.dba }, success: true },
  ]);
  expect(most.fleet).toBeGreaterThan(1);
  expect(most.account).toBeLessThanOrEqual(PARALLEL.account);
  expect(most.fleet).toBeLessThanOrEqual(PARALLEL.host);
});

it("only the ten that failed are requested again, each naming its predecessor", async () => {
  const before = await partsOf(dba, bulkId, "FAILED");
  expect(before).toHaveLength(10);
  failing.clear();
  const bulk = await acceptedBulk(dba, "retryBulkOperation", { bulkOperationId: bulkId, expectedCount: 10 });
  expect(bulk).toMatchObject({
    type: "CREATE_SNAPSHOT",
    filter: null,
    retryOf: { id: bulkId },
    summary: { total: 10 },
  });
  const ended = await endedBulk(dba, bulk.id);
  expect(ended.summary).toEqual({ ...SUMMARY, total: 10, succeeded: 10, failed: 0 });
  const parts = await partsOf(dba, bulk.id);
  expect(parts.map(({ instance, operation }) => [instance.identifier, operation.retryOf.id])).toEqual(
    before.map(({ instance, operation }) => [instance.identifier, operation.id]),
  );
  expect(new Set([...before, ...parts].map(({ operation }) => operation.parameters.snapshotId)).size).toBe(20);
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.requested": 10,
    "operation.ended": 10,
  });
  expect(provider.begun).toHaveLength(COUNT + 10);
});
