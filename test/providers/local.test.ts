/** Local instances at work: copies that can be restored, restarts, failovers, and the troubles that real servers have. */
import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { Deed } from "../../src/providers/deed.js";
import type { LocalProvider } from "../../src/providers/local.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import {
  clock,
  INTENT,
  idOf,
  listAll,
  NEW,
  newOperationId,
  operate,
  query,
  rebootOf,
  restoreOf,
  snapshotOf,
  startOf,
  stopOf,
  untilEnded,
  untilStreaming,
  useGround,
  writablePorts,
} from "../support/ground.js";
import { eventually, isRoot, processesIn } from "../support/sandbox.js";

const ground = useGround();
let provider: LocalProvider;
let solo: string;
let pair: string;

beforeAll(async () => {
  provider = await ground.open({ limits: { answerTimeoutMs: 1_500, minFreeBytes: 0 } });
  await Promise.all([
    provider.create({ ...NEW, identifier: "pair", standby: true }),
    provider.create({ ...NEW, identifier: "solo" }),
  ]);
  [solo, pair] = await Promise.all([idOf(provider, "solo"), idOf(provider, "pair")]);
  await query(provider, "solo", (sql) => sql`create table notes as select n from generate_series(1, 500) as n`);
  await query(provider, "pair", (sql) => sql`create table notes (n int)`);
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const folderOf = (providerId: string, ...path: string[]) => join(ground.path, "fleet/instances", providerId, ...path);
const postmasterOf = async (providerId: string, member: string) =>
  (await findPostmaster(folderOf(providerId, "members", member, "data")))!.pid;
const status = async (providerId: string) => (await provider.describe(providerId))!.status;

test("snapshot under load: the restored copy has all that was committed before, and nothing torn", async () => {
  await query(provider, "solo", (sql) => sql.unsafe("create table debits (n int); create table credits (n int)"));
  let written = 0;
  let isOver = false;
  const writer = query(provider, "solo", async (sql) => {
    for (; !isOver; written++) {
      await sql.begin(async (sql) => {
        await sql`insert into debits values (${written})`;
        await sql`insert into credits values (${written})`;
      });
    }
  });
  await eventually(() => written > 50);
  const atStart = written;
  const end = await operate(provider, snapshotOf(solo, "Under-Load"));
  const atEnd = written;
  isOver = true;
  await writer;
  expect(end).toMatchObject({ state: "succeeded", snapshot: { identifier: "Under-Load" } });
  if (end.state !== "succeeded") return;

  expect(await operate(provider, restoreOf(solo, "under-load", "restored"))).toMatchObject({ state: "succeeded" });
  const look = (table: string) =>
    query(provider, "restored", (sql) => sql.unsafe(`select count(*)::int, max(n) + 1 as next from ${table}`));
  const [[debits], [credits], [notes]] = await Promise.all([look("debits"), look("credits"), look("notes")]);
  await provider.destroy("restored");
  expect(debits).toEqual(credits);
  expect(debits?.count).toBe(debits?.next);
  expect(debits?.count).toBeGreaterThanOrEqual(atStart);
  expect(debits?.count).toBeLessThanOrEqual(atEnd + 1);
  expect(atEnd, "the writer went on").toBeGreaterThan(atStart);
  expect(notes?.count).toBe(500);
});

test("while one operation runs, the instance says so and refuses a second; another instance does not", async () => {
  const first = { ...snapshotOf(solo, "one-at-a-time"), operationId: newOperationId() } as OperationRequest;
  await provider.start(first, INTENT);
  expect(await provider.poll(first, INTENT)).toMatchObject({ state: "running", resourceStatus: "creating" });
  // Only then has it taken the name.
  const copies = join(ground.path, "fleet/snapshots");
  await eventually(async () => (await readdir(copies)).some((name) => name.startsWith(".partial-")));
  const second = await operate(provider, rebootOf(solo));
  expect(await status(solo)).toBe("backing-up");
  expect(second).toMatchObject({ failure: { code: "InvalidDBInstanceState", message: /solo is backing-up/ } });
  expect(await operate(provider, snapshotOf(pair, "one-AT-a-time"))).toMatchObject({
    failure: { code: "DBSnapshotAlreadyExists" },
  });
  expect(await untilEnded(provider, first)).toMatchObject({ state: "succeeded" });
  expect(await status(solo)).toBe("available");
  // Its name stays taken where nobody can read whose it is.
  const file = join(copies, "one-at-a-time/snapshot.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, "{");
  onTestFinished(() => writeFile(file, text));
  expect(await operate(provider, snapshotOf(solo, "ONE-at-a-time"))).toMatchObject({
    failure: { code: "DBSnapshotAlreadyExists" },
  });
});

test("a reboot starts another server, and the standby finds it again", async () => {
  const startedAt = async () =>
    (await query(provider, "pair", (sql) => sql`select pg_postmaster_start_time()::text as at`))[0]!.at;
  const before = await startedAt();
  const end = await operate(provider, rebootOf(pair));
  expect(end).toMatchObject({ state: "succeeded", result: { failedOver: false, primary: "pair-a" } });
  expect(end.state === "succeeded" && end.result.awaySeconds).toBeGreaterThan(0);
  expect(await startedAt()).not.toBe(before);
  await untilStreaming(provider, "pair");
});

test("a failover keeps every row, swaps the roles and rebuilds the old primary as the standby", async () => {
  await query(provider, "pair", (sql) => sql`insert into notes select generate_series(1, 1000)`);
  const before = (await provider.describe(pair))!;
  await query(provider, "pair", (sql) => sql`create table acknowledged (n int)`);
  let acknowledged = 0;
  const writer = query(provider, "pair", async (sql) => {
    for (; ; acknowledged++) await sql`insert into acknowledged values (${acknowledged})`;
  });
  const cutOff = expect(writer).rejects.toThrow();
  await eventually(() => acknowledged > 10);
  const end = await operate(provider, rebootOf(pair, true));
  await cutOff;
  const [kept] = await query(provider, "pair", (sql) => sql`select count(*)::int from acknowledged`);
  expect([acknowledged, acknowledged + 1], "nothing that was acknowledged is lost").toContain(kept?.count);
  expect(end).toMatchObject({ state: "succeeded", result: { failedOver: true, primary: "pair-b" } });
  expect(end.state === "succeeded" && end.result.awaySeconds).toBeGreaterThan(0);
  const count = await query(provider, "pair", (sql) => sql`select count(*)::int from notes`);
  expect(count).toEqual([{ count: 1000 }]);

  await untilStreaming(provider, "pair");
  const after = (await provider.describe(pair))!;
  expect(after).toMatchObject({
    status: "available",
    endpoint: before.members[1]!.endpoint,
    members: [
      { name: "pair-a", role: "STANDBY", endpoint: before.members[0]!.endpoint },
      { name: "pair-b", role: "PRIMARY", endpoint: before.members[1]!.endpoint },
    ],
  });
  await query(provider, "pair", (sql) => sql`insert into notes values (1001)`);
  const old = before.endpoint!.port;
  const write = query(provider, "pair", (sql) => sql`insert into notes values (0)`, { port: old });
  await expect(write).rejects.toThrow("read-only transaction");
  const onStandby = () => query(provider, "pair", (sql) => sql`select count(*)::int from notes`, { port: old });
  await eventually(async () => (await onStandby())[0]?.count === 1001);
  expect(await writablePorts(provider, "pair")).toEqual([after.endpoint!.port]);
});

test("without its standby a failover is refused before anything happens, and says how to bring it back", async () => {
  process.kill(await postmasterOf(pair, "a"), "SIGKILL");
  await eventually(async () => !(await findPostmaster(folderOf(pair, "members/a/data"))));
  const primary = await postmasterOf(pair, "b");
  const end = await operate(provider, rebootOf(pair, true));
  expect(end).toMatchObject({
    state: "failed",
    resourceStatus: "available",
    failure: {
      code: "StandbyUnavailable",
      message: expect.stringMatching(/pair-a cannot take over.*not running.*reboot/i),
    },
  });
  expect(await postmasterOf(pair, "b")).toBe(primary);
  await provider.repair();
  await untilStreaming(provider, "pair");
});

test("a standby for which the WAL is gone is built anew", async () => {
  await query(provider, "pair", async (sql) => {
    process.kill(await postmasterOf(pair, "a"), "SIGKILL");
    await eventually(() => sql`select pg_drop_replication_slot('standby_a')`.catch(() => false));
  });
  // As the schedule does: what a standby lacks may show only once it has been started. A copy has a slot for a while, too.
  await eventually(async () => {
    await provider.repair();
    const slots = await query(provider, "pair", (sql) => sql`select slot_name from pg_replication_slots where active`);
    return slots.map(({ slot_name }) => slot_name).join() === "standby_a";
  }, 25_000);
  await untilStreaming(provider, "pair");
});

test("when the primary does not answer, a failover kills it first and loses nothing", async () => {
  const frozen = await postmasterOf(pair, "b");
  process.kill(frozen, "SIGSTOP");
  const end = await operate(provider, rebootOf(pair, true));
  expect(end).toMatchObject({
    state: "succeeded",
    message: expect.stringMatching(/does not answer. Nothing is lost/),
    result: { primary: "pair-a", missingFrom: null, keptAt: null },
  });
  expect(await processesIn(folderOf(pair, "members/b/data"))).not.toContain(frozen);
  await untilStreaming(provider, "pair");
  expect(await writablePorts(provider, "pair")).toHaveLength(1);
  const count = await query(provider, "pair", (sql) => sql`select count(*)::int from notes`);
  expect(count).toEqual([{ count: 1001 }]);
});

test("a frozen instance is soon told to have failed, and hides no other", async () => {
  const pid = await postmasterOf(solo, "a");
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  const since = Date.now();
  const statuses = (await listAll(provider)).map((instance) => [instance.identifier, instance.status]);
  expect(Date.now() - since).toBeLessThan(3_500);
  expect(statuses.sort()).toEqual([
    ["pair", "available"],
    ["solo", "failed"],
  ]);
  const end = await operate(provider, snapshotOf(solo, "of-a-frozen-one"));
  expect(end).toMatchObject({
    failure: { code: "InvalidDBInstanceState", message: expect.stringMatching(/does not answer.*A reboot/) },
  });
  process.kill(pid, "SIGCONT");
  await eventually(async () => (await status(solo)) === "available");
});

test("a dead instance has failed, and a reboot or a repair brings it back", async () => {
  for (const bringBack of [() => operate(provider, rebootOf(solo)), () => provider.repair()]) {
    process.kill(await postmasterOf(solo, "a"), "SIGKILL");
    await eventually(async () => (await status(solo)) === "failed");
    await bringBack();
    expect(await status(solo)).toBe("available");
  }
});

test("a description that cannot be read hides no other instance", async () => {
  const file = folderOf(solo, "instance.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.slice(0, 100));
  onTestFinished(() => writeFile(file, text));
  const seen = (await listAll(provider)).map((instance) => [instance.identifier, instance.status]);
  expect(seen.sort()).toEqual([
    ["pair", "available"],
    ["solo", "failed"],
  ]);
});

test("a new backup window waits for the maintenance window, and is not missed when nobody looked", async () => {
  const day = 24 * 3_600_000;
  const modify = (backupWindow: string) =>
    operate(provider, { providerId: solo, type: "MODIFY_BACKUP_WINDOW", backupWindow, applyImmediately: false });
  const look = async () => {
    const { backupWindow, pendingBackupWindow } = (await provider.describe(solo))!;
    return [backupWindow, pendingBackupWindow];
  };
  const deeds: Deed[] = [];
  provider.reportTo(async (deed) => void deeds.push(deed));
  // A Wednesday; the maintenance window is sun:05:00-sun:06:00.
  clock.offsetMs = Date.UTC(2027, 0, 6, 12) - Date.now();
  onTestFinished(() => {
    clock.offsetMs = 0;
  });
  expect(await modify("11:00-11:30")).toMatchObject({
    result: { backupWindow: "02:00-02:30", pendingBackupWindow: "11:00-11:30" },
  });
  clock.offsetMs += 3 * day;
  expect(await look(), "Saturday").toEqual(["02:00-02:30", "11:00-11:30"]);
  await provider.applyPending(new Date(Date.UTC(2027, 0, 10, 5, 30)));
  expect(await look(), "Sunday, in the window").toEqual(["11:00-11:30", null]);

  expect(await modify("12:00-12:30")).toMatchObject({ result: { pendingBackupWindow: "12:00-12:30" } });
  clock.offsetMs += 2 * day;
  expect(await Promise.all([look(), look()]), "Monday after").toEqual(Array(2).fill(["12:00-12:30", null]));
  const applied = { providerId: solo, by: "maintenance", action: "instance.applyBackupWindow", success: true };
  expect(deeds).toMatchObject([
    { ...applied, result: { from: "02:00-02:30", backupWindow: "11:00-11:30" } },
    { ...applied, result: { from: "11:00-11:30", backupWindow: "12:00-12:30" } },
  ]);
  const journal = await readdir(folderOf(solo, "journal"));
  clock.offsetMs += 7 * day;
  await modify("12:00-12:30");
  expect(await readdir(folderOf(solo, "journal")), "what ended a week ago is forgotten").toHaveLength(1);
  expect(journal.length).toBeGreaterThan(1);
});

test("what is stopped stays stopped, and port and rows outlast a restart of everything", async () => {
  const { endpoint } = (await provider.describe(solo))!;
  expect(await operate(provider, stopOf(solo))).toMatchObject({ state: "succeeded" });
  expect(await status(solo)).toBe("stopped");
  expect(await operate(provider, snapshotOf(solo, "of-nothing"))).toMatchObject({
    failure: { code: "InvalidDBInstanceState" },
  });
  await provider.stopAll();
  await expect(provider.start({ ...rebootOf(pair), operationId: "late" } as OperationRequest, INTENT)).rejects.toThrow(
    "not answer",
  );
  provider = await ground.open({ limits: { manualSnapshots: 4, minFreeBytes: 0 } });
  expect(await status(pair)).toBe("starting");
  await provider.startAll();
  expect([await status(solo), await status(pair)]).toEqual(["stopped", "available"]);
  expect(await findPostmaster(folderOf(solo, "members/a/data"))).toBeUndefined();
  expect(await operate(provider, startOf(solo))).toMatchObject({ state: "succeeded" });
  expect(await provider.describe(solo)).toMatchObject({ status: "available", endpoint });
  const count = await query(provider, "solo", (sql) => sql`select count(*)::int from notes`);
  expect(count).toEqual([{ count: 500 }]);
  await untilStreaming(provider, "pair");
});

test("manual snapshots have a limit, automated ones do not count", async () => {
  const manual = await readdir(join(ground.path, "fleet/snapshots"));
  expect(manual).toEqual(["one-at-a-time", "under-load"]);
  expect(await operate(provider, snapshotOf(solo, "auto-1", true))).toMatchObject({ state: "succeeded" });
  const [third, fourth, fifth] = [
    await operate(provider, snapshotOf(solo, "m3")),
    await operate(provider, snapshotOf(solo, "m4")),
    await operate(provider, snapshotOf(solo, "m5")),
  ];
  expect([third?.state, fourth?.state]).toEqual(["succeeded", "succeeded"]);
  expect(fifth).toMatchObject({
    failure: {
      code: "SnapshotQuotaExceeded",
      message: "There are 4 manual snapshots, and 4 are allowed. Delete some that are not needed any more.",
    },
  });
  expect(await operate(provider, snapshotOf(solo, "auto-2", true))).toMatchObject({ state: "succeeded" });
  for (const { identifier } of (await provider.listSnapshots(solo))!)
    await provider.deleteSnapshot(solo, { snapshotId: identifier });
  expect(await readdir(join(ground.path, "fleet/snapshots"))).toEqual([]);
});

test("a snapshot never fills the disk", async () => {
  await provider.stopAll();
  provider = await ground.open({ limits: { minFreeBytes: Number.MAX_SAFE_INTEGER } });
  await provider.startAll();
  const end = await operate(provider, snapshotOf(solo, "too-large"));
  expect(end).toMatchObject({
    failure: { code: "StorageFull", message: expect.stringMatching(/^\d+ MiB of free disk space are needed.*Delete/) },
  });
  expect(await readdir(join(ground.path, "fleet/snapshots"))).toEqual([]);
  await provider.stopAll();
  provider = await ground.open({ limits: { minFreeBytes: 0 } });
  await provider.startAll();
});

test.runIf(isRoot)("a disk that is full before the copy ends fails it, and nothing is left", async (context) => {
  const folder = join(ground.path, "fleet/snapshots");
  const data = execFileSync("du", ["-sb", "--exclude=pg_wal", folderOf(solo, "members/a/data")], { encoding: "utf8" });
  // Room for the data, not for the WAL that follows.
  const size = Number.parseInt(data, 10) + 12 * 1024 * 1024;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return context.skip("mounting is not allowed here");
  }
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  const end = await operate(provider, snapshotOf(solo, "cut-short"));
  expect(end).toMatchObject({ failure: { code: "StorageFull", message: expect.stringMatching(/^The disk is full/) } });
  expect(await readdir(folder)).toEqual([]);
});

test("an instance with tablespaces elsewhere is not copied, because two servers would share them", async () => {
  const { path } = await chooseFolder(ground.path, "elsewhere", await databaseUser());
  await query(provider, "solo", (sql) => sql.unsafe(`create tablespace elsewhere location '${path}'`));
  const end = await operate(provider, snapshotOf(solo, "half"));
  expect(end).toMatchObject({ failure: { code: "NotSupported", message: expect.stringMatching(/tablespaces/) } });
  await query(provider, "solo", (sql) => sql`drop tablespace elsewhere`);
});

test("an identifier is taken once, in whatever case, and a failed creation leaves nothing", async () => {
  await expect(provider.create({ ...NEW, identifier: "SOLO" })).rejects.toMatchObject({ code: "CONFLICT" });
  await expect(provider.create({ ...NEW, identifier: "odd name" })).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
  const fill = () => Promise.reject(new Error("cannot fill"));
  await expect(provider.create({ ...NEW, identifier: "unborn", fill })).rejects.toThrow("cannot fill");
  expect(await readdir(join(ground.path, "fleet/instances"))).toEqual([pair, solo].sort());
});

test("no password is ever logged, told or shown among the processes", async () => {
  const { password } = await provider.connectionOf("pair");
  const file = await readFile(folderOf(pair, "members/a/data/replication.pgpass"), "utf8");
  const secrets = [password, file.trim().split(":").at(-1)!];
  const journals = await Promise.all(
    (await readdir(folderOf(pair, "journal"))).map((name) => readFile(folderOf(pair, "journal", name), "utf8")),
  );
  const commandLines = await Promise.all(
    (await processesIn(ground.path)).map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  const logs = await Promise.all(
    ["a", "b"].map((name) => readFile(folderOf(pair, "members", name, "postgres.log"), "utf8")),
  );
  const all = [...ground.lines, ...journals, ...commandLines, ...logs].join("\n");
  expect(all).toContain("primary_conninfo");
  for (const secret of secrets) expect(all).not.toContain(secret);
});
