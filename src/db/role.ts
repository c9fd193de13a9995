/** Gives Postern's role its settings in this database, for the connections of a pooler that passes no start-up parameters on. */
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Log } from "../log.js";
import type { Client, Db } from "./client.js";
import { roleSettings } from "./driver/settings.js";
import { LOCKS } from "./locks.js";

/** How long statements on older connections may take before they are left alone. */
const GIVE_UP_MS = 5000;
const RETRY_MS = 100;
/** An idle connection ends at once. */
const TERMINATION_MS = 1000;

/** @returns whether the role's settings have changed */
const setSettings = (db: Db, statementTimeoutMs: number): Promise<boolean> =>
  db.transaction(async (db) => {
    // Replicas wait for each other: PostgreSQL refuses two at once.
    await db.execute(sql`set local statement_timeout = 0`);
    await db.execute(sql`select pg_advisory_xact_lock(${LOCKS.start})`);
    const settings = async () => {
      const [row] = await db.execute(sql`
        select setconfig::text as all from pg_db_role_setting where setrole = current_user::regrole
          and setdatabase = (select oid from pg_database where datname = current_database())`);
      return row?.all;
    };
    const before = await settings();
    const statements = roleSettings(statementTimeoutMs).map(
      (statement) => `execute format($set$${statement}$set$, current_database());`,
    );
    await db.execute(sql.raw(`do $$ begin ${statements.join(" ")} end $$`));
    return before !== (await settings());
  });

/** The connections of the role to this database that began before it had its settings. */
const olderThan = (since: unknown) =>
  sql`usename = current_user and datname = current_database() and backend_start < to_timestamp(${since}::float8)`;

/**
 * Ends the connections that a pooler has kept since before the role had its settings, each as soon as it is idle. One that stays is
 * harmless, because each connection's settings are checked when it is opened.
 */
async function endOlder(db: Db, log: Log): Promise<void> {
  const [now] = await db.execute(sql`select extract(epoch from clock_timestamp())::text as since`);
  const isOlder = olderThan(now?.since);
  async function attempt() {
    await db.execute(
      sql`select pg_terminate_backend(pid, ${TERMINATION_MS}) from pg_stat_activity where ${isOlder} and state = 'idle'`,
    );
    await db.execute(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where ${isOlder} and pid = pg_backend_pid()`,
    );
    const [row] = await db.execute(sql`select count(*)::int as left from pg_stat_activity where ${isOlder}`);
    return row?.left;
  }
  for (const deadline = Date.now() + GIVE_UP_MS; ; await delay(RETRY_MS)) {
    // The attempt fails where it runs on such a connection itself.
    const remaining = await attempt().catch(() => "some");
    if (remaining === 0) return;
    if (Date.now() > deadline) {
      log.warn(
        { connections: remaining },
        "a pooler has connections from before the role had its settings, which are in use",
      );
      return;
    }
  }
}

/** @param client a client made with `anySettings` */
export async function configureRole({ db, pooler }: Client, statementTimeoutMs: number, log: Log): Promise<void> {
  if ((await setSettings(db, statementTimeoutMs)) && pooler()) await endOlder(db, log);
}
