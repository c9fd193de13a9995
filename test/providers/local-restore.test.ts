/** Copies of local instances: independent of their source, whole or not there at all, also where the source is gone. */
import { execFileSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { LocalProvider } from "../../src/providers/local.js";
import { deletionOf, idOf, listAll, NEW, operate, query, restoreOf, snapshotOf, useGround } from "../support/ground.js";
import { isRoot, processesIn, UNSYNCED } from "../support/sandbox.js";

const ground = useGround();
let provider: LocalProvider;
let source: string;
const folders = (name: string) => readdir(join(ground.path, "fleet", name));

beforeAll(async () => {
  provider = await ground.open({ settings: { ...UNSYNCED, wal_level: "logical" }, limits: { minFreeBytes: 0 } });
  await provider.create({ ...NEW, identifier: "source" });
  source = await idOf(provider, "source");
  await query(provider, "source", (sql) => sql`create table notes as select n from generate_series(1, 500) as n`);
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

test("a copy does not archive, wait or subscribe in the place of its source", async () => {
  const { port, password } = await provider.connectionOf("source");
  await query(provider, "source", async (sql) => {
    await sql`create database second`;
    await sql`create publication everything for all tables`;
    await sql`select pg_create_logical_replication_slot('feed', 'pgoutput')`;
    await sql.unsafe("alter system set archive_command = 'false'");
    await sql.unsafe("alter system set synchronous_standby_names = 'nobody'");
  });
  await query(
    provider,
    "source",
    async (sql) => {
      await sql`create table notes (n int)`;
      await sql.unsafe(
        `create subscription fed connection 'host=127.0.0.1 port=${port} user=postgres password=${password} dbname=postgres'
          publication everything with (create_slot = false, slot_name = feed)`,
      );
    },
    { database: "second" },
  );
  await operate(provider, snapshotOf(source, "subscribed"));
  expect(await operate(provider, restoreOf(source, "subscribed", "apart"))).toMatchObject({ state: "succeeded" });
  const [look] = await query(
    provider,
    "apart",
    (sql) => sql`
      select current_setting('archive_mode') as archives, current_setting('synchronous_standby_names') as waits,
        subenabled, subslotname, (select count(*)::int from pg_stat_subscription where pid is not null) as workers
      from pg_subscription`,
  );
  expect(look).toEqual({ archives: "off", waits: "", subenabled: false, subslotname: null, workers: 0 });
  await query(provider, "apart", (sql) => sql`insert into notes values (501)`);
  const drop = (sql: Parameters<Parameters<typeof query>[2]>[0]) => sql`drop subscription fed`;
  await query(provider, "apart", drop, { database: "second" });
  // What feeds the source is still there, and its own.
  const slots = await query(provider, "source", (sql) => sql`select slot_name, active from pg_replication_slots`);
  expect(slots).toEqual([{ slot_name: "feed", active: true }]);
  const login = await provider.connectionOf("apart");
  expect([login.username, login.password]).toEqual(["postgres", password]);
  await provider.destroy("apart");
  await query(provider, "source", drop, { database: "second" });
});

test("a snapshot that lost a file is not restored, and nothing is left of the attempt", async () => {
  const end = await operate(provider, snapshotOf(source, "damaged"));
  if (end.state !== "succeeded") throw new Error("no snapshot");
  await rm(join(end.snapshot!.arn, "data/base/1/1259"));
  const before = await folders("instances");
  expect(await operate(provider, restoreOf(source, "damaged", "whole"))).toMatchObject({
    state: "failed",
    failure: { code: "InvalidDBSnapshotState", message: "Parts of the snapshot damaged are missing." },
  });
  expect(await folders("instances")).toEqual(before);
});

test.runIf(isRoot)("on a disk that takes no file more a restore fails, and nothing is left of it", async (context) => {
  await operate(provider, snapshotOf(source, "too-many"));
  const folder = join(ground.path, "fleet/instances");
  try {
    // Less than the files of a cluster. The source lies below, and is not needed.
    execFileSync("mount", ["-t", "tmpfs", "-o", "nr_inodes=300,mode=755", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return context.skip("mounting is not allowed here");
  }
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  expect(await operate(provider, restoreOf(source, "too-many", "whole"))).toMatchObject({
    state: "failed",
    failure: { code: "StorageFull" },
  });
  expect(await readdir(folder)).toEqual([]);
});

test("a snapshot that is deleted while it is restored: the copy is whole or not there", async () => {
  for (let round = 0; round < 3; round++) {
    await operate(provider, snapshotOf(source, "wanted-twice"));
    const [restore, deletion] = await Promise.all([
      operate(provider, restoreOf(source, "wanted-twice", "either")),
      operate(provider, deletionOf(source, "wanted-twice")),
    ]);
    if (restore.state === "succeeded") {
      const rows = await query(provider, "either", (sql) => sql`select count(*)::int from notes`);
      expect(rows).toEqual([{ count: 500 }]);
      await provider.destroy("either");
    } else {
      expect(restore).toMatchObject({
        failure: { code: expect.stringMatching(/DBSnapshotNotFound|InvalidDBSnapshotState/) },
      });
      expect(deletion.state).toBe("succeeded");
    }
    if (deletion.state === "failed") {
      expect(deletion).toMatchObject({ resourceStatus: "available", failure: { code: "InvalidDBSnapshotState" } });
      await provider.deleteSnapshot(source, { snapshotId: "wanted-twice" });
    }
    expect((await listAll(provider)).map(({ identifier }) => identifier)).toEqual(["source"]);
  }
});

test("where the source is gone its snapshots are there: to be restored, and deleted", async () => {
  await provider.create({ ...NEW, identifier: "short-lived" });
  const gone = await idOf(provider, "short-lived");
  await query(provider, "short-lived", (sql) => sql`create table notes as select 1 as n`);
  await operate(provider, snapshotOf(gone, "last"));
  await provider.destroy("short-lived");
  expect(await provider.listSnapshots(gone)).toHaveLength(1);
  expect(await operate(provider, restoreOf(gone, "last", "short-lived"))).toMatchObject({ state: "succeeded" });
  expect(await query(provider, "short-lived", (sql) => sql`select n from notes`)).toEqual([{ n: 1 }]);
  expect(await provider.listSnapshots(gone), "still of its source").toHaveLength(1);
  expect(await operate(provider, deletionOf(gone, "last"))).toMatchObject({ state: "succeeded" });
  expect(await provider.listSnapshots(gone)).toEqual([]);
});
