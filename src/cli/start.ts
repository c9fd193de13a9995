/** Prepares a start: it opens the database, migrates and seeds it, and opens the local instances. */

import type { Config } from "../config.js";
import { type ClientOptions, createClient } from "../db/client.js";
import { migrateDatabase } from "../db/migrate.js";
import { checkRequirements } from "../db/requirements.js";
import { configureRole } from "../db/role.js";
import type { Log } from "../log.js";
import { findBinaries } from "../postgres/binaries.js";
import { chooseFolder } from "../postgres/folder.js";
import { databaseUser } from "../postgres/os-user.js";
import { createLocalProvider } from "../providers/local.js";
import type { Provider } from "../providers/provider.js";
import { ensureAdministrator, type SeededAccount, type Seeding } from "../seed/administrator.js";
import { ensureDemo } from "../seed/demo.js";
import { DEMO_INSTANCES, ensureDemoInstances } from "../seed/demo-instances.js";
import { startEmbedded } from "./embedded.js";

interface ReadyDatabase {
  readonly connection: ClientOptions["connection"];
  /** The folder of the embedded database, if it is not the configured one. */
  readonly relocatedTo?: string | undefined;
  stop(): Promise<void>;
}

/** @throws StartFault where the given database is not usable */
export async function requireDatabaseForStart({ databaseUrl }: Config): Promise<void> {
  if (databaseUrl !== undefined) await checkRequirements(databaseUrl);
}

/**
 * Starts the embedded database, or takes the given one.
 * @param onLost is called when another Postern has claimed the data folder @throws StartFault
 */
export async function openDatabaseForStart(
  config: Config,
  log: Log,
  signal: AbortSignal,
  onLost: () => void,
): Promise<ReadyDatabase> {
  if (config.databaseUrl !== undefined) return { connection: config.databaseUrl, stop: async () => undefined };
  const { options, dataDir, relocated, stop } = await startEmbedded({ dataDir: config.dataDir, log, signal, onLost });
  return { connection: options, relocatedTo: relocated ? dataDir : undefined, stop };
}

interface ReadyProviders {
  readonly providers: readonly Provider[];
  /** Starts all instances, and creates the configured and demo instances that are missing. `onChange` is called after each. */
  bringUp(onChange: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Opens the provider of local instances, and plans those that are missing; nothing is started yet. It needs an embedded database,
 * whose claim of the data folder keeps a second Postern away from the same instances.
 * @param onLost is called when another Postern has claimed the instances all the same
 */
export async function openProvidersForStart(config: Config, log: Log, onLost: () => void): Promise<ReadyProviders> {
  if (config.databaseUrl !== undefined)
    return { providers: [], bringUp: async () => undefined, stop: async () => undefined };
  const user = await databaseUser();
  const bin = await findBinaries(user);
  const { path: folder } = await chooseFolder(config.dataDir, "fleet", user);
  const local = await createLocalProvider({ folder, bin, user, log, clock: { now: () => new Date() }, onLost });
  const configured = [...config.localInstances, ...(config.demo.seed ? DEMO_INSTANCES : [])];
  // The inventory lists planned instances, so that all are there as soon as Postern is ready.
  await local.plan(configured);
  return {
    providers: [local],
    bringUp: async (onChange) => {
      await local.startAll(onChange);
      await ensureDemoInstances(local, configured, log, onChange);
    },
    stop: () => local.stopAll(),
  };
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
