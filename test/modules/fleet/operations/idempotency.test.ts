/** Idempotency keys of operations: however often and from wherever a request is sent, it is done once and answered alike. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, ask, leftBy, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
for (const identifier of ["one-dev", "two-dev", "gone-dev"]) provider.add(identifier);

const app = testApp(polling({ scripted: 600 }), async () => [provider]);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const keys = (key: string) => app.sql`select action, ids from idempotency_keys where key = ${key}`;
const startsOf = (id: string) => provider.runs.get(id)?.starts;

it.each([
  ["createSnapshot", { snapshotId: "once" }],
  ["createSnapshot", {}],
  ["rebootInstance", { forceFailover: false }],
  ["modifyBackupWindow", { backupWindow: "03:00-04:00" }],
] as const)("%s %j sent twice acts once, and both are answered alike", async (verb, input) => {
  const idempotencyKey = `${verb} ${Object.keys(input)}`;
  const given = { instanceId: "one-dev", ...input, idempotencyKey };
  const first = await accepted(dba, verb, { ...given, waitSeconds: 20 });
  const left = await leftBy(app, () => accepted(dba, verb, { ...given, waitSeconds: 5 }));
  expect(left.answer).toEqual(first);
  expect(first.status).toBe("SUCCEEDED");
  expect([left.operations, left.snapshots, startsOf(first.id)]).toEqual([0, 0, 1]);
  expect(await keys(idempotencyKey)).toEqual([{ action: "operation.requested", ids: [first.id] }]);
  expect(left.records).toMatchObject([
    { action: "operation.requested", success: true, result: { replayed: true, ids: [first.id] } },
  ]);
  expect(await recordsOf(app, first.id)).toMatchObject([
    { action: "operation.requested", parameters: { idempotencyKey }, result: null },
    { action: "operation.ended" },
    { action: "operation.requested", parameters: { idempotencyKey }, result: { replayed: true } },
  ]);
});

it("thirty at once, through two replicas, make one operation, and all of them wait for its end", async () => {
  const replica = await app.replica();
  const clients = [dba, replica.as(dba.token)];
  const input = { instanceId: "two-dev", idempotencyKey: "storm", waitSeconds: 30 };
  const asked = Array.from({ length: 30 }, (_, n) => accepted(clients[n % 2] as Client, "createSnapshot", input));
  const answers = await Promise.all(asked);
  await replica.stop();
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(answers.every(({ status }) => status === "SUCCEEDED")).toBe(true);
  expect(startsOf(answers[0].id)).toBe(1);
  const records = await recordsOf(app, answers[0].id);
  expect(records.filter(({ result }) => result?.replayed)).toHaveLength(29);
});

it("a key that meant something else is a CONFLICT that names it, and nothing happens", async () => {
  const given = { instanceId: "one-dev", idempotencyKey: "reused", waitSeconds: 20 };
  await accepted(dba, "rebootInstance", given);
  for (const [verb, input] of [
    ["rebootInstance", { forceFailover: false }],
    ["rebootInstance", { instanceId: "two-dev" }],
    ["createSnapshot", {}],
  ] as const) {
    const left = await leftBy(app, () => ask(dba, verb, { ...given, ...input }));
    const { status, code, errors } = left.answer;
    expect([status, code, errors?.[0]?.extensions.field]).toEqual([409, "CONFLICT", "idempotencyKey"]);
    expect(left.operations).toBe(0);
    expect(left.records).toMatchObject([{ action: "operation.refused", success: false }]);
  }
});

it("belongs to whoever chose it", async () => {
  const given = { instanceId: "one-dev", idempotencyKey: "shared", waitSeconds: 20 };
  const mine = await accepted(dba, "rebootInstance", given);
  const theirs = await accepted(await app.as("admin"), "rebootInstance", given);
  expect(mine.id).not.toBe(theirs.id);
});

it("a request that is refused leaves no key; one that was accepted is answered whatever became of the instance", async () => {
  const given = { instanceId: "gone-dev", idempotencyKey: "refused", waitSeconds: 20 };
  expect((await ask(dba, "rebootInstance", { ...given, forceFailover: true })).code).toBe("FAILED_PRECONDITION");
  expect(await keys("refused")).toEqual([]);
  const first = await accepted(dba, "rebootInstance", given);
  await app.sql`update instances set status = 'stopped' where identifier = 'gone-dev'`;
  expect((await ask(dba, "rebootInstance", { ...given, idempotencyKey: "another" })).code).toBe("FAILED_PRECONDITION");
  expect(await accepted(dba, "rebootInstance", given)).toEqual(first);
});

it("while it waits or runs, whoever sends it again waits for the same one", async () => {
  const given = { instanceId: "one-dev", idempotencyKey: "lost" };
  const { id } = await accepted(dba, "createSnapshot", given);
  expect((await accepted(dba, "createSnapshot", { ...given, waitSeconds: 20 })).id).toBe(id);
  await eventually(() => startsOf(id) === 1);
});

it.each(["", "x".repeat(101), "a\0b", "\ud800"])("refuses the key %j", async (idempotencyKey) => {
  const { code, errors } = await ask(dba, "rebootInstance", { instanceId: "one-dev", idempotencyKey });
  expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "idempotencyKey"]);
});
