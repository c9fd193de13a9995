/** Bulk operations take turns, and wait for whatever else an instance does, without keeping room from others. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { acceptedBulk, bulkOf, endedBulk, partsOf } from "../../../support/bulk-app.js";
import { accepted, hasten, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, type Script, scriptedProvider } from "../../../support/scripted-provider.js";

// What brings an instance back is an operation of this provider.
const provider = scriptedProvider("local");
const add = (prefix: string, count: number, script: Script = {}) => {
  for (let n = 1; n <= count; n++) provider.add(`${prefix}-${n}`, {}, { ...script });
  return { filter: { identifier: { startsWith: `${prefix}-` } }, expectedCount: count };
};
const [large, small, busy, rescue] = [
  add("large", 6, { tookMs: 400 }),
  add("small", 1),
  add("busy", 3),
  add("rescue", 1),
];

// One at a time, so that what is next is known.
const app = testApp({ ...polling({ local: 600 }), BULK_PARALLEL: '{"account":1}' }, async () => [provider], {
  sweepMs: 200,
});
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});
const begunOf = (prefix: string) =>
  provider.begun.map((id) => provider.runs.get(id)!.request.providerId).filter((name) => name.startsWith(prefix));

it("a small one does not wait for the end of a large one", async () => {
  const first = await acceptedBulk(dba, "rebootInstances", large);
  await eventually(async () => (await bulkOf(dba, first.id)).summary.running === 1);
  const second = await acceptedBulk(dba, "rebootInstances", small);
  await endedBulk(dba, second.id);
  expect((await bulkOf(dba, first.id)).summary.waiting).toBeGreaterThan(0);
  expect((await endedBulk(dba, first.id)).summary).toMatchObject({ succeeded: 6 });
  expect(begunOf("large")).toEqual([1, 2, 3, 4, 5, 6].map((n) => `large-${n}`));
});

it("a part waits while its instance has another operation, and takes no room from the others", async () => {
  provider.scripts.set("busy-1", { tookMs: 3_600_000 });
  const other = await accepted(dba, "rebootInstance", { instanceId: "busy-1" });
  await eventually(async () => (await operationOf(dba, other.id)).status === "RUNNING");
  const bulk = await acceptedBulk(dba, "rebootInstances", busy);
  await eventually(async () => (await bulkOf(dba, bulk.id)).summary.succeeded === 2);
  expect(await partsOf(dba, bulk.id, "WAITING")).toMatchObject([
    { instance: { identifier: "busy-1" }, operation: null, code: null },
  ]);
  provider.scripts.set("busy-1", {});
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 3, succeeded: 3 });
});

it("a reboot that may bring an instance back does not wait for what hangs there", async () => {
  provider.scripts.set("rescue-1", {
    poll: (run, usual) =>
      run.request.type === "REBOOT_INSTANCE"
        ? usual()
        : { state: "running", resourceStatus: "working", message: "It goes on.", percent: null },
  });
  const hung = await accepted(dba, "createSnapshot", { instanceId: "rescue-1" });
  // Once it was asked for, nobody else looks at the instance.
  await eventually(async () => provider.begun.includes(hung.id));
  provider.change("rescue-1", { status: "failed" });
  await hasten(app, "inventory-local");
  const bulk = await acceptedBulk(dba, "rebootInstances", rescue);
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 1, succeeded: 1 });
  expect(await operationOf(dba, hung.id)).toMatchObject({ status: "FAILED", error: { code: "PrimaryLost" } });
});
