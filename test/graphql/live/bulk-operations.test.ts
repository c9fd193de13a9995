/** Whoever follows operations sees those of a bulk operation as they begin and end, each once, whichever replica runs them. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../support/app.js";
import { acceptedBulk, endedBulk, partsOf } from "../../support/bulk-app.js";
import { openLive, untilPolled } from "../../support/live.js";
import { eventually } from "../../support/sandbox.js";
import { polling, scriptedProvider } from "../../support/scripted-provider.js";

const provider = scriptedProvider();
const NAMES = ["seen-1", "seen-2", "seen-3"];
/** Those that are held until somebody has seen that they run. */
const held = new Set(NAMES);
for (const name of NAMES) {
  provider.add(
    name,
    {},
    {
      poll: (_, usual) =>
        held.has(name)
          ? { state: "running", resourceStatus: "working", message: "It goes on.", percent: null }
          : usual(),
    },
  );
}
provider.add("other-1");

const app = testApp({ ...polling({ scripted: 600 }), BULK_PARALLEL: '{"account":2}' }, async () => [provider], {
  sweepMs: 200,
  liveMs: 200,
});
let dba: Client;
let replica: Awaited<ReturnType<typeof app.replica>>;
let live: ReturnType<typeof openLive>;
beforeAll(async () => {
  dba = await app.as("dba");
  replica = await app.replica();
  live = openLive(replica.url, dba.token);
});
afterAll(async () => {
  live.dispose();
  await replica.stop();
});

it("each part is seen as it begins and as it ends, once", async () => {
  const query = `subscription ($filter: OperationFilter) { operationsUpdated(filter: $filter) {
    id status instance { identifier } bulkOperation { id } } }`;
  const following = live.follow(query, {
    filter: { type: { eq: "STOP_INSTANCE" }, bulkOperationId: { isNull: false } },
  });
  await untilPolled(app, 2);
  const bulk = await acceptedBulk(dba, "stopInstances", {
    filter: { identifier: { startsWith: "seen-" } },
    expectedCount: 3,
  });
  const seen = (name: string) =>
    following
      .rows()
      .flatMap((row) => (row.instance.identifier === name && row.status !== "QUEUED" ? [row.status] : []));
  for (const name of NAMES) {
    await eventually(async () => seen(name).includes("RUNNING"));
    held.delete(name);
  }
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 3, succeeded: 3 });
  await eventually(async () => NAMES.every((name) => seen(name).includes("SUCCEEDED")));
  // What another asks for is not theirs, and nothing comes twice.
  await acceptedBulk(dba, "rebootInstances", { filter: { identifier: { eq: "other-1" } }, expectedCount: 1 });
  await untilPolled(app, 3);
  const ids = new Map((await partsOf(dba, bulk.id)).map((part) => [part.instance.identifier, part.operation.id]));
  for (const name of NAMES) expect([name, ...seen(name)]).toEqual([name, "RUNNING", "SUCCEEDED"]);
  for (const row of following.rows()) {
    expect(row).toMatchObject({ id: ids.get(row.instance.identifier), bulkOperation: { id: bulk.id } });
  }
  // That one waits may be passed over; it too is seen once at most.
  const texts = following.rows().map(({ id, status }) => `${id} ${status}`);
  expect(texts).toEqual([...new Set(texts)]);
  following.stop();
});
