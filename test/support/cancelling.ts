/** Statements that are cancelled, for their tests: clients of one connection, and locks that hold them up. */
import { beforeAll, expect, inject, onTestFinished, vi } from "vitest";
import { type Client, type ClientOptions, createClient } from "../../src/db/client.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { asCaller, type Caller } from "../../src/values/caller.js";
import { testApp } from "./app.js";

export const quick = () => new UsualTime(0);

export const someone = (name: string): Caller => ({ name, hasLeft: false });

/** So that only the client's own deadline ends a statement. */
export const withoutServersTimeout = (client: Client) =>
  client.query("select set_config('statement_timeout', '0', false)", [], false);

export const WAIT = "select pg_advisory_xact_lock_shared($1)::text, $2::text";

export const wait = (client: Client, caller: Caller, lock: number, text = "") =>
  asCaller(caller, () => client.query(WAIT, [lock, text], false, quick()));

export const echo = (client: Client, caller: Caller, text: string) =>
  asCaller(caller, () => client.query("select $1::text", [text], false, quick()));

export const pid = async (client: Client) => (await client.query("select pg_backend_pid()::text", [], false))[0];

/** Starts an app for the calling file, whose database the clients use. */
export function useCancelling() {
  const app = testApp({ DATABASE_POOL_SIZE: "1" });
  let database: string;
  beforeAll(async () => {
    database = (await app.sql`select current_database() as name`)[0]!.name;
  });
  function open(options: Partial<ClientOptions> = {}): Client {
    const client = createClient({ connection: { ...inject("connection"), database }, poolSize: 1, ...options });
    onTestFinished(() => client.close());
    return client;
  }
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

  return {
    app,
    open,
    waiting,
    waitingFor,
    untilWaiting,
    lock,
    /** @returns what the hooks have opened */
    opened: () => ({ database }),
  };
}
