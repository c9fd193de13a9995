/** Postern's own database: a PostgreSQL cluster that Postern runs itself in its data folder, for itself alone. */
import { randomBytes } from "node:crypto";
import type { Sql } from "postgres";
import type { Log } from "../log.js";
import { findBinaries } from "../postgres/binaries.js";
import { ClaimedError, claimCluster } from "../postgres/claim.js";
import { Cluster, type Settings } from "../postgres/cluster.js";
import { chooseFolder } from "../postgres/folder.js";
import { databaseUser } from "../postgres/os-user.js";
import { StartFault } from "../start-fault.js";

export type EmbeddedOptions = {
  /** Where the data goes; absolute, or relative to the working directory. Created if missing. */
  readonly dataDir: string;
  readonly log: Log;
  /** PostgreSQL parameters; they apply when the cluster starts, not to one that is adopted. */
  readonly settings?: Settings;
  /** Let the role `postern` create databases; tests clone theirs. Default false. */
  readonly createDatabases?: boolean;
  /** Gives up the start: what it has begun is stopped again. */
  readonly signal?: AbortSignal | undefined;
  /** Told when another Postern has got the folder after all, while this one brought its database back. */
  readonly onLost?: (() => void) | undefined;
};

export type EmbeddedDatabase = {
  /** For postgres.js. `host` is the folder of the Unix socket. The password is new at every start. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly path: string;
    readonly database: string;
    readonly username: string;
    readonly password: string;
  };
  /** The real data folder, absolute. */
  readonly dataDir: string;
  /** True when the database's user could not reach the wanted folder, and `dataDir` is another. */
  readonly relocated: boolean;
  /** Shuts the database down, whoever is still connected. Resolves when its last process is gone. */
  stop(): Promise<void>;
};

const NAME = "postern";

/**
 * Starts the database in `dataDir`, or adopts the one that a killed Postern left running, and claims it for this process.
 * Rejects with an Error for people to read when another Postern uses the folder (and leaves that one alone), when the
 * folder or the binaries cannot be used, or when PostgreSQL does not start; whatever this call started is then stopped.
 */
export async function startEmbedded(wanted: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const user = await databaseUser();
  const bin = await findBinaries(user);
  const { path: folder, dataDir, relocated } = await chooseFolder(wanted.dataDir, "database", user);
  const cluster = new Cluster({ folder, bin, user, settings: wanted.settings });
  await cluster.init();

  const claim = await claimCluster(cluster, wanted.log, wanted.signal, wanted.onLost).catch((error) => {
    if (!(error instanceof ClaimedError)) throw error;
    throw new StartFault(
      "claimed",
      `Another Postern uses the data folder ${dataDir}. Stop that one first, or give this one another data folder.`,
      error,
    );
  });
  try {
    const { host, port } = claim.cluster;
    const password = await ensureDatabase(claim.sql, wanted.createDatabases ?? false);
    return {
      options: { host, port, path: `${host}/.s.PGSQL.${port}`, database: NAME, username: NAME, password },
      dataDir,
      relocated,
      stop: claim.stop,
    };
  } catch (error) {
    await claim.stop();
    throw error;
  }
}

/** Repairs whatever is missing, so that a crash between two steps does no harm. Returns the role's new password. */
async function ensureDatabase(sql: Sql, createDatabases: boolean): Promise<string> {
  // Never stored: only the holder of the claim needs it, and a predecessor that lives on is shut out.
  const password = randomBytes(24).toString("base64url");
  const [found] = await sql`
    select exists (select from pg_roles where rolname = ${NAME}) as role,
           exists (select from pg_database where datname = ${NAME}) as database`;
  if (!found?.role) await sql.unsafe(`create role ${NAME}`);
  await sql.unsafe(
    `alter role ${NAME} login nosuperuser nocreaterole noreplication nobypassrls
      ${createDatabases ? "createdb" : "nocreatedb"} password '${password}'`,
  );
  if (!found?.database) await sql.unsafe(`create database ${NAME} owner ${NAME}`);
  return password;
}
