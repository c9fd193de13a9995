/** The databases of the benchmark: made by Postern's own migrations, loaded once, and kept for the next run. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TransactionSql } from "postgres";
import { createClient } from "../../src/db/client.js";
import { migrateDatabase } from "../../src/db/migrate.js";
import { configureRole } from "../../src/db/role.js";
import { createLog } from "../../src/log.js";
import type { ClusterSettings } from "../../src/postgres/cluster.js";
import { ensureAdministrator } from "../../src/seed/administrator.js";
import { type BenchCluster, ROLE } from "./cluster.js";
import { dataSet, PICK, type TableRows } from "./data-set.js";

/** Nobody but the benchmark reaches the cluster. */
export const ADMINISTRATOR = { email: "bench@postern.example", password: "bench-needs-no-secret" };
/** Who asks beside the administrator. */
export const COLLEAGUES = Array.from({ length: 15 }, (_, n) => ({ ...ADMINISTRATOR, email: `${n}@postern.example` }));

export interface BenchDatabase {
  readonly name: string;
  /** How many times as large as the data set of the workloads. */
  readonly scale: number;
}

/** What the workloads are measured on, and the same ten times as large. */
export const BENCH: BenchDatabase = { name: "bench", scale: 1 };
export const LARGE: BenchDatabase = { name: "bench_large", scale: 10 };

/** Tables that are filled in the transaction that empties them need no log at this level. */
const LOADING: ClusterSettings = {
  wal_level: "minimal",
  max_wal_senders: 0,
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  maintenance_work_mem: "512MB",
};

const MIGRATIONS = fileURLToPath(new URL("../../drizzle/", import.meta.url));
const STATEMENT_TIMEOUT_MS = 10_000;

const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");

/** What a load makes; a database that was loaded otherwise is loaded anew. */
const stampOf = (rows: readonly TableRows[]) => sha256(JSON.stringify([PICK, rows]));

/** The hashes that drizzle keeps of the migrations it has run. */
function migrationHashes(): string[] {
  const journal = readFileSync(join(MIGRATIONS, "meta/_journal.json"), "utf8");
  const { entries } = JSON.parse(journal) as { entries: { tag: string }[] };
  return entries.map(({ tag }) => sha256(readFileSync(join(MIGRATIONS, `${tag}.sql`))));
}

/** Loads what is missing or made otherwise, or everything, and runs the migrations that are new. */
export async function ensureLoaded(
  cluster: BenchCluster,
  databases: readonly BenchDatabase[],
  fresh: boolean,
): Promise<void> {
  const missing: BenchDatabase[] = [];
  for (const database of databases) {
    if (fresh || !(await isLoaded(cluster, database))) missing.push(database);
  }
  if (missing.length === 0) return;
  await cluster.restart(LOADING);
  for (const database of missing) await load(cluster, database);
  await cluster.restart();
}

async function isLoaded(cluster: BenchCluster, { name, scale }: BenchDatabase): Promise<boolean> {
  const [found] = await cluster.asSuperuser(
    "postgres",
    (sql) => sql`select shobj_description(oid, 'pg_database') as stamp from pg_database where datname = ${name}`,
  );
  if (found?.stamp !== stampOf(dataSet(scale))) return false;
  const applied = await cluster.asSuperuser(
    name,
    (sql) => sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations order by id`,
  );
  const wanted = migrationHashes();
  if (applied.some(({ hash }, index) => hash !== wanted[index])) return false;
  if (applied.length < wanted.length) {
    await migrate(cluster, name);
    await cluster.asSuperuser(name, (sql) => sql.unsafe("vacuum (analyze)"));
  }
  return true;
}

async function migrate(cluster: BenchCluster, name: string): Promise<void> {
  const client = createClient({ connection: cluster.url(name), poolSize: 1 });
  try {
    await configureRole(client, STATEMENT_TIMEOUT_MS, createLog("silent"));
    await migrateDatabase(client.db);
    await ensureAdministrator(client.db, ADMINISTRATOR, { generatePasswords: false, announce: () => undefined });
  } finally {
    await client.close();
  }
}

async function load(cluster: BenchCluster, { name, scale }: BenchDatabase): Promise<void> {
  const since = Date.now();
  const rows = dataSet(scale);
  console.error(`Loading ${name}: ${rows.reduce((sum, table) => sum + table.rows, 0).toLocaleString("en")} rows ...`);
  await cluster.asSuperuser("postgres", async (sql) => {
    await sql.unsafe(`drop database if exists ${name} with (force)`);
    await sql.unsafe(`create database ${name} owner ${ROLE}`);
  });
  await migrate(cluster, name);
  await cluster.asSuperuser(name, async (sql) => {
    // Triggers and foreign keys look at nothing: the rows are made to fit.
    await sql.unsafe("set session_replication_role = replica");
    await sql.unsafe(PICK);
    await sql.begin((sql) => fill(sql, rows));
  });
  // The administrator went with the other users.
  await migrate(cluster, name);
  await cluster.asSuperuser(name, async (sql) => {
    await sql.unsafe("vacuum (freeze, analyze)");
    await sql.unsafe(`comment on database ${name} is '${stampOf(rows)}'`);
  });
  console.error(`Loaded ${name} in ${Math.round((Date.now() - since) / 1000)} s`);
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
