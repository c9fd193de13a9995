/** Prepares the database of a start: it checks, configures, migrates and seeds it. */
import type { Config } from "../config.js";
import { type ClientOptions, createClient } from "../db/client.js";
import { migrateDatabase } from "../db/migrate.js";
import { checkRequirements } from "../db/requirements.js";
import { configureRole } from "../db/role.js";
import type { Log } from "../log.js";
import { ensureAdministrator, type SeededAccount, type Seeding } from "../seed/administrator.js";
import { ensureDemo } from "../seed/demo.js";

/** @throws StartFault where the given database is not usable */
export async function requireDatabaseForStart({ databaseUrl }: Config): Promise<void> {
  if (databaseUrl !== undefined) await checkRequirements(databaseUrl);
}

interface Preparing {
  readonly log: Log;
  readonly announce: (kind: "administrator" | "demo", account: SeededAccount) => void;
  /** Is called with a sentence for people that says what is waited for. */
  readonly wait: (reason: string) => void;
  /** Ends waiting. */
  readonly signal: AbortSignal;
}

/** Configures the role, migrates and seeds, on connections that are closed again. */
export async function prepareDatabaseForStart(
  config: Config,
  connection: ClientOptions["connection"],
  { log, announce, wait, signal }: Preparing,
): Promise<void> {
  const unchecked = createClient({ connection, poolSize: 1, log, anySettings: true });
  try {
    await configureRole(unchecked, config.statementTimeoutMs, log);
  } finally {
    await unchecked.close();
  }
  const client = createClient({ connection, poolSize: 1, log });
  try {
    await migrateDatabase(client.db, { wait, signal });
    const seeding = (kind: "administrator" | "demo"): Seeding => ({
      generatePasswords: config.generatePasswords,
      announce: (account) => announce(kind, account),
    });
    await ensureAdministrator(client.db, config.admin, seeding("administrator"));
    if (config.demo.seed) await ensureDemo(client.db, config.demo.password, seeding("demo"));
  } finally {
    await client.close();
  }
}
