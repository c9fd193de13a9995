/** Members of a pair in every state that a standby is seen in, what people are told of it, and what sets itself right. */
import { execFileSync } from "node:child_process";
import { cp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { databaseUser } from "../../src/postgres/os-user.js";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { Deed } from "../../src/providers/deed.js";
import type { LocalProvider } from "../../src/providers/local.js";
import {
  clock,
  idOf,
  NEW,
  operate,
  query,
  rebootOf,
  startOf,
  stopOf,
  untilStreaming,
  useGround,
} from "../support/ground.js";
import { eventually } from "../support/sandbox.js";

const ground = useGround();
const deeds: Deed[] = [];
let provider: LocalProvider;
let pair: string;

beforeAll(async () => {
  provider = await ground.open({ limits: { answerTimeoutMs: 1_000, minFreeBytes: 0 } });
  provider.reportTo(async (deed) => void deeds.push(deed));
  await provider.create({ ...NEW, identifier: "pair", standby: true });
  pair = await idOf(provider, "pair");
  await query(provider, "pair", (sql) => sql`create table notes (n int)`);
});
afterAll(() => provider.stopAll());
beforeEach(() => {
  deeds.length = 0;
});

const succeed = async (wanted: Parameters<typeof operate>[1]) =>
  expect(await operate(provider, wanted)).toMatchObject({ state: "succeeded" });
const folderOf = (...path: string[]) => join(ground.path, "fleet/instances", pair, ...path);
const look = async () => (await provider.describe(pair))!;
const standby = async () => (await look()).members.find(({ role }) => role === "STANDBY")!;
const findings = async () => (await look()).findings.map(({ kind, subject, detail }) => ({ kind, subject, detail }));
const primary = <T>(work: Parameters<typeof query<T>>[2]) => query(provider, "pair", work);
const onStandby = async <T>(work: Parameters<typeof query<T>>[2]) =>
  query(provider, "pair", work, { port: (await standby()).endpoint!.port });
const kill = async (member: string, signal: NodeJS.Signals) => {
  const { pid } = (await findPostmaster(folderOf("members", member, "data")))!;
  process.kill(pid, signal);
  return pid;
};
const later = (seconds: number) => {
  clock.offsetMs += seconds * 1000;
};
/** Cuts the standby off, so that it has to be let in again. */
const cutOff = () => primary((sql) => sql`select pg_terminate_backend(pid) from pg_stat_replication`);

/** The standby streams, and nothing is to be told of it. */
async function whole(): Promise<void> {
  await untilStreaming(provider, "pair");
  await eventually(async () => (await standby()).status === "available", 20_000);
  await primary((sql) => sql`insert into notes values (1)`);
  await eventually(async () => (await standby()).lagBytes === 0);
  expect(await findings()).toEqual([]);
}

test("a standby that follows is available, replays and lags by nothing, and says since when", async () => {
  await whole();
  const { members } = await look();
  expect(members).toMatchObject([
    { name: "pair-a", role: "PRIMARY", status: "available", lagBytes: null, replaying: null, lastError: null },
    { name: "pair-b", role: "STANDBY", status: "available", lagSeconds: 0, replaying: true, lastError: null },
  ]);
  const since = members.map((member) => Date.parse(member.since!));
  later(60);
  expect((await look()).members.map((member) => Date.parse(member.since!))).toEqual(since);
});

test("a replay that somebody paused is told, with its lag and how to end it, and left to people", async () => {
  await onStandby((sql) => sql`select pg_wal_replay_pause()`);
  await primary((sql) => sql`insert into notes select generate_series(1, 1000)`);
  const paused = await eventually(async () => {
    const seen = await standby();
    return seen.status === "paused" && (seen.lagBytes ?? 0) > 10_000 && seen;
  });
  expect(paused).toMatchObject({ replaying: false, lastError: "Its replay is paused." });
  expect(paused.lagSeconds).toBeGreaterThanOrEqual(0);
  expect(await findings()).toEqual([
    { kind: "standby_not_replaying", subject: "pair-b", detail: expect.stringContaining("pg_wal_replay_resume()") },
  ]);
  await provider.repair();
  expect(await standby()).toMatchObject({ status: "paused" });
  expect(deeds).toEqual([]);
  await onStandby((sql) => sql`select pg_wal_replay_resume()`);
  await whole();
});

test("a replay that a transaction holds up is told with the session that does it", async () => {
  await primary((sql) => sql`create table held (n int)`);
  await whole();
  const ended = onStandby(async (sql) => {
    await sql`begin`;
    await sql`select from held`;
    const [me] = await sql`select pg_backend_pid() as pid`;
    await primary((sql) => sql`drop table held`);
    await eventually(async () => ((await standby()).lagBytes ?? 0) > 0);
    later(31);
    await eventually(async () => (await standby()).status === "catching-up");
    expect(await findings()).toMatchObject([
      {
        kind: "standby_not_replaying",
        detail: expect.stringContaining(`The session ${me?.pid} has a transaction open`),
      },
    ]);
    await sql`rollback`;
  });
  await ended;
  await whole();
});

test("before a reboot that raises them, the settings that must be equal are the standby's", async () => {
  await primary((sql) => sql`alter system set max_locks_per_transaction = 100`);
  expect(await operate(provider, rebootOf(pair))).toMatchObject({ state: "succeeded" });
  const [row] = await onStandby((sql) => sql`show max_locks_per_transaction`);
  expect(row).toEqual({ max_locks_per_transaction: "100" });
  await whole();
});

test("a standby that lacks what its primary was started with stops replaying, is told, and gets it", async () => {
  await primary((sql) => sql`alter system set max_prepared_transactions = 7`);
  await kill("a", "SIGKILL");
  await succeed(stopOf(pair));
  await succeed(startOf(pair));
  const stopped = await eventually(async () => {
    const seen = await standby();
    return seen.replaying === false && /max_prepared_transactions|insufficient/.test(seen.lastError ?? "") && seen;
  }, 20_000);
  expect(["paused", "failed"]).toContain(stopped.status);
  later(11);
  expect((await findings()).map(({ subject }) => subject)).toEqual(["pair-b"]);
  await eventually(async () => {
    await provider.repair();
    return (await standby()).status === "available";
  }, 20_000);
  const [row] = await onStandby((sql) => sql`show max_prepared_transactions`);
  expect(row).toEqual({ max_prepared_transactions: "7" });
  expect(deeds).toContainEqual(
    expect.objectContaining({
      providerId: pair,
      by: "repair",
      action: "instance.repair",
      success: true,
      result: { mended: { b: { max_prepared_transactions: 7 } } },
    }),
  );
  await whole();
});

test.each([
  ["is dropped", "drop role postern_replication"],
  ["may not log in", "alter role postern_replication nologin"],
  ["has another password", "alter role postern_replication password 'another'"],
])("where the role of the replication %s, the standby says so, and the role is made anew", async (_case, statement) => {
  await primary((sql) => sql.unsafe(statement));
  await cutOff();
  await eventually(async () => /postern_replication/.test((await standby()).lastError ?? ""));
  expect(await standby()).toMatchObject({ status: "catching-up", replaying: false });
  expect(await findings(), "it may pass").toEqual([]);
  later(11);
  expect(await findings()).toMatchObject([{ kind: "standby_disconnected", subject: "pair-b" }]);
  await provider.repair();
  expect(deeds).toMatchObject([
    { action: "instance.repair", result: { mended: { b: expect.stringContaining("role") } } },
  ]);
  await whole();
});

test("a standby that has what its primary never had is told, and built anew", async () => {
  const { uid, gid } = await databaseUser();
  const data = folderOf("members/a/data");
  const aside = join(ground.path, "aside");
  const copy = (from: string, to: string) => cp(from, to, { recursive: true, preserveTimestamps: true });
  await succeed(stopOf(pair));
  await copy(data, aside);
  await succeed(startOf(pair));
  await untilStreaming(provider, "pair");
  await primary((sql) => sql`insert into notes select generate_series(1, 10000)`);
  await whole();
  await succeed(stopOf(pair));
  await rm(data, { recursive: true });
  await copy(aside, data);
  execFileSync("chown", ["-R", `${uid}:${gid}`, data]);
  execFileSync("chmod", ["700", data]);
  await succeed(startOf(pair));
  await eventually(async () => (await standby()).lastError?.startsWith("It has what its primary never had"), 10_000);
  expect(await findings()).toMatchObject([{ kind: "standby_not_replaying", subject: "pair-b" }]);
  await provider.repair();
  await whole();
  expect(deeds.map(({ action, success }) => [action, success])).toEqual([
    ["instance.repair", true],
    ["instance.rebuildStandby", true],
  ]);
});

test("a standby that does not start is built anew; while that is not possible, it is told why, and recorded once", async () => {
  const slots = (does: string) =>
    primary((sql) =>
      sql.unsafe(`select ${does} from generate_series(1, current_setting('max_replication_slots')::int - 1) n`),
    );
  await slots("pg_create_physical_replication_slot('taken_' || n)");
  await kill("b", "SIGKILL");
  await eventually(async () => !(await findPostmaster(folderOf("members/b/data"))));
  await truncate(folderOf("members/b/data/global/pg_control"), 0);
  await provider.repair();
  const told = await eventually(
    async () => (await findings()).find(({ kind }) => kind === "standby_not_rebuilt"),
    20_000,
  );
  expect(told).toMatchObject({ subject: "pair-b", detail: expect.stringContaining("slots are in use") });
  expect(await standby()).toMatchObject({
    status: "rebuilding",
    endpoint: null,
    lastError: expect.stringContaining("slots are in use"),
  });
  await slots("pg_drop_replication_slot('taken_' || n)");
  await eventually(() => deeds.length > 1);
  expect(deeds).toMatchObject([
    { action: "instance.repair", success: true, result: { mended: { b: expect.stringContaining("anew") } } },
    {
      action: "instance.rebuildStandby",
      success: false,
      result: { member: "pair-b", reason: expect.stringContaining("slots are in use") },
    },
  ]);
  await eventually(async () => {
    later(301);
    await provider.repair();
    return (await standby()).status !== "rebuilding";
  }, 40_000);
  await whole();
});

test("a frozen standby is told to have failed, and left to people", async () => {
  const pid = await kill("b", "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  expect(await standby()).toMatchObject({
    status: "failed",
    replaying: false,
    lastError: expect.stringContaining("does not answer"),
  });
  expect(await findings()).toEqual([]);
  later(11);
  expect(await findings()).toMatchObject([
    { kind: "standby_failed", subject: "pair-b", detail: expect.stringContaining("left to people") },
  ]);
  await provider.repair();
  expect(await findPostmaster(folderOf("members/b/data"))).toMatchObject({ pid });
  expect(deeds).toEqual([]);
  process.kill(pid, "SIGCONT");
  await whole();
});

test("a description that cannot be read is told", async () => {
  const file = folderOf("instance.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, "{");
  onTestFinished(() => writeFile(file, text));
  expect(await look()).toMatchObject({
    status: "failed",
    findings: [{ kind: "instance_unreadable", severity: "CRITICAL" }],
  });
});
