/** Runs the migrations of the folder drizzle/, one replica at a time, all or none. */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type SQL, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import type { Db } from "./client.js";
import { LOCKS } from "./locks.js";

const FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));

/** drizzle's migrator wants to open a transaction of its own; it gets a savepoint in ours. */
function asMigratorDatabase(db: Db): PostgresJsDatabase {
  const { dialect } = db as unknown as { dialect: unknown };
  const session = {
    execute: (statement: SQL) => db.execute(statement),
    all: (statement: SQL) => db.execute(statement),
    transaction: (work: (db: Db) => Promise<void>) => db.transaction(work),
  };
  return { dialect, session } as unknown as PostgresJsDatabase;
}

const RETRY_MS = 100;
const LOCKED = "Waiting for another Postern, which is migrating the database.";

export interface MigrateWaiting {
  /** Is called once, with a sentence for people that says what is waited for. */
  readonly wait?: (reason: string) => void;
  /** Ends waiting. */
  readonly signal?: AbortSignal;
}

/** Takes the lock for the transaction. It polls, because a statement that waits for a lock cannot be given up. */
async function lock(db: Db, { wait, signal }: MigrateWaiting): Promise<void> {
  for (let tries = 0; ; tries++) {
    const [row] = await db.execute<{ isOurs: boolean }>(
      sql`select pg_try_advisory_xact_lock(${LOCKS.migration}) as "isOurs"`,
    );
    if (row?.isOurs) return;
    if (tries === 0) wait?.(LOCKED);
    await delay(RETRY_MS, undefined, { signal });
  }
}

/** Brings the database up to date. Its locks end with the transaction, so it also works through a pooler that shares connections. */
export async function migrateDatabase(db: Db, waiting: MigrateWaiting = {}): Promise<void> {
  await db.transaction(async (db) => {
    // A migration may take longer than any request.
    await db.execute(sql`set local statement_timeout = 0`);
    await lock(db, waiting);
    await migrate(asMigratorDatabase(db), { migrationsFolder: FOLDER });
    // pg-boss makes its tables one replica at a time, but looks for the schema before its turn comes. Then it fails where another
    // replica has made the schema meanwhile, so we make it here.
    await db.execute(sql`create schema if not exists pgboss`);
  });
}
