/** Gives Postern's role its settings in this database: what connections have that a pooler opens, and takes from nobody. */
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Log } from "../log.js";
import type { Client, Db } from "./client.js";
import { roleSettings } from "./driver/settings.js";

/** Any number that nothing else locks. */
const LOCK = 7_239_402_332n;
/** What runs on connections from before may take so long. */
const PATIENCE_MS = 5000;
const AGAIN_MS = 100;
/** An idle connection ends at once. */
const WAIT_MS = 1000;

/** @returns whether the role had others before */
const settle = (db: Db, statementTimeoutMs: number): Promise<boolean> =>
  db.transaction(async (db) => {
    // Replicas wait for each other: PostgreSQL refuses two at once.
    await db.execute(sql`set local statement_timeout = 0`);
    await db.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
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

/** What began before the role had its settings, of its own connections to this database. */
const earlier = (since: unknown) =>
  sql`usename = current_user and datname = current_database() and backend_start < to_timestamp(${since}::float8)`;

/**
 * Ends the connections that a pooler has kept since before the role had its settings, and lends again: where nothing runs on them, at once,
 * and the others as soon as that is so. What takes longer still meets the look at each connection's settings, and the deadline of each statement here.
 */
async function endEarlier(db: Db, log: Log): Promise<void> {
  const [now] = await db.execute(sql`select extract(epoch from clock_timestamp())::text as since`);
  const isEarlier = earlier(now?.since);
  async function attempt() {
    await db.execute(
      sql`select pg_terminate_backend(pid, ${WAIT_MS}) from pg_stat_activity where ${isEarlier} and state = 'idle'`,
    );
    await db.execute(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where ${isEarlier} and pid = pg_backend_pid()`,
    );
    const [row] = await db.execute(sql`select count(*)::int as left from pg_stat_activity where ${isEarlier}`);
    return row?.left;
  }
  for (const deadline = Date.now() + PATIENCE_MS; ; await delay(AGAIN_MS)) {
    // It fails where its own connection is one of them, or is lent one that is about to end.
    const left = await attempt().catch(() => "some");
    if (left === 0) return;
    if (Date.now() > deadline) {
      log.warn(
        { connections: left },
        "a pooler has connections from before the role had its settings, which are in use",
      );
      return;
    }
  }
}

/** @param client takes connections with any settings */
export async function settleRole({ db, pooler }: Client, statementTimeoutMs: number, log: Log): Promise<void> {
  if ((await settle(db, statementTimeoutMs)) && pooler()) await endEarlier(db, log);
}
