/** A statement that nobody wants any more is stopped in PostgreSQL, and no other statement is harmed by it. */
import { sql } from "drizzle-orm";
import { beforeAll, expect, inject, it, onTestFinished, vi } from "vitest";
import { type Client, type ClientOptions, createClient } from "../../src/db/client.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { asCaller, type Caller } from "../../src/values/caller.js";
import { testApp } from "../support/app.js";
import { openProxy } from "../support/proxy.js";
import { SOON } from "../support/soon.js";

const quick = () => new UsualTime(0);
const app = testApp({ DATABASE_POOL_SIZE: "1" });
let database = "";
beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]!.name;
});

const someone = (name: string): Caller => ({ name, hasLeft: false });
function open(options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ connection: { ...inject("connection"), database }, poolSize: 1, ...options });
  onTestFinished(() => client.close());
  return client;
}
/** So that only the client's own deadline ends a statement. */
const withoutServersTimeout = (client: Client) =>
  client.query("select set_config('statement_timeout', '0', false)", [], false);
const WAIT = "select pg_advisory_xact_lock_shared($1)::text, $2::text";
const wait = (client: Client, caller: Caller, lock: number, text = "") =>
  asCaller(caller, () => client.query(WAIT, [lock, text], false, quick()));
const echo = (client: Client, caller: Caller, text: string) =>
  asCaller(caller, () => client.query("select $1::text", [text], false, quick()));
const pid = async (client: Client) => (await client.query("select pg_backend_pid()::text", [], false))[0];
const waiting = async () =>
  (
    await app.sql`select count(*)::int as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  )[0]?.n;
const waitingFor = async (key: number) =>
  (
    await app.sql`select count(*)::int as n from pg_locks where not granted and objid = ${key}
    and database = (select oid from pg_database where datname = current_database())`
  )[0]?.n;
const untilWaiting = (n: number) => vi.waitFor(async () => expect(await waiting()).toBe(n), { timeout: 15_000 });

/** Holds locks of their own until the test is over, or they are released. */
async function lock(...keys: number[]) {
  const held = await app.sql.reserve();
  const unlock = (key: number) => held`select pg_advisory_unlock(${key})`;
  for (const key of keys) await held`select pg_advisory_lock(${key})`;
  onTestFinished(async () => {
    await held`select pg_advisory_unlock_all()`;
    held.release();
  });
  return unlock;
}

it("who leaves is stopped, and eight who wait for the same connection are answered, each exactly once", async () => {
  const [analyst, admin, viewer] = [await app.as("analyst"), await app.as("admin"), await app.as("viewer")];
  const leaving = new AbortController();
  const answers = await app.sql.begin(async (locking) => {
    await locking`lock table scans in access exclusive mode`;
    const left = fetch(`${app.url}/graphql`, {
      method: "POST",
      signal: leaving.signal,
      headers: { "content-type": "application/json", authorization: `Bearer ${analyst.token}` },
      body: JSON.stringify({ query: "{ scans(first: 1) { nodes { id } } }" }),
    }).catch(({ name }) => name);
    await untilWaiting(1);
    const create = (n: number) =>
      admin.run(
        `mutation { createOrganization(input: { name: "behind", domain: "behind-${n}.example" }) { organization { domain } } }`,
      );
    const behind = [0, 1, 2, 3].flatMap((n) => [
      create(n),
      viewer.run("{ viewer { role } organizations { totalCount } }"),
    ]);
    leaving.abort();
    expect(await left).toBe("AbortError");
    // The lock is still held.
    const answers = await Promise.all(behind);
    expect(await waiting()).toBe(0);
    return answers;
  });
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  const domains = answers.flatMap(({ data }) => data.createOrganization?.organization.domain ?? []);
  expect(domains).toEqual([0, 1, 2, 3].map((n) => `behind-${n}.example`));
  expect(await app.sql`select count(*)::int as n from organizations where name = 'behind'`).toEqual([{ n: 4 }]);
  expect(
    await app.sql`select success, count(*)::int as n from audit_logs where action = 'organization.create' group by success`,
  ).toEqual([{ success: true, n: 4 }]);
});

it("a change whose client leaves is done, and its record says so", async () => {
  const analyst = await app.as("analyst");
  const leaving = new AbortController();
  const query = `mutation { createScan(input: { organizationId: "1", targetUrl: "https://left.example/", scanType: "T" }) { scan { id } } }`;
  await app.sql.begin(async (locking) => {
    await locking`lock table scans in access exclusive mode`;
    const left = fetch(`${app.url}/graphql`, {
      method: "POST",
      signal: leaving.signal,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${analyst.token}`,
        "x-request-id": "left",
      },
      body: JSON.stringify({ query }),
    }).catch(({ name }) => name);
    await untilWaiting(1);
    leaving.abort();
    expect(await left).toBe("AbortError");
  });
  await vi.waitFor(
    async () =>
      expect(await app.sql`select success from audit_logs where request_id = 'left'`).toEqual([{ success: true }]),
    SOON,
  );
  const rows = await app.sql`select count(*)::int as n from scans where target_url = 'https://left.example/'`;
  expect(rows).toEqual([{ n: 1 }]);
});

it.each([
  ["in the open", false],
  ["over TLS", true],
])("those who were sent behind it are answered, on the same connection, %s", async (_, isSecure) => {
  const proxy = await openProxy(undefined, isSecure);
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  const first = await pid(client);
  await lock(1);
  const left = someone("left");
  const texts = ["a", "b", "c", "d", "e", "f", "g"];
  const stopped = wait(client, left, 1).catch(({ code }) => code);
  const behind = texts.map((text) => echo(client, someone(text), text));
  await untilWaiting(1);
  client.stopReads(left);
  expect(await stopped).toBe("TIMEOUT");
  expect(await Promise.all(behind)).toEqual(texts.map((text) => [text]));
  expect(await waiting()).toBe(0);
  expect(await pid(client)).toBe(first);
});

it("who is stopped in another's place is sent again, and what comes meanwhile waits until the cancel is done", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  const unlock = await lock(1, 2);
  const left = someone("left");
  const meant = wait(client, left, 1).catch(({ code }) => code);
  const next = wait(client, someone("next"), 2, "next");
  const last = echo(client, someone("last"), "last");
  await untilWaiting(1);
  const [asked] =
    await app.sql`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  proxy.state.holdsCancels = true;
  client.stopReads(left);
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  expect(await meant).toBe("TIMEOUT");
  // It ends by itself before it is cancelled; the next one runs then.
  await unlock(1);
  const begunAt = async () =>
    (
      await app.sql`select query_start as at from pg_stat_activity where pid = ${asked?.pid} and wait_event_type = 'Lock'`
    )[0]?.at;
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  const before = await begunAt();
  proxy.release();
  await vi.waitFor(async () => {
    const at = await begunAt();
    expect(at).toBeDefined();
    expect(at).not.toEqual(before);
  }, SOON);
  await unlock(2);
  expect(await Promise.all([next, last])).toEqual([["", "next"], ["last"]]);
});

it("while a connection is being cancelled, it takes no new statement", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  const unlock = await lock(1, 2);
  const left = someone("left");
  const meant = wait(client, left, 1).catch(({ code }) => code);
  await untilWaiting(1);
  proxy.state.holdsCancels = true;
  client.stopReads(left);
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  await unlock(1);
  expect(await meant).toBe("TIMEOUT");
  await untilWaiting(0);
  const next = wait(client, someone("next"), 2, "next");
  for (let n = 0; n < 30; n++) expect(await waitingFor(2)).toBe(0);
  proxy.release();
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  await unlock(2);
  expect(await next).toEqual(["", "next"]);
});

it("nor does it in the same turn of the event loop", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open({ connection: { ...proxy.connection, database } });
  await pid(client);
  await lock(1, 2);
  proxy.state.holdsCancels = true;
  const left = someone("left");
  const meant = wait(client, left, 1).catch(({ code }) => code);
  client.stopReads(left);
  const next = wait(client, someone("next"), 2, "next").catch(({ code }) => code);
  await vi.waitFor(async () => expect(await waitingFor(1)).toBe(1), SOON);
  await vi.waitFor(() => expect(proxy.state.cancels).toBe(1), SOON);
  const [asked] = await app.sql`
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  // As if it had ended by itself.
  await app.sql`select pg_cancel_backend(${asked?.pid})`;
  expect(await meant).toBe("TIMEOUT");
  await vi.waitFor(async () => expect(await waitingFor(1)).toBe(0), SOON);
  for (let n = 0; n < 30; n++) expect(await waitingFor(2)).toBe(0);
  proxy.release();
  await vi.waitFor(async () => expect(await waitingFor(2)).toBe(1), SOON);
  await app.sql`select pg_cancel_backend(${asked?.pid})`;
  expect(await next).toBe("TIMEOUT");
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
