/** What bulk requests are refused for, what becomes of instances that do not allow it, and what a trial answers. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { acceptedBulk, askBulk, bulkRecordsOf, endedBulk, partsOf } from "../../../support/bulk-app.js";
import { leftBy } from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const named = (prefix: string) => ({ filter: { identifier: { startsWith: prefix } } });
for (const identifier of ["plain-1", "plain-2", "mixed-1", "mixed-2"]) provider.add(identifier);
provider.add("mixed-3", { status: "stopped" });
provider.add("mixed-4", { maintenanceWindow: "sun:03:30-sun:04:30" });
provider.add("guard-1", { tags: [{ key: "Environment", value: "Production" }] });
provider.add("guard-2");

const app = testApp(polling({ scripted: 600 }), async () => [provider], { sweepMs: 300 });
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const counts = async () =>
  (
    await app.sql`select (select count(*) from bulk_operations)::int as bulks, (select count(*) from bulk_operation_parts)::int as parts`
  )[0];
/** Asks, and expects that nothing is left but one record of it. */
async function refused(client: Client, verb: string, input: Record<string, unknown>, action = "operation.refused") {
  const before = await counts();
  const left = await leftBy(app, () => askBulk(client, verb, input));
  expect([left.operations, await counts()]).toEqual([0, before]);
  expect(left.records).toMatchObject([{ action, success: false, result: { code: left.answer.code } }]);
  expect(provider.begun).toEqual([]);
  return { ...left, extensions: left.answer.errors![0]!.extensions, message: left.answer.errors![0]!.message };
}

describe("nothing is done", () => {
  it("where another number of instances matches, which the error says", async () => {
    const { answer, extensions, message } = await refused(dba, "rebootInstances", {
      ...named("plain-"),
      expectedCount: 3,
    });
    expect([answer.status, extensions]).toMatchObject([409, { code: "FAILED_PRECONDITION", state: "count", count: 2 }]);
    expect(message).toContain("2 instances match, where 3 were expected");
  });

  it("where none matches, or those that do are gone", async () => {
    for (const filter of [{ identifier: { eq: "nowhere" } }, { gone: { eq: true } }]) {
      const { extensions } = await refused(dba, "rebootInstances", { filter, expectedCount: 1 });
      expect(extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "filter" });
    }
  });

  it.each([false, true])(
    "where one of them is PRODUCTION, and a security event says so (a trial: %s)",
    async (dryRun) => {
      const input = { ...named("guard-"), expectedCount: 2, dryRun };
      const { answer, events, message } = await refused(dba, "createSnapshots", input);
      expect([answer.status, answer.code]).toEqual([403, "PRODUCTION_PROTECTED"]);
      expect(message).toMatch(/^1 of the selected instances is PRODUCTION.*Narrow the filter by environment/);
      expect(events).toMatchObject([{ event_type: "authz_fail", metadata: { code: "PRODUCTION_PROTECTED" } }]);
    },
  );

  it.each(["viewer", "analyst", "security"] as const)("for %s", async (who) => {
    const client = await app.as(who);
    const { answer, events } = await refused(client, "stopInstances", { ...named("plain-"), expectedCount: 2 });
    expect([answer.code, events.length]).toEqual(["FORBIDDEN", 1]);
  });

  it("for nobody", async () => {
    const { answer, operations } = await leftBy(app, () =>
      askBulk(app.anonymous, "stopInstances", { ...named("plain-"), expectedCount: 2 }),
    );
    expect([answer.code, operations]).toEqual(["UNAUTHENTICATED", 0]);
  });
});

const plain = { ...named("plain-"), expectedCount: 2 };
it.each<[string, Record<string, unknown>, string, string]>([
  ["rebootInstances", { ...plain, expectedCount: 0 }, "BAD_USER_INPUT", "expectedCount"],
  ["rebootInstances", { ...plain, expectedCount: -1 }, "BAD_USER_INPUT", "expectedCount"],
  ["rebootInstances", { ...plain, expectedCount: 501 }, "BAD_USER_INPUT", "expectedCount"],
  ["rebootInstances", { ...plain, idempotencyKey: "" }, "BAD_USER_INPUT", "idempotencyKey"],
  ["rebootInstances", { ...plain, filter: { identifier: { eq: null } } }, "BAD_USER_INPUT", "filter.identifier.eq"],
  ["rebootInstances", { ...plain, filter: { and: null } }, "BAD_USER_INPUT", "filter.and"],
  ["rebootInstances", { ...plain, filter: { identifier: {} } }, "BAD_USER_INPUT", "filter.identifier"],
  ["createSnapshots", { ...plain, tags: [{ key: "aws:x", value: "y" }] }, "BAD_USER_INPUT", "tags.0.key"],
  ["modifyBackupWindows", { ...plain, backupWindow: "03:00-03:10" }, "BAD_USER_INPUT", "backupWindow"],
  ["modifyBackupWindows", { ...plain, backupWindow: "' or 1=1 --" }, "BAD_USER_INPUT", "backupWindow"],
  ["modifyInstanceClasses", { ...plain, instanceClass: "db t4g" }, "BAD_USER_INPUT", "instanceClass"],
  ["changeParameterGroups", { ...plain, parameterGroup: "../x" }, "BAD_USER_INPUT", "parameterGroup"],
  ["setTagsOfInstances", { ...plain }, "BAD_USER_INPUT", "tags"],
  ["setTagsOfInstances", { ...plain, removeKeys: ["a", "a"] }, "BAD_USER_INPUT", "removeKeys.1"],
  ["retryBulkOperation", { bulkOperationId: "x", expectedCount: 1 }, "BAD_USER_INPUT", "bulkOperationId"],
  ["retryBulkOperation", { bulkOperationId: "987654321", expectedCount: 1 }, "NOT_FOUND", ""],
  ["retryBulkOperation", { bulkOperationId: "1", expectedCount: 0 }, "BAD_USER_INPUT", "expectedCount"],
  ["cancelBulkOperation", { bulkOperationId: "x" }, "BAD_USER_INPUT", "bulkOperationId"],
  ["cancelBulkOperation", { bulkOperationId: "987654321" }, "NOT_FOUND", ""],
])("%s %j: %s", async (verb, input, code, field) => {
  const action = verb === "cancelBulkOperation" ? "bulk-operation.cancel" : "operation.refused";
  const { extensions } = await refused(dba, verb, input, action);
  expect([extensions.code, extensions.field ?? ""]).toEqual([code, field]);
});

it("more than 500 instances are too many", async () => {
  await app.sql`
    insert into instances (provider, provider_id, identifier, engine, engine_version, multi_az, status, members, tags, environment, classification)
    select 'elsewhere', 'e-' || n, 'crowd-' || n, 'postgres', '15.8', false, 'available', '[]', '[]', 'TEST', '{}' from generate_series(1, 501) n`;
  const { extensions } = await refused(dba, "rebootInstances", { ...named("crowd-"), expectedCount: 500 });
  expect(extensions).toMatchObject({ code: "LIMIT_EXCEEDED", limit: "instances" });
});

const mixed = { ...named("mixed-"), expectedCount: 4, backupWindow: "03:00-04:00" };

it("a trial answers what would become of each, and leaves one record and nothing else", async () => {
  const before = await counts();
  app.statements.length = 0;
  const left = await leftBy(app, () =>
    askBulk(dba, "modifyBackupWindows", { ...mixed, dryRun: true, idempotencyKey: "trial" }),
  );
  const { bulkOperation, preview } = left.answer.data.modifyBackupWindows;
  expect(bulkOperation).toBeNull();
  expect(preview).toMatchObject([
    { identifier: "mixed-1", accepted: true, code: null, reason: null },
    { identifier: "mixed-2", accepted: true, code: null, reason: null },
    { identifier: "mixed-3", accepted: false, code: "FAILED_PRECONDITION", reason: expect.stringContaining("stopped") },
    { identifier: "mixed-4", accepted: false, code: "BAD_USER_INPUT", reason: expect.stringContaining("maintenance") },
  ]);
  expect([left.operations, left.events, await counts()]).toEqual([0, [], before]);
  expect(left.records).toMatchObject([
    {
      action: "bulk-operation.requested",
      success: true,
      parameters: { dryRun: true },
      result: { total: 4, refused: 2 },
    },
  ]);
  expect(await app.sql`select from idempotency_keys`).toHaveLength(0);
  // The trial has said what is so.
  const bulk = await acceptedBulk(dba, "modifyBackupWindows", mixed);
  const ended = await endedBulk(dba, bulk.id);
  expect(ended.summary).toMatchObject({ total: 4, succeeded: 2, refused: 2 });
  const parts = await partsOf(dba, bulk.id);
  expect(parts.map(({ code, message }) => ({ code, reason: message }))).toEqual(
    preview.map(({ code, reason }: { code: string; reason: string }) => ({ code, reason })),
  );
  expect(await bulkRecordsOf(app, bulk.id)).toEqual({
    "bulk-operation.requested": 1,
    "operation.refused": 2,
    "operation.requested": 2,
    "operation.ended": 2,
  });
});

it("a request with a key acts once, whenever it is sent again", async () => {
  const input = { ...plain, idempotencyKey: "once" };
  const [first, second] = await Promise.all([
    acceptedBulk(dba, "rebootInstances", input),
    acceptedBulk(dba, "rebootInstances", input),
  ]);
  expect(second.id).toBe(first.id);
  expect((await endedBulk(dba, first.id)).summary).toMatchObject({ total: 2, succeeded: 2 });
  expect((await askBulk(dba, "rebootInstances", { ...input, stopAtFirstFailure: true })).code).toBe("CONFLICT");
});

it.each([
  ["stopInstances", {}],
  ["startInstances", {}],
  ["createSnapshots", { tags: [{ key: "Owner", value: "shop" }] }],
  ["modifyInstanceClasses", { instanceClass: "local.small", applyImmediately: true }],
  ["changeParameterGroups", { parameterGroup: "reports" }],
  ["setTagsOfInstances", { tags: [{ key: "Owner", value: "shop" }], removeKeys: ["Team"] }],
] as const)("%s does what it says", async (verb, own) => {
  if (verb === "startInstances") await app.sql`update instances set status = 'stopped' where identifier like 'plain-%'`;
  const bulk = await acceptedBulk(dba, verb, { ...plain, ...own });
  expect(bulk.input).toEqual(own);
  expect((await endedBulk(dba, bulk.id)).summary).toMatchObject({ total: 2, succeeded: 2 });
});
