/** What the README says of restoring by hand, done by its commands as they are written. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { idOf, NEW, operate, query, snapshotOf, useGround } from "../support/ground.js";
import { isRoot, processesIn } from "../support/sandbox.js";

const README = new URL("../../src/providers/local/README.md", import.meta.url);

const ground = useGround();
let provider: LocalProvider;
let snapshot: string;

beforeAll(async () => {
  provider = await ground.open();
  await provider.create({ ...NEW, identifier: "source" });
  await query(provider, "source", async (sql) => {
    await sql`create role shop login password 'the-password-of-then'`;
    await sql`create database shop owner shop`;
    await sql.unsafe("alter system set synchronous_standby_names = 'nobody'");
  });
  await query(provider, "source", (sql) => sql`create table notes as select n from generate_series(1, 500) as n`, {
    database: "shop",
  });
  const end = await operate(provider, snapshotOf(await idOf(provider, "source"), "Before-The-Move"));
  if (end.state !== "succeeded") throw new Error("There is no snapshot.");
  snapshot = end.snapshot!.arn;
  // Without Postern, and without the source.
  await provider.stopAll();
});
afterAll(async () => expect(await processesIn(ground.path), "processes left behind").toEqual([]));

test("the commands bring a snapshot up, with its rows and its logins", async () => {
  const [, chapter] = (await readFile(README, "utf8")).split("### By hand, without Postern");
  const blocks = [...chapter!.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text]) => text!);
  expect(blocks).toHaveLength(4);
  const [settings, start, login, stop] = blocks as [string, string, string, string];
  const own: Record<string, string> = {
    SNAPSHOT: snapshot,
    TARGET: join(ground.path, "restored"),
    BIN: await findBinaries(await databaseUser()),
    PORT: "26543",
    ...(isRoot ? {} : { AS: "" }),
  };
  const written = settings.replace(/^(\w+)=.*$/gm, (line, name: string) =>
    own[name] === undefined ? line : `${name}='${own[name]}'`,
  );
  expect(written).toContain(`SNAPSHOT='${snapshot}'`);
  const shell = async (text: string) =>
    (await promisify(execFile)("/bin/sh", ["-euc", `${written}\n${text}`], { cwd: ground.path })).stdout;
  // Its output goes to the log: nothing waits for the server to end.
  await shell(`{ ${start}\n} > /dev/null 2>&1`);
  try {
    const [postgresPassword, port] = [
      await readFile(join(own.TARGET!, "superuser.password"), "utf8"),
      Number(own.PORT),
    ];
    const as = async (username: string, password: string, statement: string) => {
      const sql = postgres({
        host: "127.0.0.1",
        port,
        database: "shop",
        username,
        password,
        max: 1,
        onnotice: () => {},
      });
      return [...(await sql.unsafe(statement).finally(() => sql.end()))];
    };
    expect(await as("postgres", postgresPassword, "select count(*)::int from notes")).toEqual([{ count: 500 }]);
    expect(await as("shop", "the-password-of-then", "create table mine as select 1 as n"), "no commit waits").toEqual(
      [],
    );
    // A client program need not be on this machine.
    if (await shell("command -v psql || true")) expect(await shell(login)).toMatch(/postgres[\s\S]*shop/);
  } finally {
    await shell(stop);
  }
});
