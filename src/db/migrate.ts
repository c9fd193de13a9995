/** Brings the database up to date: migrations of the folder drizzle/, one replica at a time, all or none. */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type SQL, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import type { Db } from "./client.js";

const FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** Any number that nothing else locks. */
const LOCK = 7_239_402_331n;

/** drizzle's migrator opens a transaction of its own, which a transaction cannot: inside one, it gets a savepoint. */
function within(db: Db): PostgresJsDatabase {
  const { dialect } = db as unknown as { dialect: unknown };
  const session = {
    execute: (statement: SQL) => db.execute(statement),
    all: (statement: SQL) => db.execute(statement),
    transaction: (work: (db: Db) => Promise<void>) => db.transaction(work),
  };
  return { dialect, session } as unknown as PostgresJsDatabase;
}

const LOOK_AGAIN_MS = 100;
const LOCKED = "Waiting for another Postern, which is migrating the database.";

export interface Waiting {
  /** Told once, in a sentence for people, what is waited for. */
  readonly wait?: (reason: string) => void;
  /** Ends waiting. */
  readonly signal?: AbortSignal;
}

/** Takes the lock of the migration for the transaction. Tries again and again, because a statement that waits cannot be given up. */
async function lock(db: Db, { wait, signal }: Waiting): Promise<void> {
  for (let tries = 0; ; tries++) {
    const [row] = await db.execute<{ isOurs: boolean }>(sql`select pg_try_advisory_xact_lock(${LOCK}) as "isOurs"`);
    if (row?.isOurs) return;
    if (tries === 0) wait?.(LOCKED);
    await delay(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** Transaction-level locks only, so that it also works through a pooler that shares connections. */
export async function migrateDatabase(db: Db, waiting: Waiting = {}): Promise<void> {
  await db.transaction(async (db) => {
    // A migration may take longer than any request.
    await db.execute(sql`set local statement_timeout = 0`);
    await lock(db, waiting);
    await migrate(within(db), { migrationsFolder: FOLDER });
    // pg-boss makes its own tables, one replica at a time; but it has looked for the schema before it waits for its turn, and PostgreSQL
    // then still takes the schema for missing.
    await db.execute(sql`create schema if not exists pgboss`);
  });
}
