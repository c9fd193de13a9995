/** Tags of many instances: what would loosen one environment is refused as that part, whenever that is seen, and the others go on. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { acceptedBulk, askBulk, bulkOf, bulkRecordsOf, endedBulk, partsOf } from "../../../support/bulk-app.js";
import { hasten, leftBy } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const environment = (value: string) => [{ key: "Environment", value }];
const development = environment("Development");
const tagsOf = (name: string) => provider.instances.get(name)?.tags;
provider.add("mixed-1");
provider.add("mixed-2", { tags: environment("Staging") });
provider.add("mixed-3");
provider.add("later-1", {}, { tookMs: 1500 });
provider.add("later-2");

const app = testApp({ ...polling({ scripted: 600 }), BULK_PARALLEL: '{"account":1}' }, async () => [provider], {
  sweepMs: 200,
});
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const mixed = { filter: { identifier: { startsWith: "mixed-" } }, expectedCount: 3, tags: development };
const LOOSENS = expect.stringMatching(
  /loosen what takes two administrators.*mixed-2 would count as DEVELOPMENT.*proposeInstanceTags/,
);

it("a trial says which it would be", async () => {
  const left = await leftBy(app, () => askBulk(dba, "setTagsOfInstances", { ...mixed, dryRun: true }));
  expect(left.answer.data.setTagsOfInstances.preview).toMatchObject([
    { identifier: "mixed-1", accepted: true },
    { identifier: "mixed-2", accepted: false, code: "FORBIDDEN", reason: LOOSENS },
    { identifier: "mixed-3", accepted: true },
  ]);
  expect([left.operations, left.events]).toEqual([0, []]);
});

it("it is refused as that part, recorded, and an event; the others get their tags", async () => {
  const left = await leftBy(app, async () => {
    const bulk = await acceptedBulk(dba, "setTagsOfInstances", { ...mixed, removeKeys: ["Team"] });
    return endedBulk(dba, bulk.id);
  });
  const { id, summary } = left.answer;
  expect(summary).toMatchObject({ total: 3, succeeded: 2, refused: 1 });
  expect(await partsOf(dba, id, "REFUSED")).toMatchObject([
    { code: "FORBIDDEN", message: LOOSENS, instance: { identifier: "mixed-2" }, operation: null },
  ]);
  expect(tagsOf("mixed-2")).toEqual(environment("Staging"));
  expect(await bulkRecordsOf(app, id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.refused": 1,
    "operation.requested": 2,
    "operation.ended": 2,
  });
  expect(left.events).toMatchObject([
    { event_type: "authz_fail", metadata: { code: "FORBIDDEN", bulkOperationId: id, instanceId: expect.any(String) } },
  ]);
});

it("it is seen when the turn of the part comes, too", async () => {
  const input = { filter: { identifier: { startsWith: "later-" } }, expectedCount: 2, tags: development };
  const bulk = await acceptedBulk(dba, "setTagsOfInstances", input);
  await eventually(async () => (await bulkOf(dba, bulk.id)).summary.running === 1);
  const left = await leftBy(app, async () => {
    provider.change("later-2", { tags: environment("Staging") });
    await hasten(app, "inventory-scripted");
    return endedBulk(dba, bulk.id);
  });
  expect(left.answer.summary).toMatchObject({ succeeded: 1, refused: 1 });
  expect(await partsOf(dba, bulk.id, "REFUSED")).toMatchObject([{ code: "FORBIDDEN" }]);
  expect(left.events).toMatchObject([
    { event_type: "authz_fail", metadata: { code: "FORBIDDEN", bulkOperationId: bulk.id } },
  ]);
  expect(tagsOf("later-2")).toEqual(environment("Staging"));
});
