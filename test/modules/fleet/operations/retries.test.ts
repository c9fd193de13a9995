/** Retries of operations: what may be asked for again, as what, by whom, and once at a time. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, type Client, EMAILS, testApp } from "../../../support/app.js";
import { accepted, ask, hasten, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { insertOperation } from "../../../support/fleet-port.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, type Script, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const names = ["failing-01", "plain-01", "busy-01", "late-01", "window-01", "moved-01", "twice-01", "gone-01"];
for (const identifier of names) provider.add(identifier);

const app = testApp(polling({ scripted: 20 }), async () => [provider], { sweepMs: 200 });
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(() => provider.release());

const FAILS: Script = {
  poll: () => ({ state: "failed", resourceStatus: "available", failure: { code: "StorageFull", message: "Full." } }),
};
const GOES_ON: Script = {
  poll: () => ({ state: "running", resourceStatus: "working", message: "It goes on.", percent: null }),
};
/** Has the next operation of the instance behave so, and those after it well. */
async function ended(identifier: string, script: Script, verb: Parameters<typeof ask>[1], input: object = {}) {
  provider.scripts.set(identifier, script);
  const operation = await accepted(dba, verb, { instanceId: identifier, ...input, waitSeconds: 20 });
  provider.scripts.set(identifier, {});
  return operation;
}
const retryOf = (operationId: string, rest: object = {}, client = dba): Promise<Answer> =>
  client.run(
    `mutation($input: RetryOperationInput!) { retryOperation(input: $input) {
      operation { id type status parameters instance { identifier } retryOf { id status } requestedBy } } }`,
    { input: { operationId, waitSeconds: 20, ...rest } },
  );
const refused = async (answer: Answer, code: string, state?: string) => {
  expect([answer.code, answer.errors?.[0]?.extensions.state]).toEqual([code, state]);
};
const storedIn = async (id: string) => (await app.sql`select input from operations where id = ${id}`)[0]?.input;

it("a failed operation is asked for again: the same of the same instance, with a name generated anew", async () => {
  const failed = await ended("failing-01", FAILS, "createSnapshot", { tags: [{ key: "Owner", value: "shop" }] });
  expect(failed.status).toBe("FAILED");
  const admin = await app.as("admin");
  const left = await leftBy(app, () => retryOf(failed.id, {}, admin));
  const { operation } = left.answer.data.retryOperation;
  expect(operation).toMatchObject({
    type: "CREATE_SNAPSHOT",
    status: "SUCCEEDED",
    instance: { identifier: "failing-01" },
    retryOf: { id: failed.id, status: "FAILED" },
    parameters: { tags: [{ key: "Owner", value: "shop" }], automated: false },
    requestedBy: { email: EMAILS.admin },
  });
  expect(operation.parameters.snapshotId).toMatch(/^failing-01-\d{8}-\d{6}-[0-9a-f]{6}$/);
  expect(operation.parameters.snapshotId).not.toBe(failed.parameters.snapshotId);
  expect([left.operations, left.events.length]).toEqual([1, 0]);
  expect(left.records).toMatchObject([
    { action: "operation.requested", actor: { email: EMAILS.admin }, parameters: { retryOf: failed.id } },
    { action: "operation.ended", success: true },
  ]);
  expect(await storedIn(operation.id)).toEqual({ tags: [{ key: "Owner", value: "shop" }] });
});

it.each([
  ["createSnapshot", { snapshotId: "given-name" }, { snapshotId: "given-name" }],
  ["rebootInstance", { forceFailover: false }, { forceFailover: false }],
  ["modifyBackupWindow", { backupWindow: "03:00-04:00", applyImmediately: true }, { backupWindow: "03:00-04:00" }],
  ["stopInstance", {}, {}],
] as const)("%s %j keeps what was asked, and nothing of when", async (verb, input, parameters) => {
  const times = { idempotencyKey: `first ${verb}` };
  const failed = await ended("plain-01", FAILS, verb, { ...input, ...times });
  expect(await storedIn(failed.id)).toEqual(input);
  const { data } = await retryOf(failed.id);
  expect(data.retryOperation.operation).toMatchObject({ status: "SUCCEEDED", type: failed.type, parameters });
});

it("what was cancelled or has expired is asked for again, and begins at once", async () => {
  const runAt = new Date(Date.now() + 3_600_000).toISOString();
  const asked = await accepted(dba, "rebootInstance", { instanceId: "busy-01", runAt });
  await accepted(dba, "cancelOperation", { operationId: asked.id });
  expect((await retryOf(asked.id)).data.retryOperation.operation.status).toBe("SUCCEEDED");
  const late = await accepted(dba, "rebootInstance", { instanceId: "busy-01", runAt });
  await app.sql`update operations set run_at = now() - interval '1 hour' where id = ${late.id}`;
  await eventually(async () => (await operationOf(dba, late.id)).status === "EXPIRED");
  expect((await retryOf(late.id)).data.retryOperation.operation.status).toBe("SUCCEEDED");
});

it("what has timed out may still end: only once it is settled as failed is it asked for again", async () => {
  const late = await ended("late-01", GOES_ON, "rebootInstance");
  expect(late.status).toBe("TIMED_OUT");
  const left = await leftBy(app, () => retryOf(late.id));
  await refused(left.answer, "FAILED_PRECONDITION", "TIMED_OUT");
  expect([left.operations, left.records.map(({ action }) => action)]).toEqual([0, ["operation.refused"]]);
  provider.scripts.set("late-01", FAILS);
  await hasten(app, "settle-scripted");
  provider.scripts.set("late-01", {});
  expect((await retryOf(late.id)).data.retryOperation.operation.status).toBe("SUCCEEDED");
});

it("what has not ended or has done its work is not asked for again", async () => {
  provider.scripts.set("busy-01", { tookMs: 3_600_000 });
  const running = await accepted(dba, "rebootInstance", { instanceId: "busy-01" });
  const queued = await accepted(dba, "rebootInstance", { instanceId: "busy-01" });
  await eventually(async () => (await operationOf(dba, running.id)).status === "RUNNING");
  await refused(await retryOf(running.id), "FAILED_PRECONDITION", "RUNNING");
  await refused(await retryOf(queued.id), "FAILED_PRECONDITION", "QUEUED");
  provider.scripts.set("busy-01", {});
  await eventually(async () => (await operationOf(dba, queued.id)).status === "SUCCEEDED");
  await refused(await retryOf(queued.id), "FAILED_PRECONDITION", "SUCCEEDED");
});

it("one retry at a time stands: of many at once one is accepted, and the others name it", async () => {
  const failed = await ended("twice-01", FAILS, "rebootInstance");
  provider.scripts.set("twice-01", { tookMs: 3_600_000 });
  const answers = await Promise.all(Array.from({ length: 6 }, () => retryOf(failed.id, { waitSeconds: 0 })));
  const [first] = answers.flatMap(({ data }) => data?.retryOperation?.operation ?? []);
  const conflicts = answers.filter(({ code }) => code === "CONFLICT");
  expect(conflicts).toHaveLength(5);
  for (const { errors } of conflicts) expect(errors?.[0]?.message).toContain(`Operation ${first.id} repeats this one`);
  provider.scripts.set("twice-01", FAILS);
  await eventually(async () => (await operationOf(dba, first.id)).status === "FAILED");
  provider.scripts.set("twice-01", {});
  expect((await retryOf(failed.id)).data.retryOperation.operation.status).toBe("SUCCEEDED");
});

it("a retry with a key acts once, whenever it is sent again", async () => {
  const failed = await ended("plain-01", FAILS, "rebootInstance");
  const first = await retryOf(failed.id, { idempotencyKey: "again" });
  const second = await leftBy(app, () => retryOf(failed.id, { idempotencyKey: "again" }));
  expect(second.answer.data).toEqual(first.data);
  expect([second.operations, second.records.map(({ result }) => result.replayed)]).toEqual([0, [true]]);
});

it("an instance that is PRODUCTION by now is refused at the door, with its record and its event", async () => {
  const failed = await ended("moved-01", FAILS, "rebootInstance");
  provider.change("moved-01", { tags: [{ key: "Environment", value: "Production" }] });
  await hasten(app, "inventory-scripted");
  app.statements.length = 0;
  const { answer, records, events, operations } = await leftBy(app, () => retryOf(failed.id));
  expect([answer.status, answer.code, operations]).toEqual([403, "PRODUCTION_PROTECTED", 0]);
  expect(app.statements.filter((text) => /for update/.test(text) && /instances/.test(text))).toEqual([]);
  expect(records).toMatchObject([
    {
      action: "operation.refused",
      success: false,
      result: { code: "PRODUCTION_PROTECTED" },
      actor: { email: EMAILS.dba },
    },
  ]);
  expect(events).toMatchObject([{ event_type: "authz_fail", metadata: { field: "Mutation.retryOperation" } }]);
});

it("an instance that has become another since is judged as it is now", async () => {
  const failed = await ended("window-01", FAILS, "modifyBackupWindow", { backupWindow: "03:00-04:00" });
  provider.change("window-01", { maintenanceWindow: "sun:03:30-sun:04:30" });
  await hasten(app, "inventory-scripted");
  const answer = await retryOf(failed.id);
  expect([answer.code, answer.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "backupWindow"]);
  const gone = await ended("gone-01", FAILS, "rebootInstance");
  provider.instances.delete("gone-01");
  await hasten(app, "inventory-scripted");
  await refused(await retryOf(gone.id), "FAILED_PRECONDITION", "vanished");
});

it("what Postern itself requested, or an older release accepted, cannot be asked for again", async () => {
  const [row] = await app.sql`select id::text from instances where identifier = 'plain-01'`;
  const id = await insertOperation(app, row?.id);
  await app.sql`update operations set status = 'FAILED', ended_at = now() where id = ${id}`;
  await refused(await retryOf(id), "FAILED_PRECONDITION", "input not kept");
});

it.each([
  [{ operationId: "999999" }, 404, "NOT_FOUND", undefined],
  [{ operationId: "x" }, 400, "BAD_USER_INPUT", "operationId"],
  [{ operationId: "' or 1=1 --" }, 400, "BAD_USER_INPUT", "operationId"],
  [{ operationId: "-1" }, 400, "BAD_USER_INPUT", "operationId"],
  [{ operationId: "9".repeat(40) }, 400, "BAD_USER_INPUT", "operationId"],
  [{ operationId: "a\u0000b" }, 400, "BAD_USER_INPUT", "operationId"],
  [{ operationId: "1", waitSeconds: 301 }, 400, "BAD_USER_INPUT", "waitSeconds"],
  [{ operationId: "1", waitSeconds: -1 }, 400, "BAD_USER_INPUT", "waitSeconds"],
  [{ operationId: "1", idempotencyKey: "" }, 400, "BAD_USER_INPUT", "idempotencyKey"],
  [{ operationId: "1", idempotencyKey: "k".repeat(101) }, 400, "BAD_USER_INPUT", "idempotencyKey"],
])("%j: %s", async (input, status, code, field) => {
  const { answer, records, operations } = await leftBy(app, () => retryOf("", input));
  expect([answer.status, answer.code, answer.errors?.[0]?.extensions.field, operations]).toEqual([
    status,
    code,
    field,
    0,
  ]);
  expect(records).toMatchObject([{ action: "operation.refused", success: false, result: { code } }]);
});

it("others retry nothing", async () => {
  const failed = await ended("plain-01", FAILS, "rebootInstance");
  for (const who of ["viewer", "analyst", "security"] as const) {
    const left = await leftBy(app, async () => retryOf(failed.id, {}, await app.as(who)));
    expect([left.answer.code, left.operations]).toEqual(["FORBIDDEN", 0]);
  }
  expect((await retryOf(failed.id, {}, app.anonymous)).code).toBe("UNAUTHENTICATED");
  expect((await recordsOf(app, failed.id)).filter(({ action }) => action === "operation.refused")).toHaveLength(3);
});
