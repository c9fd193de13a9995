/** What runs is cancelled: on whichever replica it runs, before and after a crash, and as it ended where the work was quicker. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { openLive } from "../../../support/live.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const FOR_GOOD = 3_600_000;
const [provider, aws, seldom] = [scriptedProvider(), scriptedProvider("aws-rds"), scriptedProvider("seldom")];
for (const identifier of ["far", "near"]) seldom.add(identifier, {}, { tookMs: FOR_GOOD });
for (const identifier of ["orders", "other", "deaf", "timed", "dead", "backed", "backed-prod"]) {
  provider.add(identifier, {}, { tookMs: FOR_GOOD });
}
provider.add("source");
provider.add("quick", {}, { tookMs: 150 });
aws.add("rds", {}, { tookMs: FOR_GOOD });

const { OPERATION_POLLING } = polling({ scripted: 600, "aws-rds": 600 });
const paces = {
  ...JSON.parse(OPERATION_POLLING),
  seldom: { CREATE_SNAPSHOT: { intervalMs: 600_000, attempts: 100 } },
};
const app = testApp({ OPERATION_POLLING: JSON.stringify(paces) }, async () => [provider, aws, seldom], {
  sweepMs: 300,
});
let [here, there]: Client[] = [];
let replica: Awaited<ReturnType<typeof app.replica>>;
beforeAll(async () => {
  here = await app.as("dba");
  replica = await app.replica();
  there = replica.as(here.token);
});
afterAll(() => replica.stop());

const read = (id: string) => operationOf(here!, id);
const comes = (id: string, status: string) =>
  eventually(async () => {
    const operation = await read(id);
    return operation.status === status && operation;
  });
async function running(
  instanceId: string,
  verb: Parameters<typeof accepted>[1] = "createSnapshot",
  input: object = {},
) {
  const { id } = await accepted(here!, verb, { instanceId, ...input });
  await eventually(async () => provider.runs.has(id) || aws.runs.has(id));
  return id as string;
}
const cancel = (client: Client, operationId: string, waitSeconds = 20) =>
  accepted(client, "cancelOperation", { operationId, waitSeconds });
const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action);
const CANCELLING = "{ cancelRequestedAt cancelRequestedBy { kind email role } error { code } }";
const cancellingOf = async (id: string) => (await here!.run(`{ operation(id: "${id}") ${CANCELLING} }`)).data.operation;

it("a snapshot that runs is ended by its provider, wherever it runs; who cancelled it, and when, is on record", async () => {
  const ids = [await running("orders"), await running("other")];
  expect(await cancellingOf(ids[0]!)).toEqual({ cancelRequestedAt: null, cancelRequestedBy: null, error: null });
  // One of the two replicas runs it, and either is asked.
  for (const [n, id] of ids.entries()) {
    const operation = await cancel(n ? here! : there!, id);
    expect(operation).toMatchObject({
      ...{ status: "CANCELLED", success: false, error: null, result: null, snapshot: null },
      ...{ startedAt: expect.any(String), endedAt: expect.any(String), durationSeconds: expect.any(Number) },
    });
    expect(await cancellingOf(id)).toEqual({
      cancelRequestedAt: expect.any(String),
      cancelRequestedBy: { kind: "USER", email: EMAILS.dba, role: "DBA" },
      error: null,
    });
    const records = await recordsOf(app, id);
    expect(records).toMatchObject([
      { action: "operation.requested", success: true },
      { action: "operation.cancel", success: true, actor: { email: EMAILS.dba } },
      { action: "operation.ended", success: false, result: { status: "CANCELLED", result: null, error: null } },
    ]);
    expect([provider.runs.get(id)?.starts, provider.runs.get(id)?.cancels]).toEqual([1, 1]);
  }
});

it("work that is polled every ten minutes is ended at once where it runs, and from another replica within seconds", async () => {
  const ids = [];
  for (const instanceId of ["far", "near"]) {
    const { id } = await accepted(here!, "createSnapshot", { instanceId });
    await eventually(async () => (await read(id)).progress.length > 0);
    ids.push(id);
  }
  for (const [n, id] of ids.entries()) {
    expect((await cancel(n ? here! : there!, id)).status).toBe("CANCELLED");
    expect([seldom.runs.get(id)?.cancels, seldom.runs.get(id)?.polls]).toEqual([1, 2]);
  }
});

it("a restore, too; its identifier is free again, and so is the lane", async () => {
  await accepted(here!, "createSnapshot", { instanceId: "source", snapshotId: "kept", waitSeconds: 20 });
  provider.scripts.set("source", { tookMs: FOR_GOOD });
  const input = { snapshotId: "kept", identifier: "copy" };
  const id = await running("source", "restoreSnapshot", input);
  expect((await cancel(there!, id)).status).toBe("CANCELLED");
  provider.scripts.set("source", {});
  const again = await accepted(here!, "restoreSnapshot", { instanceId: "source", ...input, waitSeconds: 20 });
  expect(again.status).toBe("SUCCEEDED");
});

it("asked for twice, at once or one after the other, it is as asked for once; each call has its record", async () => {
  provider.scripts.set("deaf", { tookMs: FOR_GOOD, cancel: () => undefined });
  const id = await running("deaf");
  const answers = await Promise.all([here!, there!, here!].map((client) => cancel(client, id, 0)));
  expect(answers.map(({ status }) => status)).toEqual(["RUNNING", "RUNNING", "RUNNING"]);
  const first = await cancellingOf(id);
  await ask(await app.as("admin"), "cancelOperation", { operationId: id });
  expect(await cancellingOf(id)).toEqual(first);
  // A provider that does not end it at once is asked again.
  await eventually(() => provider.runs.get(id)!.cancels > 2);
  provider.scripts.set("deaf", { tookMs: FOR_GOOD });
  await comes(id, "CANCELLED");
  const actions = await actionsOf(id);
  expect(actions.filter((action) => action === "operation.cancel")).toHaveLength(4);
  expect(actions.filter((action) => action === "operation.ended")).toHaveLength(1);
});

it("work that has ended before ends as it ended, once", async () => {
  for (let round = 0; round < 5; round++) {
    const { id } = await accepted(here!, "createSnapshot", { instanceId: "quick" });
    await eventually(() => Date.now() - (provider.runs.get(id)?.sinceMs ?? Infinity) > 35 * round);
    const { code } = await ask(round % 2 ? here! : there!, "cancelOperation", { operationId: id });
    const { status, snapshot } = await eventually(async () => {
      const now = await read(id);
      return now.endedAt !== null && now;
    });
    // It has ended itself, or was cancelled: never both, and what is refused was too late.
    expect(["SUCCEEDED", ...(code === undefined ? ["CANCELLED"] : [])]).toContain(status);
    expect([status, snapshot === null]).toEqual([status, status === "CANCELLED"]);
    expect(provider.runs.get(id)?.isCancelled).toBe(status === "CANCELLED");
    expect((await actionsOf(id)).filter((action) => action === "operation.ended")).toHaveLength(1);
  }
});

it.each([
  ["a type that no provider can cancel", "orders", "rebootInstance", /scripted cannot cancel a REBOOT_INSTANCE/],
  ["a provider that cannot", "rds", "createSnapshot", /aws-rds cannot cancel a CREATE_SNAPSHOT.*delete the snapshot/],
] as const)("%s: the answer says so, and what to do; it goes on", async (_, instanceId, verb, message) => {
  const id = await running(instanceId, verb);
  const { answer, records } = await leftBy(app, () => ask(here!, "cancelOperation", { operationId: id }));
  expect([answer.status, answer.code, answer.errors?.[0]?.extensions.state]).toEqual([
    ...[409, "FAILED_PRECONDITION", "RUNNING"],
  ]);
  expect(answer.errors?.[0]?.message).toMatch(message);
  expect(answer.errors?.[0]?.message).toMatch(/Wait for its end/);
  expect(records).toMatchObject([{ action: "operation.cancel", success: false }]);
  expect(await cancellingOf(id)).toMatchObject({ cancelRequestedAt: null });
  const owner = instanceId === "rds" ? aws : provider;
  expect([owner.runs.get(id)?.cancels, (await read(id)).status]).toEqual([0, "RUNNING"]);
  owner.scripts.set(instanceId, {});
  await comes(id, "SUCCEEDED");
});

it("availableOperations says which", async () => {
  const cancellableOf = async (instanceId: string) =>
    (await instanceOf(here!, instanceId, "availableOperations { type cancellable }")).availableOperations
      .filter(({ cancellable }: { cancellable: boolean }) => cancellable)
      .map(({ type }: { type: string }) => type);
  expect(await cancellableOf("orders")).toEqual(["CREATE_SNAPSHOT", "RESTORE_SNAPSHOT"]);
  expect(await cancellableOf("rds")).toEqual([]);
});

it("one that has timed out and still runs is ended, too: it stays TIMED_OUT, and is settled as cancelled", async () => {
  const id = await running("timed");
  await app.sql`update operations set started_at = now() - interval '1 day', worker = 'gone', lease_until = now() where id = ${id}`;
  await comes(id, "TIMED_OUT");
  expect(await cancel(here!, id)).toMatchObject({ status: "TIMED_OUT", settledAt: null });
  await hasten(app, "settle-scripted");
  const { status, settledAt, settlement } = await read(id);
  expect([status, settledAt, settlement]).toEqual(["TIMED_OUT", expect.any(String), { status: "CANCELLED" }]);
  expect(provider.runs.get(id)?.cancels).toBe(1);
  expect(await actionsOf(id)).toEqual([
    ...["operation.requested", "operation.ended", "operation.cancel", "operation.settled"],
  ]);
  expect((await ask(here!, "cancelOperation", { operationId: id })).errors?.[0]?.extensions.state).toBe("TIMED_OUT");
});

it("what was cancelled before a crash is not begun after it, and what a kill has undone is cancelled", async () => {
  // The worker is gone: it has claimed the operation and nothing else, or its provider tells after its own start what became of it.
  const left = (id: string) => app.sql`
    insert into operations (id, type, lane, instance_id, parameters, status, requested_by, started_at, worker, lease_until,
      cancel_requested_at, cancel_requested_by)
    select ${id}, 'CREATE_SNAPSHOT', 'servers', id, '{"snapshotId": "left", "tags": [], "automated": false}', 'RUNNING',
      '{"type": "system", "name": "test"}', now(), 'gone', now(), now(), '{"type": "user", "id": "1"}'
    from instances where identifier = 'dead'`;
  const [unbegun, undone] = ["9000001", "9000002"] as const;
  await left(unbegun);
  expect(await comes(unbegun, "CANCELLED")).toMatchObject({ error: null, snapshot: null });
  expect(provider.runs.has(unbegun)).toBe(false);
  const failure = { code: "Interrupted", message: "Postern was stopped meanwhile." };
  provider.scripts.set("dead", { poll: () => ({ state: "failed", resourceStatus: "failed", failure }) });
  const begun = await running("dead");
  // What nobody has cancelled has failed.
  await comes(begun, "FAILED");
  provider.runs.set(undone, { ...provider.runs.get(begun)! });
  await left(undone);
  expect(await comes(undone, "CANCELLED")).toMatchObject({ error: null });
});

async function backup(identifier: string): Promise<string> {
  const [row] = await app.sql`
    insert into operations (type, lane, instance_id, parameters, requested_by)
    select 'CREATE_SNAPSHOT', 'servers', id, '{"snapshotId": "auto", "tags": [], "automated": true}', '{"type": "system", "name": "schedule"}'
    from instances where identifier = ${identifier} returning id::text`;
  await comes(row?.id, "RUNNING");
  await eventually(() => provider.runs.has(row?.id));
  return row?.id;
}

const wishOf = (id: string) => app.sql`select status, cancel_requested_at as at from operations where id = ${id}`;

it("nobody cancels the backup of a production instance", async () => {
  const id = await backup("backed-prod");
  const { answer, records, events, operations } = await leftBy(app, () =>
    ask(here!, "cancelOperation", { operationId: id }),
  );
  expect(answer.code).toBe("PRODUCTION_PROTECTED");
  expect(records).toMatchObject([{ action: "operation.cancel", success: false }]);
  expect(events).toMatchObject([{ event_type: "authz_fail" }]);
  expect(operations).toBe(0);
  expect(await wishOf(id)).toEqual([{ status: "RUNNING", at: null }]);
  expect(provider.runs.get(id)?.cancels ?? 0).toBe(0);
});

it("one that timed out more than a day ago is refused, as nobody asks about it any more", async () => {
  const id = await running("timed");
  await app.sql`update operations set started_at = now() - interval '2 days', worker = 'gone', lease_until = now() where id = ${id}`;
  await comes(id, "TIMED_OUT");
  await app.sql`update operations set ended_at = now() - interval '25 hours' where id = ${id}`;
  const { code, errors } = await ask(here!, "cancelOperation", { operationId: id });
  expect([code, errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "TIMED_OUT"]);
  expect(await wishOf(id)).toEqual([{ status: "TIMED_OUT", at: null }]);
});

it("an automated backup is cancelled by whoever may run operations, and is taken later", async () => {
  const id = await backup("backed");
  expect((await ask(await app.as("security"), "cancelOperation", { operationId: id })).code).toBe("FORBIDDEN");
  expect(await cancel(here!, id)).toMatchObject({ status: "CANCELLED" });
  expect((await recordsOf(app, id)).map(({ action, actor }) => [action, actor.email ?? actor.name])).toEqual(
    expect.arrayContaining([
      ["operation.cancel", EMAILS.dba],
      ["operation.ended", "schedule"],
    ]),
  );
});

it("whoever follows it sees that it is to end, and its end", async () => {
  const id = await running("other");
  const live = openLive(replica.url, here!.token);
  const following = live.follow(
    `subscription { operationUpdated(operationId: "${id}") { status cancelRequestedBy { email } } }`,
  );
  await following.count(1);
  provider.scripts.set("other", { tookMs: FOR_GOOD, cancel: () => undefined });
  await cancel(here!, id, 0);
  await following.count(2);
  provider.scripts.set("other", { tookMs: FOR_GOOD });
  const cancelRequestedBy = { email: EMAILS.dba };
  expect(await following.count(3)).toEqual([
    { status: "RUNNING", cancelRequestedBy: null },
    { status: "RUNNING", cancelRequestedBy },
    { status: "CANCELLED", cancelRequestedBy },
  ]);
  live.dispose();
});

it("waits 0 to 300 seconds, and for no other time", async () => {
  const operationId = await running("backed");
  for (const waitSeconds of [-1, 301, 1.5, "soon"]) {
    expect((await ask(here!, "cancelOperation", { operationId, waitSeconds })).code).toBe("BAD_USER_INPUT");
  }
  expect(await cancellingOf(operationId)).toMatchObject({ cancelRequestedAt: null });
  expect((await cancel(here!, operationId, 300)).status).toBe("CANCELLED");
});
