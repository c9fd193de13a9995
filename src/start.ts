/** From nothing to a database that is ready for use: embedded where none is given, migrated, with an administrator and the demo. */
import type { Config } from "./config.js";
import { type ClientOptions, createClient } from "./db/client.js";
import { startEmbedded } from "./db/embedded.js";
import { migrateDatabase } from "./db/migrate.js";
import type { Log } from "./log.js";
import { type Account, ensureAdministrator } from "./seed/administrator.js";
import { ensureDemo } from "./seed/demo.js";

export interface ReadyDatabase {
  readonly connection: ClientOptions["connection"];
  /** Where the embedded database is, when it had to move; else undefined. */
  readonly relocatedTo?: string | undefined;
  stop(): Promise<void>;
}

/** Starts the embedded database, or takes the given one. */
export async function openDatabase(config: Config, log: Log): Promise<ReadyDatabase> {
  if (config.databaseUrl !== undefined) return { connection: config.databaseUrl, stop: async () => undefined };
  const { options, dataDir, relocated, stop } = await startEmbedded({ dataDir: config.dataDir, log });
  return { connection: options, relocatedTo: relocated ? dataDir : undefined, stop };
}

/** Migrates and seeds through a connection of its own, which is closed again. */
export async function prepareDatabase(
  config: Config,
  connection: ClientOptions["connection"],
  announce: (kind: "administrator" | "demo", account: Account) => void,
): Promise<void> {
  const client = createClient({ connection, poolSize: 1 });
  try {
    await migrateDatabase(client.db, config.statementTimeoutMs);
    await ensureAdministrator(client.db, config.admin, (account) => announce("administrator", account));
    if (config.demo.seed) await ensureDemo(client.db, config.demo.password, (account) => announce("demo", account));
  } finally {
    await client.close();
  }
}
