/** Pairs that are watched: two members that both take writes, and primaries that have failed for too long. */
import { appendFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import type { Sql } from "postgres";
import { afterEach, expect, onTestFinished, test } from "vitest";
import type { Deed } from "../../src/providers/deed.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import { clock, INTENT, newOperationId, query, untilEnded, untilStreaming } from "../support/ground.js";
import { eventually } from "../support/sandbox.js";
import { usePair } from "./pair.js";

const pair = usePair({ autoFailover: { afterSeconds: 30, maxLagBytes: 16_777_216 } });
const { memberFolder, postmasterOf, roles, insert, holdBack, holdCheckpoints, hangDuringSnapshot, expectWhole } = pair;
afterEach(() => {
  clock.offsetMs = 0;
});

/** Looks again some seconds later. */
async function lookAfter(seconds: number) {
  clock.offsetMs += seconds * 1000;
  return pair.provider.watch();
}

/** What the provider tells that it did by itself. */
function deeds(): Deed[] {
  const told: Deed[] = [];
  pair.provider.reportTo(async (deed) => {
    // What is fenced is cloned anew, which is told too.
    if (deed.action !== "instance.rebuildStandby") told.push(deed);
  });
  return told;
}

/** As a worker asks for it. */
async function failOver() {
  const request: OperationRequest = {
    operationId: newOperationId(),
    providerId: pair.id,
    type: "REBOOT_INSTANCE",
    forceFailover: true,
    automatic: true,
  };
  await pair.provider.start(request, INTENT);
  return untilEnded(pair.provider, request);
}

/** What is told of a kind. */
const findingsOf = async (wanted: string) =>
  (await pair.describe()).findings.flatMap(({ kind, detail }) => (kind === wanted ? [detail] : []));

const kept = async (member: string, why: string) =>
  (await readdir(memberFolder(member))).filter((name) => name.startsWith(`kept-${why}-`));

async function promoteByHand(member: string): Promise<void> {
  const { port } = await postmasterOf(member);
  await query(pair.provider, "pair", (sql) => sql`select pg_promote()`, { port });
  await query(pair.provider, "pair", (sql) => sql`insert into notes values (-1)`, { port });
}

test("a standby that somebody promoted is fenced at the next look, its data kept aside, and told", async () => {
  await insert(10);
  await untilStreaming(pair.provider, "pair");
  const told = deeds();
  expect(await pair.provider.watch()).toEqual([]);
  expect(told).toEqual([]);
  const { pid } = await postmasterOf("a");
  await promoteByHand("b");
  expect(await pair.provider.watch()).toEqual([]);
  await expectWhole("a");
  expect((await postmasterOf("a")).pid, "the primary was left alone").toBe(pid);
  const [name] = await kept("b", "split-brain");
  expect(await findingsOf("split_brain")).toEqual([expect.stringContaining(memberFolder("b", name!))]);
  expect(told).toEqual([
    {
      providerId: pair.id,
      by: "failover",
      action: "instance.fenceMember",
      result: { member: "pair-b", keptAt: memberFolder("b", name!) },
      success: true,
      event: { eventType: "instance_split_brain", eventStatus: "FAILURE" },
    },
  ]);
});

test("so is one that was promoted while Postern was away", async () => {
  await promoteByHand("b");
  pair.provider = await pair.open();
  const told = deeds();
  await pair.provider.startAll();
  await expectWhole("a");
  expect(told).toMatchObject([{ event: { eventType: "instance_split_brain" }, result: { member: "pair-b" } }]);
  expect(await kept("b", "split-brain"), "the newest only").toHaveLength(1);
});

test("a failover is due when the primary has failed for so long as is configured, and not before", async () => {
  const { pid } = await postmasterOf("a");
  process.kill(pid, "SIGSTOP");
  // Of what passes between two looks, ten seconds count at most.
  for (const seconds of [0, 10, 10]) expect(await lookAfter(seconds)).toEqual([]);
  process.kill(pid, "SIGCONT");
  expect(await lookAfter(5), "it came back").toEqual([]);
  process.kill(pid, "SIGSTOP");
  expect(await lookAfter(5)).toEqual([]);
  const since = clock.now().getTime();
  expect(await lookAfter(600), "while nobody looked, nothing was seen").toEqual([]);
  expect(await lookAfter(10)).toEqual([]);
  const [due, ...others] = await lookAfter(10);
  expect(others).toEqual([]);
  expect(due).toMatchObject({ providerId: pair.id, cause: "Its server runs but does not answer." });
  expect(since - Date.parse(due!.since)).toBeLessThan(3_000);
  process.kill(pid, "SIGCONT");
  await eventually(async () => (await pair.status()) === "available");
});

test("a primary that turns Postern away is never due", async () => {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const hold = async (sql: Sql) => {
    await sql`select`;
    await over;
  };
  const begin = () => query(pair.provider, "pair", hold).catch(() => {});
  const held = Array.from({ length: 30 }, begin);
  const isTurnedAway = () =>
    query(pair.provider, "pair", (sql) => sql`select`).then(
      () => {
        // Some of them were turned away where others had connections for a moment.
        held.push(begin());
        return false;
      },
      ({ code }) => code === "53300",
    );
  onTestFinished(() => end());
  await eventually(isTurnedAway);
  for (const seconds of [0, 10, 10, 10, 10]) expect(await lookAfter(seconds)).toEqual([]);
  expect([await isTurnedAway(), await pair.status()]).toEqual([true, "available"]);
  end();
  await Promise.all(held);
});

test("a failover that nobody asked for gives up what runs, and loses nothing", async () => {
  await expectWhole("a");
  await holdBack();
  await insert(20_000);
  await holdCheckpoints();
  const snapshot = await hangDuringSnapshot();
  expect(await pair.status()).toBe("failed");
  const end = await failOver();
  expect(await untilEnded(pair.provider, snapshot)).toMatchObject({
    state: "failed",
    failure: { code: "PrimaryLost" },
  });
  expect(end).toMatchObject({ state: "succeeded", result: { failedOver: true, primary: "pair-b", missingFrom: null } });
  await expectWhole("b");
});

test("where what the primary wrote cannot be read, a standby too far behind takes over only when people ask", async () => {
  const [primary, standby] = await roles();
  await untilStreaming(pair.provider, "pair");
  expect(await lookAfter(0)).toEqual([]);
  await holdBack();
  const rows = pair.rows;
  // More than 16 MiB of WAL.
  await insert(400_000);
  expect(await lookAfter(5)).toEqual([]);
  process.kill((await postmasterOf(primary)).pid, "SIGKILL");
  await rename(memberFolder(primary, "data/pg_wal"), memberFolder(primary, "wal"));
  for (const seconds of [0, 10, 10, 10, 10]) expect(await lookAfter(seconds)).toEqual([]);
  expect(await findingsOf("failover_hindered")).toEqual([
    expect.stringMatching(/cannot be read, and pair-\w was \d+ bytes behind; 16777216 are allowed/),
  ]);
  const end = await failOver();
  expect(end).toMatchObject({
    state: "succeeded",
    result: { primary: `pair-${standby}`, missingFrom: expect.any(String) },
  });
  pair.rows = rows;
  await expectWhole(standby);
  const [name] = await kept(primary, "failover");
  expect(await findingsOf("failover_with_loss")).toEqual([expect.stringContaining(memberFolder(primary, name!))]);
  await rm(memberFolder(primary, name!), { recursive: true });
  expect(await findingsOf("failover_with_loss")).toEqual([]);
});

test("a piece of its WAL that cannot be read bars no failover: how far the standby was behind decides, and the loss is told", async () => {
  await untilStreaming(pair.provider, "pair");
  const [primary, standby] = await roles();
  await insert(10);
  const segmentOf = (sql: Sql) => sql`
    select pg_walfile_name(pg_current_wal_lsn() - 1) as name
      from pg_stat_replication where replay_lsn = pg_current_wal_lsn()`;
  const row = await eventually(async () => (await query(pair.provider, "pair", segmentOf))[0]);
  expect(await lookAfter(0)).toEqual([]);
  process.kill((await postmasterOf(primary)).pid, "SIGKILL");
  const segment = memberFolder(primary, "data/pg_wal", row!.name);
  await rm(segment);
  await mkdir(segment);
  for (const seconds of [0, 10, 10]) expect(await lookAfter(seconds)).toEqual([]);
  expect(await lookAfter(10)).toMatchObject([{ providerId: pair.id }]);
  const end = await failOver();
  expect(end).toMatchObject({
    state: "succeeded",
    result: { primary: `pair-${standby}`, missingFrom: expect.any(String) },
  });
  await expectWhole(standby);
});

test("a failover is due too where somebody promoted the standby because the primary had failed, and adopts it", async () => {
  const [primary, standby] = await roles();
  await expectWhole(primary);
  expect(await lookAfter(0)).toEqual([]);
  process.kill((await postmasterOf(primary)).pid, "SIGKILL");
  await eventually(async () => (await postmasterOf(primary)) === undefined);
  await promoteByHand(standby);
  pair.rows += 1;
  const { pid } = await postmasterOf(standby);
  for (const seconds of [0, 10, 10]) expect(await lookAfter(seconds)).toEqual([]);
  expect(await lookAfter(10)).toMatchObject([{ providerId: pair.id }]);
  expect(await failOver()).toMatchObject({ state: "succeeded", result: { primary: `pair-${standby}` } });
  expect((await postmasterOf(standby)).pid, "it served on meanwhile").toBe(pid);
  await expectWhole(standby);
});

test("while Postern itself tries to start a primary, the time since it failed goes on", async () => {
  const [primary] = await roles();
  await expectWhole(primary);
  expect(await lookAfter(0)).toEqual([]);
  process.kill((await postmasterOf(primary)).pid, "SIGKILL");
  await eventually(async () => (await postmasterOf(primary)) === undefined);
  for (const seconds of [0, 10]) expect(await lookAfter(seconds)).toEqual([]);
  // Its start takes as long as this.
  await appendFile(memberFolder(primary, "data/postgresql.auto.conf"), "restore_command = 'sleep 20'\n");
  await writeFile(memberFolder(primary, "data/recovery.signal"), "");
  const repaired = pair.provider.repair();
  const starting = await eventually(() => postmasterOf(primary));
  expect(await pair.status()).toBe("starting");
  for (const seconds of [10, 10]) expect(await lookAfter(seconds), "who starts it sees to it").toEqual([]);
  process.kill(starting.pid, "SIGKILL");
  await repaired;
  expect(await lookAfter(1)).toMatchObject([{ providerId: pair.id, cause: "Its server is not running." }]);
});
