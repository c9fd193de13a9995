/** From nothing to a database that is ready for use: embedded where none is given, migrated, with an administrator and the demo. */

import type { Config } from "../config.js";
import { type ClientOptions, createClient } from "../db/client.js";
import { migrateDatabase } from "../db/migrate.js";
import { requireUsable } from "../db/requirements.js";
import { configureRole } from "../db/role.js";
import type { Log } from "../log.js";
import { findBinaries } from "../postgres/binaries.js";
import { chooseFolder } from "../postgres/folder.js";
import { databaseUser } from "../postgres/os-user.js";
import { createLocalProvider } from "../providers/local.js";
import type { Provider } from "../providers/provider.js";
import { ensureAdministrator, type SeededAccount } from "../seed/administrator.js";
import { ensureDemo } from "../seed/demo.js";
import { DEMO_INSTANCES, ensureInstances } from "../seed/demo-instances.js";
import { startEmbedded } from "./embedded.js";

export interface ReadyDatabase {
  readonly connection: ClientOptions["connection"];
  /** Where the embedded database is, when it had to move; else undefined. */
  readonly relocatedTo?: string | undefined;
  stop(): Promise<void>;
}

/** @throws StartFault where the given database is not usable */
export async function requireDatabase({ databaseUrl }: Config): Promise<void> {
  if (databaseUrl !== undefined) await requireUsable(databaseUrl);
}

/**
 * Starts the embedded database, or takes the given one.
 * @param onLost told when another Postern has got the data folder @throws StartFault
 */
export async function openDatabase(
  config: Config,
  log: Log,
  signal: AbortSignal,
  onLost: () => void,
): Promise<ReadyDatabase> {
  if (config.databaseUrl !== undefined) return { connection: config.databaseUrl, stop: async () => undefined };
  const { options, dataDir, relocated, stop } = await startEmbedded({ dataDir: config.dataDir, log, signal, onLost });
  return { connection: options, relocatedTo: relocated ? dataDir : undefined, stop };
}

export interface ReadyProviders {
  readonly providers: readonly Provider[];
  /** Starts what there is and creates what is missing, of the configured instances and of the demo fleet; tells of each. */
  bringUp(onChange: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Opens the instances that this host runs itself, and says which are missing; nothing is started yet. Beside an embedded database only: its claim of the data folder is what
 * keeps a second Postern from the same instances.
 * @param onLost told when another Postern has got the instances nevertheless
 */
export async function openProviders(config: Config, log: Log, onLost: () => void): Promise<ReadyProviders> {
  if (config.databaseUrl !== undefined)
    return { providers: [], bringUp: async () => undefined, stop: async () => undefined };
  const user = await databaseUser();
  const bin = await findBinaries(user);
  const { path: folder } = await chooseFolder(config.dataDir, "fleet", user);
  const local = await createLocalProvider({ folder, bin, user, log, clock: { now: () => new Date() }, onLost });
  const wanted = [...config.localInstances, ...(config.demo.seed ? DEMO_INSTANCES : [])];
  // So that whoever asks as soon as Postern is ready finds all of them.
  await local.plan(wanted);
  return {
    providers: [local],
    bringUp: async (onChange) => {
      await local.startAll(onChange);
      await ensureInstances(local, wanted, log, onChange);
    },
    stop: () => local.stopAll(),
  };
}

export interface Preparing {
  readonly log: Log;
  readonly announce: (kind: "administrator" | "demo", account: SeededAccount) => void;
  /** Told, in a sentence for people, what is waited for. */
  readonly wait: (reason: string) => void;
  /** Ends waiting. */
  readonly signal: AbortSignal;
}

/** Migrates and seeds through a connection of its own, which is closed again. */
export async function prepareDatabase(
  config: Config,
  connection: ClientOptions["connection"],
  { log, announce, wait, signal }: Preparing,
): Promise<void> {
  const first = createClient({ connection, poolSize: 1, log, anySettings: true });
  try {
    await configureRole(first, config.statementTimeoutMs, log);
  } finally {
    await first.close();
  }
  const client = createClient({ connection, poolSize: 1, log });
  try {
    await migrateDatabase(client.db, { wait, signal });
    await ensureAdministrator(client.db, config.admin, (account) => announce("administrator", account));
    if (config.demo.seed) await ensureDemo(client.db, config.demo.password, (account) => announce("demo", account));
  } finally {
    await client.close();
  }
}
