/** Databases for tests that start Postern on a given one. */
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { inject, onTestFinished } from "vitest";
import { TEMPLATE } from "./cluster.js";

/** An empty database of its own on the run's cluster: how to reach it, and a look behind Postern's back. */
export const emptyDatabase = () => madeDatabase("");

/** The same after a first start, with the demo, whose users have the password of `app.ts`: for what comes after that start. */
export const startedDatabase = () => madeDatabase(`template ${TEMPLATE}`);

async function madeDatabase(how: string) {
  const { path, username, password } = inject("connection");
  const { host, port } = inject("appConnection");
  const database = `p_${randomUUID().replaceAll("-", "")}`;
  const owner = postgres({ path, username, password, database: "postern", max: 1, onnotice: () => {} });
  await owner.unsafe(`create database ${database} ${how}`);
  await owner.end();
  const sql = postgres({ path, username, password, database, max: 3, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 1 }));
  const environment = {
    DATABASE_URL: `postgres:///${database}`,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: username,
    PGPASSWORD: password,
  };
  return { sql, environment };
}
