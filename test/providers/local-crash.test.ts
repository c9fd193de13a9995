/** Postern is killed in the midst of an operation: its successor tells the truth, and leaves nothing half done. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Deed } from "../../src/providers/deed.js";
import type { LocalProvider } from "../../src/providers/local.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import { some } from "../support/deep.js";
import {
  deletionOf,
  type Ended,
  INTENT,
  idOf,
  listAll,
  NEW,
  newOperationId,
  operate,
  query,
  rebootOf,
  restoreOf,
  runProgram,
  snapshotOf,
  startOf,
  stopOf,
  tagsOf,
  untilEnded,
  untilStreaming,
  useGround,
  type Wanted,
  writablePorts,
} from "../support/ground.js";
import { processesIn } from "../support/sandbox.js";

const ground = useGround();
let provider: LocalProvider;
let pair: string;
let rows = 0;
const folder = () => join(ground.path, "fleet");

beforeAll(async () => {
  provider = await ground.open();
  await provider.create({ ...NEW, identifier: "pair", standby: true });
  pair = await idOf(provider, "pair");
  await query(provider, "pair", (sql) => sql`create table notes (n int)`);
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

/** Lets another process take the operation up to the point where it is killed, then settles it. What ran, runs on. */
async function settle(
  wanted: Wanted,
  killAt: string,
  cancelAt: readonly string[] = [],
): Promise<{ request: OperationRequest; end: Ended }> {
  const request = { ...wanted, operationId: newOperationId() } as OperationRequest;
  expect(
    await runProgram(new URL("drive.ts", import.meta.url), [folder(), killAt, JSON.stringify(request), ...cancelAt]),
  ).toBe("SIGKILL");
  expect((await writablePorts(provider, "pair")).length, "primaries before recovery").toBeLessThanOrEqual(1);
  provider = await ground.open();
  expect((await provider.poll(request, INTENT)).state, "not forgotten").not.toBe("unknown");
  await provider.startAll();
  return { request, end: await untilEnded(provider, request) };
}

/** As `settle`, on an instance that is available before and afterwards. */
async function interrupt(wanted: Wanted, killAt: string): Promise<{ request: OperationRequest; end: Ended }> {
  rows += 10;
  await query(provider, "pair", (sql) => sql`insert into notes select generate_series(1, 10)`);
  const { request, end } = await settle(wanted, killAt);
  await untilStreaming(provider, "pair");
  expect(await provider.describe(pair)).toMatchObject({ status: "available" });
  expect(await writablePorts(provider, "pair")).toEqual([(await provider.describe(pair))!.endpoint!.port]);
  expect(await query(provider, "pair", (sql) => sql`select count(*)::int from notes`)).toEqual([{ count: rows }]);
  return { request, end };
}

test.each(
  some<[string, boolean | null]>(
    [
      ["Promoting pair", false],
      ["Giving pair", false],
      ["Shutting pair", false],
      // How far 40 ms take it depends on the machine: what holds is that what it says is what is.
      ["Shutting pair+40", null],
      ["The failover is decided", true],
      ["Giving pair+60", null],
      ["The failover is decided+40", true],
      ["The failover is done", true],
      ["is being rebuilt+150", true],
    ],
    4,
  ),
)("a failover that is killed at %s: done is %s, with exactly one primary", async (killAt, expected) => {
  // Which the standby is given on the way.
  await query(provider, "pair", (sql) => sql.unsafe(`alter system set work_mem = '${64 + rows}kB'`));
  // Which it has not.
  await query(provider, "pair", async (sql) => {
    const slots = await sql`select from pg_replication_slots where slot_name = 'reports'`;
    if (slots.length === 0) await sql`select pg_create_physical_replication_slot('reports')`;
  });
  const { members } = (await provider.describe(pair))!;
  const nameOf = (role: string) => members.find((member) => member.role === role)!.name;
  const [primary, standby] = [nameOf("PRIMARY"), nameOf("STANDBY")];
  const { end } = await interrupt(rebootOf(pair, true, true), killAt);
  const now = (await provider.describe(pair))!.members.find(({ role }) => role === "PRIMARY")!.name;
  const done = expected ?? now === standby;
  expect(now).toBe(done ? standby : primary);
  if (done) {
    expect(end).toMatchObject({
      state: "succeeded",
      message: expect.stringContaining("Replication slots were lost: reports."),
      result: { failedOver: true, primary: standby, lostSlots: ["reports"], notCarried: [] },
    });
  } else {
    const message = expect.stringMatching(`rolled back: ${primary} is still the primary|was not rebooted`);
    expect(end).toMatchObject({
      state: "failed",
      resourceStatus: "available",
      failure: { code: "Interrupted", message },
    });
  }
});

test("a kill between the fencing of a member that was promoted by hand and its record: it is on record after the next start", async () => {
  const { members } = (await provider.describe(pair))!;
  const standby = members.find(({ role }) => role === "STANDBY")!;
  await query(provider, "pair", (sql) => sql`select pg_promote()`, { port: standby.endpoint!.port });
  expect(await runProgram(new URL("drive.ts", import.meta.url), [folder(), "A standby took writes", "{}"])).toBe(
    "SIGKILL",
  );
  provider = await ground.open();
  const deeds: Deed[] = [];
  provider.reportTo(async (deed) => void deeds.push(deed));
  await provider.startAll();
  await untilStreaming(provider, "pair");
  const told = deeds.filter(({ action }) => action === "instance.fenceMember");
  expect(told).toMatchObject([
    {
      by: "failover",
      result: { member: standby.name, keptAt: expect.stringContaining("kept-split-brain") },
      event: { eventType: "instance_split_brain" },
    },
  ]);
  await provider.watch();
  expect(
    deeds.filter(({ action }) => action === "instance.fenceMember"),
    "once",
  ).toHaveLength(1);
});

// After failovers, so that what is restored is of a later timeline.
const snapshotFolders = () => readdir(join(folder(), "snapshots"));

test.each(some(["Copying the data", "%50"], 2))(
  "a snapshot that is killed at %s leaves nothing, and can be taken again",
  async (killAt) => {
    const { request, end } = await interrupt(snapshotOf(pair, "killed"), killAt);
    expect(end).toMatchObject({
      state: "failed",
      resourceStatus: "failed",
      failure: { code: "Interrupted", message: expect.stringMatching(/No part of the snapshot is left. Ask again/) },
    });
    expect(await snapshotFolders()).toEqual([]);
    const left = await query(
      provider,
      "pair",
      (sql) => sql`select slot_name from pg_replication_slots where slot_name like 'postern_backup%'`,
    );
    expect(left).toEqual([]);
    await provider.start(request, INTENT);
    expect(await provider.poll(request, INTENT), "started once more").toEqual(end);
    expect(await operate(provider, snapshotOf(pair, "killed"))).toMatchObject({ state: "succeeded" });
    await provider.deleteSnapshot(pair, { snapshotId: "killed" });
  },
);

test("a snapshot that was complete when Postern was killed has succeeded, and can be restored", async () => {
  const { end } = await interrupt(snapshotOf(pair, "complete"), "Took a snapshot");
  expect(end).toMatchObject({ state: "succeeded", snapshot: { identifier: "complete" } });
  expect(await provider.listSnapshots(pair)).toEqual([end.state === "succeeded" && end.snapshot]);
  expect(await operate(provider, restoreOf(pair, "complete", "restored"))).toMatchObject({ state: "succeeded" });
  const count = await query(provider, "restored", (sql) => sql`select count(*)::int from notes`);
  expect(count).toEqual([{ count: rows }]);
  await provider.destroy("restored");
});

test.each(
  some<[string, boolean | null]>(
    [
      ["Restoring the snapshot", false],
      ["%50", false],
      // How far these take it depends on the machine: what holds is that what it says is what is.
      ["Restoring the snapshot+150", null],
      ["Restoring the snapshot+400", null],
      ["is restored as", true],
    ],
    2,
  ),
)("a restore that is killed at %s: done is %s, with the whole instance or nothing of it", async (killAt, expected) => {
  if ((await provider.listSnapshots(pair))!.length === 0) await operate(provider, snapshotOf(pair, "kept"));
  const [snapshot] = (await provider.listSnapshots(pair))!;
  const [known] = await query(provider, "pair", (sql) => sql`select count(*)::int from notes`);
  const { request, end } = await interrupt(restoreOf(pair, snapshot!.identifier, "copy"), killAt);
  const done = expected ?? (await listAll(provider)).length > 1;
  if (done) {
    expect(end).toMatchObject({ state: "succeeded", result: { identifier: "copy" } });
    const [copied] = await query(provider, "copy", (sql) => sql`select count(*)::int from notes`);
    expect(copied?.count).toBeLessThanOrEqual(known?.count);
    await provider.destroy("copy");
    await provider.start(request, INTENT);
    expect(await provider.poll(request, INTENT), "started once more").toEqual(end);
  } else {
    expect(end).toMatchObject({ state: "failed", failure: { code: "Interrupted" } });
  }
  expect(await readdir(join(folder(), "instances"))).toEqual([pair]);
  expect(await provider.listSnapshots(pair)).toEqual([snapshot]);
});

test.each(
  some<[string, (id: string) => Wanted, string]>(
    [
      ["Copying the data", (id) => snapshotOf(id, "cut"), "Copying the data+5"],
      ["Restoring the snapshot", (id) => restoreOf(id, "kept", "cut"), "Restoring the snapshot+60"],
      ["Copying the data", (id) => snapshotOf(id, "cut"), "An operation failed"],
      ["Restoring the snapshot", (id) => restoreOf(id, "kept", "cut"), "An operation failed"],
    ],
    2,
  ),
)(
  "cancelled at %s, and killed while that is undone: nothing is left, and it never begins again",
  async (at, wanted, killAt) => {
    if ((await provider.listSnapshots(pair))!.length === 0) await operate(provider, snapshotOf(pair, "kept"));
    const before = [await provider.listSnapshots(pair), await readdir(join(folder(), "instances"))];
    const { request, end } = await settle(wanted(pair), killAt, [at]);
    expect(end).toMatchObject({
      state: "failed",
      failure: { code: expect.stringMatching(/^(Interrupted|CancelRequested)$/) },
    });
    expect([await provider.listSnapshots(pair), await readdir(join(folder(), "instances"))]).toEqual(before);
    expect((await snapshotFolders()).filter((name) => name.startsWith("."))).toEqual([]);
    await provider.cancel(request);
    await provider.start(request, INTENT);
    expect(await provider.poll(request, INTENT)).toEqual(end);
  },
);

test.each(some(["Deleting the snapshot", "is deleted"], 2))(
  "a deletion that is killed at %s is done",
  async (killAt) => {
    await operate(provider, snapshotOf(pair, "doomed"));
    const { end } = await interrupt(deletionOf(pair, "doomed"), killAt);
    expect(end).toMatchObject({ state: "succeeded", resourceStatus: "deleted", result: { snapshotId: "doomed" } });
    expect(await snapshotFolders()).not.toContain("doomed");
    expect((await snapshotFolders()).filter((name) => name.startsWith("."))).toEqual([]);
  },
);

test.each(some(["Restarting pair", "Restarting pair-a+60"], 2))(
  "a reboot that is killed at %s ends with the instance up, and says whether it was restarted",
  async (killAt) => {
    const startedAt = async () =>
      (await query(provider, "pair", (sql) => sql`select pg_postmaster_start_time()::text as at`))[0]!.at;
    const before = await startedAt();
    const { end } = await interrupt(rebootOf(pair), killAt);
    if ((await startedAt()) === before)
      expect(end).toMatchObject({ state: "failed", failure: { code: "Interrupted" } });
    else
      expect(end).toMatchObject({ state: "succeeded", result: { failedOver: false, awaySeconds: expect.any(Number) } });
  },
);

test.each(
  some<[string, boolean]>(
    [
      ["Stopping pair", false],
      ["The stop is decided", true],
      ["The stop is decided+40", true],
    ],
    2,
  ),
)("a stop that is killed at %s: done is %s, with no server left or all of them", async (killAt, done) => {
  await untilStreaming(provider, "pair");
  const { request, end } = await settle(stopOf(pair), killAt);
  const servers = () => processesIn(join(folder(), "instances", pair));
  if (!done) {
    expect(end).toMatchObject({ state: "failed", resourceStatus: "available", failure: { code: "Interrupted" } });
    expect(await writablePorts(provider, "pair")).toHaveLength(1);
    return;
  }
  expect(end).toMatchObject({ state: "succeeded", resourceStatus: "stopped", result: { startsAgainAt: null } });
  expect([await servers(), (await provider.describe(pair))!.status]).toEqual([[], "stopped"]);
  await provider.start(request, INTENT);
  expect(await provider.poll(request, INTENT), "started once more").toEqual(end);
  expect(await operate(provider, startOf(pair))).toMatchObject({ state: "succeeded" });
});

test.each(
  some<[string, boolean]>(
    [
      ["Starting pair", false],
      ["The start is decided", true],
      ["The start is decided+60", true],
    ],
    2,
  ),
)("a start that is killed at %s: done is %s, and no row is lost", async (killAt, done) => {
  await untilStreaming(provider, "pair");
  expect(await operate(provider, stopOf(pair))).toMatchObject({ state: "succeeded" });
  const { end } = await settle(startOf(pair), killAt);
  if (done) {
    expect(end).toMatchObject({ state: "succeeded", result: { startedAt: expect.any(String) } });
  } else {
    expect(end).toMatchObject({ state: "failed", resourceStatus: "stopped", failure: { code: "Interrupted" } });
    expect(await operate(provider, startOf(pair))).toMatchObject({ state: "succeeded" });
  }
  expect(await query(provider, "pair", (sql) => sql`select count(*)::int from notes`)).toEqual([{ count: rows }]);
});

test.each(some(["Setting the tags", "Setting the tags+1", "Setting the tags+3", "The tags are set"], 2))(
  "tags that are killed at %s are set, all of them",
  async (killAt) => {
    await operate(provider, tagsOf(pair, { Killed: "before", Old: "yes" }));
    const { request, end } = await interrupt(tagsOf(pair, { Killed: killAt, More: "yes" }, "Old"), killAt);
    const tags = [...NEW.tags, { key: "Killed", value: killAt }, { key: "More", value: "yes" }];
    expect(end).toMatchObject({ state: "succeeded", result: { tags } });
    expect((await provider.describe(pair))!.tags).toEqual(tags);
    await provider.start(request, INTENT);
    expect(await provider.poll(request, INTENT), "started once more").toEqual(end);
    await operate(provider, tagsOf(pair, {}, "Killed", "More"));
  },
);

test("an instance whose creation is killed was never there", async () => {
  const wanted = { ...NEW, identifier: "unborn", standby: true };
  expect(await runProgram(new URL("drive.ts", import.meta.url), [folder(), "fill", JSON.stringify(wanted)])).toBe(
    "SIGKILL",
  );
  const [id] = (await readdir(join(folder(), "instances"))).filter((name) => name !== pair);
  expect(await processesIn(join(folder(), "instances", id!))).not.toEqual([]);
  provider = await ground.open();
  expect(await processesIn(join(folder(), "instances", id!))).toEqual([]);
  expect(await readdir(join(folder(), "instances"))).toEqual([pair]);
  await provider.startAll();
  expect(await listAll(provider)).toHaveLength(1);
});
