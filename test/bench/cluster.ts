/** The benchmark's own PostgreSQL: a cluster in a folder of its own, which runs as long as the benchmark does. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { syncFileSystem } from "../../src/durability.js";
import { createLog } from "../../src/log.js";
import { findBinaries } from "../../src/postgres/binaries.js";
import { type Claim, claimCluster } from "../../src/postgres/claim.js";
import { Cluster, type ClusterSettings } from "../../src/postgres/cluster.js";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser, type OsUser } from "../../src/postgres/os-user.js";

const SETTINGS: ClusterSettings = {
  shared_buffers: "512MB",
  max_wal_size: "4GB",
  random_page_cost: 1.1,
  effective_cache_size: "8GB",
  max_connections: 200,
  // What the benchmark changes it cleans up itself, between measurements instead of in one.
  autovacuum: "off",
};

/** Who owns the databases, and whom the servers connect as. */
export const ROLE = "postern";
const START_TIMEOUT_MS = 300_000;
const log = createLog("error");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export interface OpenOptions {
  /** The folder of another build of PostgreSQL 15 than the embedded one. */
  readonly binaries: string | undefined;
  /** Told of what must be stopped whatever happens, before it runs. */
  readonly stopLater: (stop: () => Promise<void>) => void;
}

export class BenchCluster {
  readonly #password = randomBytes(24).toString("base64url");
  #superuser = { username: "", password: "" };
  #port = 0;
  #pid = 0;
  #claim: Promise<Claim> | undefined;
  #isClosed = false;

  private constructor(
    private readonly folder: string,
    private readonly bin: string,
    private readonly user: OsUser,
  ) {}

  /** Starts the cluster in `dataDir`, which is made where there is none. */
  static async open(dataDir: string, { binaries, stopLater }: OpenOptions): Promise<BenchCluster> {
    const user = await databaseUser();
    const { path } = await chooseFolder(dataDir, "cluster", user);
    const cluster = new BenchCluster(path, binaries ?? (await findBinaries(user)), user);
    stopLater(() => cluster.close());
    await cluster.#start({});
    return cluster;
  }

  /** The postmaster. */
  get pid(): number {
    return this.#pid;
  }

  /** As the owner of the database, over TCP on loopback. */
  url(database: string): string {
    return `postgres://${ROLE}:${this.#password}@127.0.0.1:${this.#port}/${database}`;
  }

  /** Runs work as superuser, on one connection to a database. */
  async asSuperuser<T>(database: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    const { username, password } = this.#superuser;
    const sql = postgres({
      ...{ host: "127.0.0.1", port: this.#port, database, username, password },
      ...{ max: 1, fetch_types: false, onnotice: () => undefined },
    });
    try {
      return await work(sql);
    } finally {
      await sql.end({ timeout: 5 });
    }
  }

  /** Lets the server log what is sent to a database by those who connect meanwhile. */
  async logStatements(database: string, work: (read: () => string[]) => Promise<void>): Promise<void> {
    const role = `alter role ${ROLE} in database ${database}`;
    const file = join(this.folder, "postgres.log");
    let seen = statSync(file).size;
    await this.asSuperuser(database, (sql) => sql.unsafe(`${role} set log_statement = 'all'`));
    try {
      await work(() => {
        const text = readFileSync(file).subarray(seen).toString();
        seen += Buffer.byteLength(text);
        // Further lines of a statement are indented, and its parameters stand in a line of their own.
        return [...text.matchAll(/ LOG: {2}(?:execute [^:]+|statement): (.*)$/gm)].map((match) => match[1]!);
      });
    } finally {
      await this.asSuperuser(database, (sql) => sql.unsafe(`${role} reset log_statement`));
    }
  }

  /** Everything is on disk in between, whatever the settings were. */
  async restart(settings: ClusterSettings = {}): Promise<void> {
    await this.#stop();
    await syncFileSystem(this.folder);
    await this.#start(settings);
  }

  /** For good, even where it is just being started. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const claim = await this.#claim?.catch(() => undefined);
    this.#claim = undefined;
    await claim?.stop();
  }

  async #start(more: ClusterSettings): Promise<void> {
    const { folder, bin, user } = this;
    const settings = { ...SETTINGS, ...more };
    for (;;) {
      if (this.#isClosed) throw new Error("The benchmark was stopped.");
      this.#port = await freePort();
      const options = { folder, bin, user, settings, tcpPort: this.#port, startTimeoutMs: START_TIMEOUT_MS };
      const cluster = new Cluster(options);
      await cluster.init({ sync: false });
      this.#claim = claimCluster(cluster, log);
      const { cluster: running } = await this.#claim;
      this.#pid = running.pid;
      this.#superuser = await cluster.superuser();
      if (running.started) break;
      // A run that was killed left it, with settings of its own.
      await this.#stop();
    }
    await this.asSuperuser("postgres", async (sql) => {
      const [found] = await sql`select from pg_roles where rolname = ${ROLE}`;
      await sql.unsafe(`${found ? "alter" : "create"} role ${ROLE} login password '${this.#password}'`);
    });
  }
}
