/** What could be known to make a reboot fail refuses it: with its reason, and with every server running on as before. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { some } from "../support/deep.js";
import { idOf, NEW, operate, query, rebootOf, untilStreaming, useGround, writablePorts } from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";

const ground = useGround();
const ROOM = { minFreeBytes: 0, catchUpTimeoutMs: 1_000 };
let provider: LocalProvider;
let pair: string;
let solo: string;

beforeAll(async () => {
  provider = await ground.open({ limits: ROOM });
  await Promise.all([
    provider.create({ ...NEW, identifier: "pair", standby: true }),
    provider.create({ ...NEW, identifier: "solo" }),
  ]);
  [solo, pair] = await Promise.all([idOf(provider, "solo"), idOf(provider, "pair")]);
  await query(provider, "pair", (sql) => sql`create table notes as select n from generate_series(1, 100) as n`);
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const dataOf = (id: string, member: string, ...path: string[]) =>
  join(ground.path, "fleet/instances", id, "members", member, "data", ...path);
const members = (id: string) => (id === pair ? ["a", "b"] : ["a"]);
const postmasters = async (id: string) =>
  Promise.all(members(id).map(async (member) => (await findPostmaster(dataOf(id, member)))!.pid));
const standbyPort = async () =>
  (await provider.describe(pair))!.members.find(({ role }) => role === "STANDBY")!.endpoint!.port;

/** Asks, and sees that nothing was touched. */
async function expectRefused(id: string, forceFailover: boolean, code: string, message: RegExp): Promise<void> {
  const identifier = id === pair ? "pair" : "solo";
  const startedAt = () => query(provider, identifier, (sql) => sql`select pg_postmaster_start_time()::text as at`);
  const before = [await startedAt(), await postmasters(id), await writablePorts(provider, identifier)];
  const end = await operate(provider, rebootOf(id, forceFailover));
  expect(end).toEqual({
    state: "failed",
    resourceStatus: "available",
    failure: { code, message: expect.stringMatching(message) },
  });
  expect([await startedAt(), await postmasters(id), await writablePorts(provider, identifier)]).toEqual(before);
}

/** Adds a line to a file of every member's data, until the test is over. */
async function addLine(id: string, file: string, line: string, to = members(id)): Promise<void> {
  for (const member of to) {
    const path = dataOf(id, member, file);
    const text = await readFile(path);
    onTestFinished(() => writeFile(path, text));
    await appendFile(path, `${line}\n`);
  }
}

test("a failover to a standby whose replay is paused is refused, and allowed once it goes on", async () => {
  const port = await standbyPort();
  const onStandby = (call: string) => query(provider, "pair", (sql) => sql.unsafe(`select ${call}`), { port });
  await onStandby("pg_wal_replay_pause()");
  await expectRefused(pair, true, "StandbyUnavailable", /Replay is paused on pair-b.*pg_wal_replay_resume/);
  await onStandby("pg_wal_replay_resume()");
  expect(await operate(provider, rebootOf(pair, true))).toMatchObject({ state: "succeeded" });
  await untilStreaming(provider, "pair");
});

test("a failover that a query on the standby would hold up is refused, and names the session", async () => {
  const port = await standbyPort();
  await query(
    provider,
    "pair",
    async (standby) => {
      const [session] = await standby`select pg_backend_pid() as pid`;
      await standby.unsafe("begin isolation level repeatable read; select count(*) from notes");
      await query(provider, "pair", async (sql) => {
        await sql`delete from notes where n > 50`;
        await sql`vacuum notes`;
      });
      const reason = new RegExp(
        `pair-a is [1-9]\\d* bytes and \\d+ s behind: .*\\(sessions ${session?.pid}\\); end that`,
      );
      await expectRefused(pair, true, "StandbyUnavailable", reason);
      await standby.unsafe("rollback");
    },
    { port },
  );
  await untilStreaming(provider, "pair");
});

// In the short form one of each file, what is secret, and what no file alone can tell.
const BROKEN: [file: string, line: string, reason: RegExp][] = [
  ["postgresql.conf", "a = = b", /syntax error in file ".*postgresql.conf" line \d+/],
  ["postgresql.conf", "include 'nowhere.conf'", /nowhere.conf.*No such file/],
  ["postgresql.auto.conf", "work_mem = 'secret-value'", /invalid value for parameter "work_mem"\./],
  ["postgresql.auto.conf", "no_such_thing = 1", /unrecognized configuration parameter "no_such_thing" in file/],
  ["postgresql.conf", "wal_level = minimal", /wal_level is to become minimal/],
  ["postgresql.conf", "shared_preload_libraries = 'auto_explain, nothing'", /not installed: nothing\./],
  ["pg_hba.conf", "host all all nowhere scram-sha-512", /line \d+ of pg_hba.conf: invalid authentication method/],
];
test.each(some(BROKEN, 2))(
  "with %s that says %j, neither a restart nor a failover begins",
  async (file, line, reason) => {
    await addLine(solo, file, line);
    await addLine(pair, file, line, ["a"]);
    await expectRefused(
      solo,
      false,
      "InvalidConfiguration",
      new RegExp(`solo-a would not start again: .*${reason.source}`),
    );
    await expectRefused(pair, true, "InvalidConfiguration", reason);
    expect(ground.lines.join("\n"), "values stay out of the log").not.toContain("secret-value");
  },
);

test("prepared transactions that would not fit any more refuse a restart", async () => {
  const alter = (value: number) =>
    query(provider, "solo", (sql) => sql.unsafe(`alter system set max_prepared_transactions = ${value}`));
  await alter(2);
  expect(await operate(provider, rebootOf(solo))).toMatchObject({ state: "succeeded" });
  await query(provider, "solo", (sql) =>
    sql.unsafe("begin; create table half (n int); prepare transaction 'half'").simple(),
  );
  await alter(0);
  await expectRefused(solo, false, "InvalidConfiguration", /1 prepared transactions are open/);
  await alter(1);
  expect(await operate(provider, rebootOf(solo)), "it outlasts a restart").toMatchObject({ state: "succeeded" });
  await query(provider, "solo", (sql) => sql`rollback prepared 'half'`);
});

test("a pair with a tablespace is never failed over, because both servers write its files", async () => {
  const { path } = await chooseFolder(ground.path, "elsewhere", await databaseUser());
  const run = (text: string) => query(provider, "pair", (sql: Sql) => sql.unsafe(text));
  await run(`create tablespace elsewhere location '${path}'`);
  await expectRefused(pair, true, "NotSupported", /tablespace outside its data folder.*pg_default/);
  await run("drop tablespace elsewhere");
  await eventually(async () => (await operate(provider, rebootOf(pair, true))).state === "succeeded");
  await untilStreaming(provider, "pair");
});

test("without room on the disk, nothing is restarted, and nothing fails over that could not be rebuilt", async () => {
  for (const [limits, forceFailover, reason] of [
    [{ restartFreeBytes: Number.MAX_SAFE_INTEGER }, false, /has \d+ MiB left.*may not come back/],
    [{ minFreeBytes: Number.MAX_SAFE_INTEGER }, true, /the old primary is rebuilt.*\d+ MiB of free/],
  ] as const) {
    await provider.stopAll();
    provider = await ground.open({ limits: { ...ROOM, ...limits } });
    await provider.startAll();
    await untilStreaming(provider, "pair");
    await expectRefused(pair, forceFailover, "StorageFull", reason);
    expect(await operate(provider, rebootOf(pair, !forceFailover)), "the other").toMatchObject({
      state: forceFailover ? "succeeded" : "failed",
    });
  }
});
