/** A change that is stopped is known to be done or not, and a server that does not answer holds nobody up. */
import { sql } from "drizzle-orm";
import { beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { asCaller } from "../../src/values/caller.js";
import { echo, pid, quick, someone, useCancelling, WAIT, wait, withoutServersTimeout } from "../support/cancelling.js";
import { openProxy } from "../support/proxy.js";
import { SOON } from "../support/soon.js";

const { app, open, waitingFor, untilWaiting, lock, opened } = useCancelling();
let database: string;
beforeAll(() => {
  ({ database } = opened());
});

it("a change that is stopped in another's place once its own time is over is not sent again", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const connection = { ...proxy.connection, database };
  const client = open({ connection, poolSize: 2, statementTimeoutMs: 1000 });
  await withoutServersTimeout(client);
  const unlock = await lock(1, 2);
  proxy.state.holdsCancels = true;
  const caller = someone("left");
  const meant = wait(client, caller, 1).catch(({ code }) => code);
  // Nothing more is left for this caller, so it goes behind.
  const change = asCaller(caller, () => client.db.change(WAIT, [2, "late"], false));
  const ended = change.then(
    () => "done",
    ({ code, cause }) => `${code} ${cause.code}`,
  );
  const overAtMs = performance.now() + 1000 + 250;
  await untilWaiting(1);
  client.stopReads(caller);
  expect(await meant).toBe("TIMEOUT");
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  await unlock(1);
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(overAtMs + 50), 5000);
  // As the request does that is held back.
  await app.sql`
    select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  expect(await ended).toBe("TIMEOUT 57014");
  proxy.release();
  expect(await waitingFor(2)).toBe(0);
});

it("nor does a transaction send its next one: what ended before its cancel loses nothing", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database }, statementTimeoutMs: 1500 });
  await withoutServersTimeout(client);
  const unlock = await lock(1, 2);
  proxy.state.holdsCancels = true;
  const transaction = client.db.transaction(async (db) => {
    await db.execute(sql`select pg_advisory_xact_lock_shared(1)`);
    await db.execute(sql`select pg_advisory_xact_lock_shared(2)`);
    await db.execute(sql`insert into organizations (name, domain) values ('kept', 'kept.example')`);
  });
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), { interval: 5, timeout: 15_000 });
  await unlock(1);
  for (let n = 0; n < 10; n++) await app.sql`select 1`;
  proxy.release();
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  await unlock(2);
  await transaction;
  expect(await app.sql`select from organizations where name = 'kept'`).toHaveLength(1);
});

it("a change that reaches the client's deadline is cancelled, and known not to be done", async () => {
  const client = open({ statementTimeoutMs: 300 });
  await withoutServersTimeout(client);
  const first = await pid(client);
  await lock(1);
  const change = client.db.change(
    "with waited as materialized (select pg_advisory_xact_lock_shared(1)) insert into organizations (name, domain) select 'late', 'late.example' from waited returning id::text",
    [],
    false,
  );
  await expect(change).rejects.toMatchObject({ code: "TIMEOUT", cause: { code: "57014" } });
  expect(await pid(client)).toBe(first);
  expect(await app.sql`select from organizations where name = 'late'`).toHaveLength(0);
});

it("so are a statement of a transaction, which is undone, and one that drizzle sends", async () => {
  const client = open({ statementTimeoutMs: 300 });
  await withoutServersTimeout(client);
  const first = await pid(client);
  await lock(1);
  const transaction = client.db.transaction(async (db) => {
    await db.execute(sql`insert into organizations (name, domain) values ('undone', 'undone.example')`);
    await db.execute(sql`select pg_advisory_xact_lock_shared(1)`);
  });
  await expect(transaction).rejects.toMatchObject({ code: "TIMEOUT" });
  await expect(client.db.execute(sql`select pg_advisory_xact_lock_shared(1)`)).rejects.toMatchObject({
    cause: { code: "57014" },
  });
  expect(await pid(client)).toBe(first);
  expect(await app.sql`select from organizations where name = 'undone'`).toHaveLength(0);
});

it("where the server is frozen, everything ends within a second of its time, and what may have been done says so", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database }, poolSize: 4, statementTimeoutMs: 500 });
  await Promise.all(["a", "b", "c", "d"].map((name) => asCaller(someone(name), () => pid(client))));
  const as = <T>(name: string, work: () => Promise<T>) =>
    asCaller(someone(name), () => work().catch(({ code, extensions }) => [code, extensions?.outcome]));
  proxy.state.isFrozen = true;
  const started = performance.now();
  const outcomes = await Promise.all([
    as("a", () => client.query("select 1", [], false, quick())),
    as("b", () => client.db.change("select 1", [], false)),
    as("c", () => client.db.transaction((db) => db.execute(sql`select 1`))),
    as("d", () => client.db.execute(sql`select 1`).catch((error) => Promise.reject(error.cause))),
  ]);
  const tookMs = performance.now() - started;
  expect(outcomes).toEqual([
    ["TIMEOUT", undefined],
    ["UNAVAILABLE", "unknown"],
    ["TIMEOUT", undefined],
    ["GIVEN_UP", undefined],
  ]);
  expect(tookMs).toBeLessThan(1500);
  proxy.state.isFrozen = false;
  await vi.waitFor(async () => expect(await pid(client)).toBeTruthy(), SOON);
});

it("where nobody takes the cancel, the connection goes with those behind, and the next one serves", async () => {
  const proxy = await openProxy();
  const client = open({ connection: { ...proxy.connection, database } });
  onTestFinished(() => proxy.close());
  const first = await pid(client);
  const unlock = await lock(1);
  const left = someone("left");
  const stopped = wait(client, left, 1).catch(({ code }) => code);
  const behind = echo(client, someone("behind"), "behind").catch(({ code }) => code);
  await untilWaiting(1);
  proxy.refuse();
  client.stopReads(left);
  expect(await Promise.all([stopped, behind])).toEqual(["TIMEOUT", "UNAVAILABLE"]);
  expect(await pid(client).catch(({ code }) => code)).toBe("UNAVAILABLE");
  await unlock(1);
  await vi.waitFor(
    async () => expect(await app.sql`select from pg_stat_activity where pid::text = ${first!}`).toHaveLength(0),
    SOON,
  );
});
