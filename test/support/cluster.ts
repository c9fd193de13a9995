/** One throw-away PostgreSQL for the whole run, with a template database that each test file clones. */
import "reflect-metadata";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hash } from "@node-rs/argon2";
import { sql } from "drizzle-orm";
import type { TestProject } from "vitest/node";
import { startEmbedded } from "../../src/cli/embedded.js";
import { createClient } from "../../src/db/client.js";
import { migrateDatabase } from "../../src/db/migrate.js";
import { createJobs } from "../../src/jobs/jobs.js";
import { createLog } from "../../src/log.js";
import { ROOT_DATA_FOLDER } from "../../src/postgres/folder.js";
import { ensureAdministrator } from "../../src/seed/administrator.js";
import { ensureDemo } from "../../src/seed/demo.js";
import { placeBinaries } from "./binaries.js";
import { type Connection, startPgbouncer } from "./pgbouncer.js";

/** Every account of the template has this password. */
export const PASSWORD = "tests-need-no-secret";
export const TEMPLATE = "template_postern";

declare module "vitest" {
  interface ProvidedContext {
    /** PostgreSQL itself: how tests look behind the API. */
    connection: Connection;
    /** How the apps under test reach PostgreSQL: through a pooler where the run has one. */
    appConnection: Connection;
    /** Binaries of PostgreSQL for a test's own clusters. */
    binaries: string;
    /** The pooler between the apps and PostgreSQL, where the run has one. */
    pooler: { program: string; carries: boolean } | null;
  }
}

/** The path of a PgBouncer that every app under test goes through: see test/pgbouncer/run.sh. */
const POOLER = process.env.POSTERN_TEST_POOLER;

/** Makes the folder that all of the run lies in. @returns what ends the run, which happens by itself where that is interrupted */
async function beginRun(): Promise<() => Promise<void>> {
  // A short name: the paths of sockets have a bound.
  const folder = await mkdtemp(join(tmpdir(), "p-"));
  await chmod(folder, 0o755);
  process.env.TMPDIR = folder;
  const leftovers = spawn(
    process.execPath,
    [new URL("leftovers.mjs", import.meta.url).pathname, folder, ROOT_DATA_FOLDER],
    {
      detached: true,
      stdio: ["pipe", "ignore", "inherit"],
    },
  );
  return async () => {
    leftovers.stdin.end();
    await once(leftovers, "exit");
  };
}

export default async function setup(project: TestProject) {
  const endRun = await beginRun();
  const dataDir = await mkdtemp(join(tmpdir(), "postern-test-"));
  const database = await startEmbedded({
    dataDir,
    log: createLog("silent"),
    createDatabases: true,
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "200" },
  });
  const { database: first, ...connection } = database.options;

  const owner = createClient({ connection: { ...connection, database: first }, poolSize: 1 });
  await owner.db.execute(sql.raw(`create database ${TEMPLATE}`));
  await owner.close();
  const template = createClient({ connection: { ...connection, database: TEMPLATE }, poolSize: 1 });
  await migrateDatabase(template.db);
  const seeding = { generatePasswords: false, announce: () => undefined };
  await ensureAdministrator(template.db, { email: "root@postern.example", password: PASSWORD }, seeding);
  await ensureDemo(template.db, PASSWORD, seeding);
  // Every file signs in several times. The hash says with which parameters it is compared.
  const cheapHash = await hash(PASSWORD, { memoryCost: 8, timeCost: 1 });
  await template.db.execute(sql`update users set password_hash = ${cheapHash}`);
  await template.close();
  // Its tables too, so that each app under test starts at once.
  const jobs = createJobs({ connection: { ...connection, database: TEMPLATE }, log: createLog("silent") });
  await jobs.start();
  await jobs.stop();

  const pooler = POOLER === undefined ? undefined : await startPgbouncer(POOLER, connection);
  project.provide("binaries", await placeBinaries(process.env.TMPDIR!));
  project.provide("connection", connection);
  project.provide("appConnection", pooler?.connection ?? connection);
  project.provide("pooler", pooler ? { program: POOLER!, carries: pooler.carries } : null);
  return async () => {
    await pooler?.stop();
    await database.stop();
    await rm(database.dataDir, { recursive: true, force: true });
    await rm(dataDir, { recursive: true, force: true });
    await endRun();
  };
}
