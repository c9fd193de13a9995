/** Opens, leaves and stops the servers that Postern runs on this host: the embedded database and the local instances. */
import { join } from "node:path";
import type { Config } from "../config.js";
import type { ClientOptions } from "../db/client.js";
import type { Log } from "../log.js";
import { findBinaries } from "../postgres/binaries.js";
import { chooseFolder, findFolder } from "../postgres/folder.js";
import { databaseUser } from "../postgres/os-user.js";
import { findPostmaster } from "../postgres/postmaster.js";
import { lookAtInstances } from "../providers/local/instances.js";
import { isAnyMemberRunning } from "../providers/local/members.js";
import { createLocalProvider, type LocalProvider } from "../providers/local.js";
import type { Provider } from "../providers/provider.js";
import { DEMO_INSTANCES, ensureDemoInstances } from "../seed/demo-instances.js";
import { StartFault } from "../start-fault.js";
import { startEmbedded } from "./embedded.js";

interface ReadyDatabase {
  readonly connection: ClientOptions["connection"];
  /** Where the embedded database keeps its data, absolute; absent for a given database. */
  readonly dataDir?: string;
  /** Stops the embedded database, or leaves it to `npm run dev`. */
  stop(): Promise<void>;
}

/** The argument with which `npm run dev` starts Postern. */
export const LEAVE_SERVERS = "--leave-servers";

/**
 * Stops servers, or leaves them to `npm run dev`, which starts a Postern after the other and stops the servers after the last.
 * Where it was killed, its channel to this process is closed, and they are stopped here.
 */
const end = (stop: () => Promise<void>, release: () => Promise<void>): Promise<void> =>
  process.argv.includes(LEAVE_SERVERS) && process.connected ? release() : stop();

/**
 * Starts the embedded database, or takes the given one.
 * @param onLost is called when another Postern has claimed the data folder @throws StartFault
 */
export async function openDatabaseServer(
  config: Config,
  log: Log,
  signal: AbortSignal,
  onLost: () => void,
): Promise<ReadyDatabase> {
  if (config.databaseUrl !== undefined) return { connection: config.databaseUrl, stop: async () => undefined };
  const database = await startEmbedded({ dataDir: config.dataDir, log, signal, onLost });
  const { options, dataDir, stop, release } = database;
  return { connection: options, dataDir, stop: () => end(stop, release) };
}

interface ReadyProviders {
  readonly providers: readonly Provider[];
  /** Starts all instances, and creates the configured and demo instances that are missing. `onChange` is called after each. */
  bringUp(onChange: () => Promise<void>): Promise<void>;
  /** Stops the instances, or leaves them to `npm run dev`. */
  stop(): Promise<void>;
}

async function openLocal(config: Config, log: Log, onLost: () => void): Promise<LocalProvider> {
  const user = await databaseUser();
  const bin = await findBinaries(user);
  const { path: folder } = await chooseFolder(config.dataDir, "fleet", user);
  const { parameterGroups } = config;
  return createLocalProvider({ folder, bin, user, log, clock: { now: () => new Date() }, parameterGroups, onLost });
}

/** Opens the provider of RDS instances, where there are accounts or the demo wants some. The SDK is loaded only then: it is large. */
async function openAws({ awsAccounts, awsDiscovery: discovery, demo }: Config, log: Log) {
  const nothing = async () => undefined;
  if (awsAccounts.length === 0 && !demo.aws) return { providers: [], stop: nothing };
  const { createAwsRdsProvider } = await import("../providers/aws-rds.js");
  const shared = { log, clock: { now: () => new Date() }, discovery };
  if (!demo.aws) return { providers: [createAwsRdsProvider({ ...shared, accounts: awsAccounts })], stop: nothing };
  const { startDemoAws } = await import("../seed/demo-aws.js");
  const { accounts, standIn, stop } = await startDemoAws();
  return { providers: [createAwsRdsProvider({ ...shared, accounts, standIn })], stop };
}

/**
 * Opens the provider of RDS instances, and that of local instances, and plans those that are missing; nothing is started yet. Local
 * ones need an embedded database, whose claim of the data folder keeps a second Postern away from the same instances.
 * @param onLost is called when another Postern has claimed the instances all the same
 */
export async function openInstanceServers(config: Config, log: Log, onLost: () => void): Promise<ReadyProviders> {
  if (config.databaseUrl !== undefined) {
    const { providers, stop } = await openAws(config, log);
    return { providers, bringUp: async () => undefined, stop };
  }
  const local = await openLocal(config, log, onLost);
  const configured = [...config.localInstances, ...(config.demo.seed ? DEMO_INSTANCES : [])];
  // The inventory lists planned instances, so that all are there as soon as Postern is ready.
  await local.plan(configured);
  const aws = await openAws(config, log);
  return {
    providers: [local, ...aws.providers],
    bringUp: async (onChange) => {
      await local.startAll(onChange);
      await ensureDemoInstances(local, configured, log, onChange);
    },
    stop: async () => {
      await aws.stop();
      await end(local.stopAll, local.release);
    },
  };
}

async function isAnyServerRunning(dataDir: string): Promise<boolean> {
  const database = await findFolder(dataDir, "database");
  if (database && (await findPostmaster(join(database.path, "data")))) return true;
  const fleet = await findFolder(dataDir, "fleet");
  return fleet !== null && isAnyMemberRunning(lookAtInstances(fleet.path, await databaseUser()));
}

/** Stops what a Postern has left running in the data folder, if anything, unless another Postern uses it. @throws StartFault */
export async function stopServers(config: Config, log: Log): Promise<void> {
  if (config.databaseUrl !== undefined || !(await isAnyServerRunning(config.dataDir))) return;
  // Its claim keeps another Postern away from the instances, so it is started where it alone does not run.
  const database = await startEmbedded({ dataDir: config.dataDir, log }).catch((error: unknown) => {
    if (error instanceof StartFault && error.kind === "claimed") return null;
    throw error;
  });
  if (!database) return;
  try {
    const local = await openLocal(config, log, () => undefined);
    await local.stopAll();
  } finally {
    await database.stop();
  }
}
