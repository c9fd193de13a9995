/** The embedded database: a PostgreSQL cluster that Postern runs in its data folder, for itself alone. */
import { randomBytes } from "node:crypto";
import type { Sql } from "postgres";
import type { Log } from "../log.js";
import { findBinaries } from "../postgres/binaries.js";
import { ClaimedError, claimCluster } from "../postgres/claim.js";
import { Cluster, type ClusterSettings } from "../postgres/cluster.js";
import { chooseFolder } from "../postgres/folder.js";
import { databaseUser } from "../postgres/os-user.js";
import { StartFault } from "../start-fault.js";

export type EmbeddedOptions = {
  /** The folder of the data, absolute or relative to the working directory. It is created where it is missing. */
  readonly dataDir: string;
  readonly log: Log;
  /** PostgreSQL parameters. They apply when the cluster starts, and not to one that is adopted. */
  readonly settings?: ClusterSettings;
  /** Whether the role `postern` may create databases, as tests do; false unless given. */
  readonly createDatabases?: boolean;
  /** Ends the start, and stops what it has begun. */
  readonly signal?: AbortSignal | undefined;
  /** Is called when another Postern has claimed the folder while this one restarted its database. */
  readonly onLost?: (() => void) | undefined;
};

type EmbeddedDatabase = {
  /** Options of postgres.js. `host` is the folder of the Unix socket. The password is new at every start. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly path: string;
    readonly database: string;
    readonly username: string;
    readonly password: string;
  };
  /** The folder that is used, absolute: another one than was wanted, where the database's user could not reach that. */
  readonly dataDir: string;
  /** Shuts the database down, even if clients are connected. Resolves when its last process has ended. */
  stop(): Promise<void>;
  /** Leaves the database running, for the next process to adopt. */
  release(): Promise<void>;
};

const NAME = "postern";

/**
 * Starts the database in `dataDir`, or adopts the one that a killed Postern left running, and claims it for this process.
 * @throws Error, for people to read, where another Postern uses the folder, where the folder or the binaries cannot be used, or where
 * PostgreSQL does not start; then this call has stopped what it started
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const user = await databaseUser();
  const bin = await findBinaries(user);
  const { path: folder, dataDir } = await chooseFolder(options.dataDir, "database", user);
  const cluster = new Cluster({ folder, bin, user, settings: options.settings });
  await cluster.init();

  const claim = await claimCluster(cluster, options.log, options.signal, options.onLost).catch((error) => {
    if (!(error instanceof ClaimedError)) throw error;
    throw new StartFault(
      "claimed",
      `Another Postern uses the data folder ${dataDir}. Stop that one first, or give this one another data folder.`,
      error,
    );
  });
  try {
    const { host, port } = claim.cluster;
    const password = await ensureDatabase(claim.sql, options.createDatabases ?? false);
    return {
      options: { host, port, path: `${host}/.s.PGSQL.${port}`, database: NAME, username: NAME, password },
      dataDir,
      stop: claim.stop,
      release: claim.release,
    };
  } catch (error) {
    await claim.stop();
    throw error;
  }
}

/** Creates whatever is missing, so that a crash between two steps does no harm. @returns the role's new password */
async function ensureDatabase(sql: Sql, createDatabases: boolean): Promise<string> {
  // The password is never stored, because only this process needs it. A predecessor that still runs is locked out.
  const password = randomBytes(24).toString("base64url");
  const [existing] = await sql`
    select exists (select from pg_roles where rolname = ${NAME}) as role,
           exists (select from pg_database where datname = ${NAME}) as database`;
  if (!existing?.role) await sql.unsafe(`create role ${NAME}`);
  await sql.unsafe(
    `alter role ${NAME} login nosuperuser nocreaterole noreplication nobypassrls
      ${createDatabases ? "createdb" : "nocreatedb"} password '${password}'`,
  );
  if (!existing?.database) await sql.unsafe(`create database ${NAME} owner ${NAME}`);
  return password;
}
