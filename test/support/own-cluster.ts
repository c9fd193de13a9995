/** A PostgreSQL of a test's own, to be frozen, stopped and started, and Posterns on an empty database in it. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import type { Cluster, ClusterSettings, RunningCluster } from "../../src/postgres/cluster.js";
import type { Connection } from "./pgbouncer.js";
import { type Running, startPostern } from "./postern.js";
import { asSuperuser, makeCluster } from "./sandbox.js";

/** Of every demo user. */
export const PASSWORD = "four random words of ours";
/** The role that Postern connects as, which owns its database. */
export const ROLE = "postern";

export interface OwnCluster {
  readonly cluster: Cluster;
  /** The postmaster, which is another one after a restart. */
  running: RunningCluster;
  /** As superuser, behind Postern's back. */
  readonly sql: Sql;
  readonly database: string;
  /** How Postern reaches it. */
  readonly connection: Connection;
  /** Where records wait. */
  readonly folder: string;
  /** @param environment what is different, or more */
  start(environment?: Record<string, string>): Running;
}

export interface OwnClusterOptions {
  readonly settings?: ClusterSettings;
  /** Where the cluster is; by default in the sandbox. */
  readonly place?: string;
}

/** Runs the work with a cluster, which is stopped after it. @param name of its folder and its database */
export async function withOwnCluster(
  sandbox: { readonly path: string },
  name: string,
  work: (own: OwnCluster) => Promise<void>,
  { settings = {}, place = join(sandbox.path, name) }: OwnClusterOptions = {},
): Promise<void> {
  const cluster = await makeCluster(place, { settings: { fsync: "on", ...settings } });
  const running = await cluster.start();
  const password = randomBytes(12).toString("hex");
  await asSuperuser(cluster, running, async (sql) => {
    await sql.unsafe(`create role ${ROLE} login password '${password}'`);
    await sql.unsafe(`create database ${name} owner ${ROLE}`);
  });
  const { host, port } = running;
  const path = `${host}/.s.PGSQL.${port}`;
  const dataDir = join(sandbox.path, `${name}-data`);
  const sql = postgres({
    ...(await cluster.superuser()),
    ...{ path, database: name, max: 3, fetch_types: false, onnotice: () => undefined },
  });
  const environment = {
    DATABASE_URL: `postgres:///${name}`,
    ...{ PGHOST: host, PGPORT: String(port), PGUSER: ROLE, PGPASSWORD: password },
    ...{ DATA_DIR: dataDir, DEMO: "true", DEMO_PASSWORD: PASSWORD },
  };
  try {
    // Open already when nobody is let in any more.
    await Promise.all([1, 2].map(() => sql`select pg_sleep(0.05)`));
    await work({
      cluster,
      running,
      sql,
      database: name,
      connection: { host, port, path, username: ROLE, password },
      folder: join(dataDir, "records"),
      start: (more = {}) => startPostern(sandbox.path, { ...environment, ...more }),
    });
  } finally {
    await sql.end({ timeout: 0 });
    await cluster.stop();
  }
}
