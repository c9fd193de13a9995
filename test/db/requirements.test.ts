/** What keeps a database from carrying Postern is said in one sentence, before anything is changed in it, and only one connection is made. */

import { writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../../src/db/client.js";
import { migrateDatabase } from "../../src/db/migrate.js";
import { checkRequirements } from "../../src/db/requirements.js";
import type { Cluster, RunningCluster } from "../../src/postgres/cluster.js";
import { StartFault } from "../../src/start-fault.js";
import { useGround } from "../support/ground.js";
import { asSuperuser, makeCluster } from "../support/sandbox.js";

// Its tests share one cluster.
const ground = useGround();
const PORT = 25_433;
const PASSWORD = "a password of the tests";
let cluster: Cluster;
let running: RunningCluster;

const url = (user: string, database: string, { password = PASSWORD, query = "" } = {}) =>
  `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${PORT}/${database}${query}`;

/** Runs statements as the superuser, one after the other. */
const superuser = (...statements: string[]) =>
  asSuperuser(cluster, running, async (sql) => {
    for (const statement of statements) await sql.unsafe(statement);
  });

async function faultOf(connection: string): Promise<StartFault> {
  const fault = await checkRequirements(connection).then(
    () => undefined,
    (error) => error,
  );
  expect(fault).toBeInstanceOf(StartFault);
  expect(fault.message, "sentences, without secrets").toMatch(/^[^\n]*\.$/);
  expect(fault.message).not.toContain(PASSWORD);
  return fault;
}

beforeAll(async () => {
  cluster = await makeCluster(join(ground.path, "usable"), { tcpPort: PORT });
  running = await cluster.start();
  await superuser(
    `create role owner login password '${PASSWORD}'`,
    `create role guest login password '${PASSWORD}'`,
    `create role nologin nologin password '${PASSWORD}'`,
    "create database good owner owner",
    "create database migrated owner owner",
    "create database half owner owner",
    "create database frozen owner owner",
    "alter database frozen set default_transaction_read_only = on",
    // The clusters of tests are copied without it, and no other is a template of any encoding.
    "create database template0",
    "create database ascii owner owner encoding 'SQL_ASCII' template template0",
  );
});
afterAll(() => cluster.stop());

it("a database that can carry Postern is left as it is, before and after its migration", async () => {
  await checkRequirements(url("owner", "good"));
  const client = createClient({ connection: url("owner", "migrated"), poolSize: 1 });
  await migrateDatabase(client.db);
  await client.close();
  await checkRequirements(url("owner", "migrated"));
  const sql = postgres(url("owner", "good"), { max: 1 });
  expect(await sql`select from pg_class where relnamespace = 'public'::regnamespace`).toHaveLength(0);
  await sql.end();
});

it.each<[string, () => string, string, RegExp]>([
  ["nobody listens", () => url("owner", "good").replace(`:${PORT}`, ":1"), "unreachable", /^Nobody listens/],
  ["an unknown host", () => "postgres://a:b@nowhere.invalid:5432/c", "unreachable", /host/],
  ["a wrong password", () => url("owner", "good", { password: "wrong" }), "rights", /refuses the password/],
  ["a role that is none", () => url("nobody", "good"), "rights", /refuses the password/],
  ["a role that may not log in", () => url("nologin", "good"), "rights", /refuses this role/],
  ["a database that is none", () => url("owner", "nowhere"), "rights", /no such database/],
  ["a role without rights", () => url("guest", "good"), "rights", /may not create schemas and tables/],
  ["a read-only database", () => url("owner", "frozen"), "data", /is read-only/],
  ["an encoding of bytes", () => url("owner", "ascii"), "data", /has the encoding SQL_ASCII/],
  ["TLS that is refused", () => url("owner", "good", { query: "?sslmode=require" }), "protocol", /refuses TLS/],
])("%s", async (_, connection, kind, message) => {
  const fault = await faultOf(connection());
  expect([fault.kind, fault.message]).toEqual([kind, expect.stringMatching(message)]);
});

it("half a migration: tables without their record, or types alone", async () => {
  const sql = postgres(url("owner", "half"), { max: 1 });
  await sql`create type role as enum ('ADMIN')`;
  expect(await faultOf(url("owner", "half"))).toMatchObject({
    kind: "data",
    message: expect.stringMatching(/without the record/),
  });
  await sql`drop type role`;
  await checkRequirements(url("owner", "half"));
  await sql.end();
});

it("a database that a newer Postern has migrated", async () => {
  const sql = postgres(url("owner", "migrated"), { max: 1 });
  await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('newer', 9999999999999)`;
  expect(await faultOf(url("owner", "migrated"))).toMatchObject({
    kind: "data",
    message: expect.stringMatching(/^A newer Postern/),
  });
  await sql`delete from drizzle.__drizzle_migrations where hash = 'newer'`;
  await sql.end();
});

it("a standby", async () => {
  await cluster.stop();
  await writeFile(join(cluster.dataDir, "standby.signal"), "");
  running = await cluster.start();
  expect(await faultOf(url("owner", "good"))).toMatchObject({
    kind: "data",
    message: expect.stringMatching(/is a standby/),
  });
});

describe("what answers is no PostgreSQL", () => {
  /** Serves one way of answering. @returns its URL, and how many connections came */
  async function serve(answer: (socket: Socket) => void) {
    const seen = { connections: 0 };
    const server: Server = createServer((socket) => {
      seen.connections++;
      socket.on("error", () => {});
      answer(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    return { seen, close: () => server.close(), url: `postgres://a:b@127.0.0.1:${port}/c` };
  }

  it.each<[string, (socket: Socket) => void]>([
    ["an HTTP server", (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    ["a server that greets first, as MySQL does", (socket) => socket.write("J\0\0\0\n8.0.36\0")],
    ["a server that closes at once", (socket) => socket.destroy()],
    ["a server that closes after what it got", (socket) => socket.once("data", () => socket.end())],
  ])("%s, which is asked once", async (_, answer) => {
    const { seen, close, url } = await serve((socket) => answer(socket));
    const fault = await faultOf(url);
    close();
    expect([fault.kind, fault.message, seen.connections]).toEqual([
      "protocol",
      expect.stringMatching(/is no PostgreSQL/),
      1,
    ]);
  });
});
