/** The benchmark's own PostgreSQL: a cluster in a folder of its own, started for one run, its databases loaded once and kept. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { findBinaries } from "../../src/cluster/binaries.js";
import { type Claim, claimCluster } from "../../src/cluster/claim.js";
import { Cluster, type Settings } from "../../src/cluster/cluster.js";
import { syncFileSystem } from "../../src/cluster/durability.js";
import { placeFolder } from "../../src/cluster/folder.js";
import { databaseUser } from "../../src/cluster/os-user.js";
import { createClient } from "../../src/db/client.js";
import { migrateDatabase } from "../../src/db/migrate.js";
import { createLog } from "../../src/log.js";
import { ensureAdministrator } from "../../src/seed/administrator.js";
import { dataSet, PICK, type TableRows } from "./data-set.js";

/** Nobody but the benchmark reaches the cluster. */
export const ADMINISTRATOR = { email: "bench@postern.example", password: "bench-needs-no-secret" };

export interface BenchDatabase {
  readonly name: string;
  /** How many times as large as the data set of the workloads. */
  readonly scale: number;
}

/** What the workloads are measured on, and the same ten times as large. */
export const BENCH: BenchDatabase = { name: "bench", scale: 1 };
export const LARGE: BenchDatabase = { name: "bench_large", scale: 10 };

const COMMON: Settings = {
  shared_buffers: "512MB",
  max_wal_size: "4GB",
  random_page_cost: 1.1,
  effective_cache_size: "8GB",
  max_connections: 200,
  // What the benchmark changes it cleans up itself, between measurements instead of in one.
  autovacuum: "off",
};

/** Tables that are filled in the transaction that empties them need no log at this level. */
const LOADING: Settings = {
  ...COMMON,
  wal_level: "minimal",
  max_wal_senders: 0,
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  maintenance_work_mem: "512MB",
};

const ROLE = "postern";
const MIGRATIONS = fileURLToPath(new URL("../../drizzle/", import.meta.url));
const STATEMENT_TIMEOUT_MS = 10_000;
const log = createLog("error");

/** What a load makes; a database that was loaded otherwise is loaded anew. */
const stampOf = (rows: readonly TableRows[]) =>
  createHash("sha256")
    .update(JSON.stringify([PICK, rows]))
    .digest("hex");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The hashes that drizzle keeps of the migrations it has run. */
function migrationHashes(): string[] {
  const { entries } = JSON.parse(readFileSync(join(MIGRATIONS, "meta/_journal.json"), "utf8")) as {
    entries: { tag: string }[];
  };
  return entries.map(({ tag }) =>
    createHash("sha256")
      .update(readFileSync(join(MIGRATIONS, `${tag}.sql`)))
      .digest("hex"),
  );
}

export interface OpenOptions {
  /** Load the databases even where they are there. */
  readonly fresh: boolean;
  /** The folder of another build of PostgreSQL 15 than the embedded one. */
  readonly binaries: string | undefined;
  /** Told of what must be stopped whatever happens, before it runs. */
  readonly stopLater: (stop: () => Promise<void>) => void;
}

export class BenchCluster {
  readonly #password = randomBytes(24).toString("base64url");
  #superuser = { username: "", password: "" };
  #port = 0;
  #claim: Promise<Claim> | undefined;
  #pid = 0;
  #isClosed = false;

  private constructor(
    private readonly folder: string,
    private readonly bin: string,
    private readonly user: Awaited<ReturnType<typeof databaseUser>>,
  ) {}

  /**
   * Starts the cluster in `dataDir` with these databases, loading what is missing.
   */
  static async open(
    dataDir: string,
    databases: readonly BenchDatabase[],
    { fresh, binaries, stopLater }: OpenOptions,
  ): Promise<BenchCluster> {
    const user = await databaseUser();
    const { path } = await placeFolder(dataDir, "cluster", user);
    const cluster = new BenchCluster(path, binaries ?? (await findBinaries(user)), user);
    stopLater(() => cluster.close());
    await cluster.#start(COMMON);
    const missing: BenchDatabase[] = [];
    for (const database of databases) {
      if (fresh || !(await cluster.#isLoaded(database))) missing.push(database);
    }
    if (missing.length > 0) {
      await cluster.#stop();
      await cluster.#start(LOADING);
      for (const database of missing) await cluster.#load(database);
      await cluster.#stop();
      await syncFileSystem(path);
      await cluster.#start(COMMON);
    }
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

  async #start(settings: Settings): Promise<void> {
    const { folder, bin, user } = this;
    for (;;) {
      if (this.#isClosed) throw new Error("The benchmark was stopped.");
      this.#port = await freePort();
      const cluster = new Cluster({ folder, bin, user, settings, tcpPort: this.#port, startTimeoutMs: 300_000 });
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

  async #isLoaded({ name, scale }: BenchDatabase): Promise<boolean> {
    const [found] = await this.asSuperuser(
      "postgres",
      (sql) => sql`select shobj_description(oid, 'pg_database') as stamp from pg_database where datname = ${name}`,
    );
    if (found?.stamp !== stampOf(dataSet(scale))) return false;
    const applied = await this.asSuperuser(
      name,
      (sql) => sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations order by id`,
    );
    const wanted = migrationHashes();
    if (applied.some(({ hash }, index) => hash !== wanted[index])) return false;
    if (applied.length < wanted.length) {
      await this.#migrate(name);
      await this.asSuperuser(name, (sql) => sql.unsafe("vacuum (analyze)"));
    }
    return true;
  }

  async #migrate(name: string): Promise<void> {
    const client = createClient({ connection: this.url(name), poolSize: 1 });
    try {
      await migrateDatabase(client.db, STATEMENT_TIMEOUT_MS);
      await ensureAdministrator(client.db, ADMINISTRATOR, () => undefined);
    } finally {
      await client.close();
    }
  }

  async #load({ name, scale }: BenchDatabase): Promise<void> {
    const since = Date.now();
    const rows = dataSet(scale);
    console.error(`Loading ${name}: ${rows.reduce((sum, table) => sum + table.rows, 0).toLocaleString("en")} rows ...`);
    await this.asSuperuser("postgres", async (sql) => {
      await sql.unsafe(`drop database if exists ${name} with (force)`);
      await sql.unsafe(`create database ${name} owner ${ROLE}`);
    });
    await this.#migrate(name);
    await this.asSuperuser(name, async (sql) => {
      // Triggers and foreign keys look at nothing: the rows are made to fit.
      await sql.unsafe("set session_replication_role = replica");
      await sql.unsafe(PICK);
      await sql.begin((sql) => fill(sql, rows));
    });
    // The administrator went with the other users.
    await this.#migrate(name);
    await this.asSuperuser(name, async (sql) => {
      await sql.unsafe("vacuum (freeze, analyze)");
      await sql.unsafe(`comment on database ${name} is '${stampOf(rows)}'`);
    });
    console.error(`Loaded ${name} in ${Math.round((Date.now() - since) / 1000)} s`);
  }
}

/** Empties the tables and fills them, with their secondary indexes built last. */
async function fill(sql: TransactionSql, rows: readonly TableRows[]): Promise<void> {
  const tables = rows.map(({ table }) => table);
  const indexes = await sql<{ name: string; definition: string }[]>`
    select c.relname as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid::regclass::text in ${sql(tables)} and not i.indisprimary`;
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`);
  await sql.unsafe(`truncate ${tables.join(", ")} cascade`);
  for (const { table, rows: count, insert } of rows) {
    await sql.unsafe(insert);
    await sql.unsafe(`select setval(pg_get_serial_sequence('${table}', 'id'), ${count})`);
  }
  for (const { definition } of indexes) await sql.unsafe(definition);
}
