/** Prepares the database of a start: it checks, configures, migrates and seeds it. */
import type { Config } from "../config.js";
import { type ClientOptions, createClient, type Db } from "../db/client.js";
import { migrateDatabase } from "../db/migrate.js";
import { checkRequirements } from "../db/requirements.js";
import { configureRole } from "../db/role.js";
import type { Log } from "../log.js";
import { ensureAdministrator, type SeededAccount, type Seeding } from "../seed/administrator.js";
import { ensureDemo } from "../seed/demo.js";

interface Preparing {
  readonly log: Log;
  /** Is called with a sentence for people that says what is waited for. */
  readonly wait: (reason: string) => void;
  /** Ends waiting. */
  readonly signal: AbortSignal;
}

/**
 * Checks the database, configures the role, migrates, and does the work on the migrated database, on connections that are closed again.
 * @throws StartFault where the database is not usable
 */
export async function prepareDatabaseForStart(
  config: Config,
  connection: ClientOptions["connection"],
  { log, wait, signal }: Preparing,
  work: (db: Db) => Promise<void>,
): Promise<void> {
  await checkRequirements(connection);
  const unchecked = createClient({ connection, poolSize: 1, log, anySettings: true });
  try {
    await configureRole(unchecked, config.statementTimeoutMs, log);
  } finally {
    await unchecked.close();
  }
  const client = createClient({ connection, poolSize: 1, log });
  try {
    await migrateDatabase(client.db, { wait, signal });
    await work(client.db);
  } finally {
    await client.close();
  }
}

type Announce = (kind: "administrator" | "demo", account: SeededAccount) => void;

/** Seeds what a first start needs, and the demo where it is wanted. */
export async function startSeeds(config: Config, db: Db, announce: Announce): Promise<void> {
  const seeding = (kind: "administrator" | "demo"): Seeding => ({
    generatePasswords: config.generatePasswords,
    announce: (account) => announce(kind, account),
  });
  await ensureAdministrator(db, config.admin, seeding("administrator"));
  if (config.demo.seed) await ensureDemo(db, config.demo.password, seeding("demo"));
}
