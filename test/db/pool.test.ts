/** Which connection a statement goes to: one that has nothing to do, and never one that a transaction holds while another is free. */
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { type Client, createClient } from "../../src/db/client.js";
import { testApp } from "../support/app.js";

const app = testApp();
const SIZE = 3;
const LOCK = 42;
let client: Client;
let database = "";

beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]!.name;
});
const open = () => {
  client = createClient({ connection: { ...inject("connection"), database }, poolSize: SIZE });
};
beforeAll(open);
afterAll(() => client.close());

const backend = async () => (await client.query("select pg_backend_pid()::text", [], false, false))[0];
const waitForLock = () => client.query("select pg_advisory_xact_lock_shared($1)::text", [LOCK], false, false);
const waiting = async () =>
  (
    await app.sql`select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted and database = (
    select oid from pg_database where datname = current_database())`
  )[0]?.n;
const untilWaiting = (n: number) => vi.waitFor(async () => expect(await waiting()).toBe(n));

/** @returns what is done while somebody else holds the lock */
const locked = <T>(work: () => Promise<T>) =>
  app.sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`;
    return work();
  });

it("one after the other go to the same connection", async () => {
  const first = await backend();
  for (let n = 0; n < 20; n++) expect(await backend()).toBe(first);
});

it("a statement goes past connections on which others run", async () => {
  const running = await locked(async () => {
    const running = Array.from({ length: SIZE - 1 }, waitForLock);
    await untilWaiting(SIZE - 1);
    const found = new Set<unknown>();
    for (let n = 0; n < 20; n++) found.add(await backend());
    expect(found.size).toBe(1);
    return { running };
  });
  await Promise.all(running.running);
});

it("a statement goes past connections that transactions hold, however many others run on the last", async () => {
  const over = await locked(async () => {
    const transactions = Array.from({ length: SIZE - 1 }, () =>
      client.db.transaction((db) => db.execute(sql`select pg_advisory_xact_lock_shared(${LOCK})`)),
    );
    await untilWaiting(SIZE - 1);
    const backends = await Promise.all(Array.from({ length: 50 }, backend));
    expect(new Set(backends).size).toBe(1);
    return { transactions };
  });
  await Promise.all(over.transactions);
});

it("where transactions hold all connections, statements and transactions wait for one, and all are done", async () => {
  const all = await locked(async () => {
    const transactions = Array.from({ length: 2 * SIZE }, () =>
      client.db.transaction(async (db) => {
        await db.execute(sql`select pg_advisory_xact_lock_shared(${LOCK})`);
        return db.execute(sql`select 1`);
      }),
    );
    await untilWaiting(SIZE);
    return { transactions, backends: Array.from({ length: 10 }, backend) };
  });
  expect(await Promise.all(all.transactions)).toHaveLength(2 * SIZE);
  // Those that wait for a transaction do not all wait for the same one.
  expect(new Set(await Promise.all(all.backends)).size).toBe(SIZE);
});

it("statements that are soon done share a connection in one turn of the event loop, eight at most", async () => {
  const together = async () => (await client.query("select pg_backend_pid()::text", [], false, true))[0];
  const backends = await Promise.all(Array.from({ length: 20 }, together));
  const counts = Object.values(Object.groupBy(backends, (backend) => `${backend}`)).map((each) => each?.length);
  expect(counts.sort()).toEqual([4, 8, 8]);
  // The next turn begins anew, past what still runs where the last went.
  for (let n = 0; n < 8; n++) await together();
  const running = await locked(async () => {
    const running = waitForLock();
    await untilWaiting(1);
    const [one, other] = await Promise.all([together(), together()]);
    expect(one).toBe(other);
    return { running };
  });
  await running.running;
});

it("what failed or was undone no longer counts", async () => {
  const first = await backend();
  await expect(client.query("select 1/0", [], false, false)).rejects.toThrow();
  await expect(client.db.execute(sql`select 1/0`)).rejects.toThrow();
  await expect(client.db.transaction(() => Promise.reject(new Error("undone")))).rejects.toThrow();
  expect(await backend()).toBe(first);
});
