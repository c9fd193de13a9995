/** Checks, before a reboot touches anything, whatever could make it fail, and refuses it with a remedy. */
import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Sql } from "postgres";
import { hasTablespaces } from "../../postgres/base-backup.js";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { parsePosition } from "../../postgres/control-file.js";
import { HandOverGapError, listHandOver } from "../../postgres/hand-over.js";
import { PreviewError } from "../../postgres/preview.js";
import { listSlots } from "../../postgres/replication-slots.js";
import { OperationFailureError } from "../errors.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import { clusterOf, memberName, memberProcessName, memberSlot } from "./members.js";
import { isObservedTakingWrites, isObservedUp, type Observation, observe } from "./observe.js";
import { observeReplay } from "./replay.js";
import { observeReplication } from "./replication.js";
import { isSplitBrainMember } from "./split-brain.js";

const MIB = 1024 * 1024;
/** A standby that is further behind would keep clients out too long. */
const MAX_LAG_BYTES = 16 * MIB;
const POLL_MS = 50;

/** @param before the observed state of the primary @throws OperationFailureError where a restart would not bring the primary back */
export async function preflightRestart(host: Host, instance: LocalInstance, before: Observation): Promise<void> {
  const member = primaryOf(instance);
  const cluster = clusterOf(host, instance, member);
  if (before.is === "lost") {
    const remedy =
      instance.members.length > 1 ? "Reboot with forceFailover: its standby takes over." : "Restore a snapshot.";
    throw new OperationFailureError(
      "StartFailed",
      `${memberName(instance, member)} cannot be started. ${before.reason} ${remedy}`,
    );
  }
  await requireSettings(host, cluster, memberName(instance, member), before);
  if (before.is !== "answering") return;
  for (const folder of [cluster.dataDir, join(cluster.dataDir, "pg_wal")]) {
    const free = await freeBytes(folder);
    if (free >= host.limits.restartFreeBytes) continue;
    throw storageFull(
      `The disk that holds ${folder} has ${mib(free)} MiB left, with which PostgreSQL may not come back.`,
    );
  }
}

/** @param before the observed state of the primary @throws OperationFailureError where `to` cannot take over without harm */
export async function preflightTakeOver(
  host: Host,
  instance: LocalInstance,
  before: Observation,
  to: LocalMember,
): Promise<void> {
  const name = memberName(instance, to);
  const [primary, standby] = [clusterOf(host, instance, primaryOf(instance)), clusterOf(host, instance, to)];
  await requireNoTablespaces(instance, [primary, standby]);
  if (to.stale) throw preflightUnfit(`The standby ${name} is being rebuilt. Wait until it is done.`);
  const observed = await observe(standby, host.limits.answerTimeoutMs);
  if (await isSplitBrainMember(host, instance, to)) {
    if (isObservedTakingWrites(before)) throw preflightUnfit(`The standby ${name} does not follow its primary.`);
    return requireSettings(host, standby, name, observed);
  }
  if (!isObservedUp(observed))
    throw preflightUnfit(
      `The standby ${name} cannot take over. ${observed.reason} A reboot without failover starts it again.`,
    );
  // Only a login tells how far the standby has replayed. After a failure of the primary, the control files tell it.
  if (before.is === "answering" && observed.is === "refusing")
    throw preflightUnfit(`Whether the standby ${name} can take over is not known. ${observed.reason}`);
  if (!observed.inRecovery) throw preflightUnfit(`The standby ${name} does not follow its primary.`);
  await requireSettings(host, standby, name, observed);
  if (before.is === "answering") {
    await preflightRestart(host, instance, before);
    await requireRoomForRebuild(host, primary);
    await preflightReplay(host, instance, to);
    return;
  }
  await preflightWal(host, instance, to);
}

/** @returns whether a primary that does not answer still has all WAL that its standby lacks; false where some cannot be read @throws OperationFailureError */
export async function preflightWal(host: Host, instance: LocalInstance, to: LocalMember): Promise<boolean> {
  const [from, standby] = [primaryOf(instance), to].map((member) => clusterOf(host, instance, member).dataDir);
  const { isComplete } = await listHandOver(from!, standby!).catch((error) => {
    if (!(error instanceof HandOverGapError)) throw error;
    throw preflightUnfit(
      `The primary is down, and the standby ${memberName(instance, to)} misses much of what it had. Reboot without failover; ` +
        "where the primary never starts again, move its data folder away and ask again.",
    );
  });
  return isComplete;
}

/** @returns the standby @throws OperationFailureError where the instance has none */
export function preflightStandby(instance: LocalInstance): LocalMember {
  const [to] = standbysOf(instance);
  if (to) return to;
  throw preflightUnfit("The instance has no standby. Reboot it without failover.");
}

/** @returns the slots that a failover will lose @throws OperationFailureError where there are some and their loss is not `accepted` */
export async function preflightSlotLoss(host: Host, instance: LocalInstance, accepted: boolean): Promise<string[]> {
  const own = instance.members.map(memberSlot);
  const slots = (await listSlots(clusterOf(host, instance, primaryOf(instance)).dataDir)).filter(
    ({ name }) => !own.includes(name),
  );
  if (slots.length > 0 && !accepted) {
    const names = slots.map(({ name, isLogical }) => `${name} (${isLogical ? "logical" : "physical"})`).join(", ");
    throw new OperationFailureError(
      "ReplicationSlotLoss",
      `A failover loses replication slots, which the standby does not have: ${names}. Ask for it with acceptSlotLoss: true.`,
    );
  }
  return slots.map(({ name }) => name);
}

async function requireNoTablespaces(instance: LocalInstance, clusters: readonly Cluster[]): Promise<void> {
  if (!(await Promise.all(clusters.map(hasTablespaces))).some(Boolean)) return;
  throw new OperationFailureError(
    "NotSupported",
    `${instance.identifier} has a tablespace outside its data folder, and on this one machine both of its servers write ` +
      "there: neither may take over from the other. Move what is in it to pg_default, and drop the tablespace.",
  );
}

async function requireSettings(host: Host, cluster: Cluster, name: string, seen: Observation): Promise<void> {
  const timeoutMs = host.limits.answerTimeoutMs;
  const wrong = (what: string) =>
    new OperationFailureError("InvalidConfiguration", `${name} would not start again: ${what} Nothing was touched.`);
  const next = (parameter: string) =>
    cluster.preview(parameter).catch((error) => {
      throw error instanceof PreviewError ? wrong(error.message) : error;
    });
  if ((await next("wal_level")) === "minimal")
    throw wrong("the setting wal_level is to become minimal, with which no standby and no copy is possible.");
  const missing = await missingLibraries(host, await next("shared_preload_libraries"));
  if (missing.length > 0) throw wrong(`shared_preload_libraries names what is not installed: ${missing.join(", ")}.`);
  if (seen.is !== "answering") return;

  const prepared = Number(await next("max_prepared_transactions"));
  const [row] = await connectAsSuperuser(
    cluster,
    (sql) => sql`
      select (select count(*)::int from pg_prepared_xacts) as prepared,
             (select 'line ' || line_number || ' of pg_hba.conf: ' || error
                from pg_hba_file_rules where error is not null order by line_number limit 1) as hba`,
    { timeoutMs },
  );
  if (row?.hba) throw wrong(`${row.hba}.`);
  if (row?.prepared > prepared)
    throw wrong(
      `${row?.prepared} prepared transactions are open, and max_prepared_transactions is to become ${prepared}. ` +
        "Commit them or roll them back, or raise the setting.",
    );
}

/** @returns the libraries that PostgreSQL would not find; those with a path of their own are not checked */
async function missingLibraries({ bin }: Host, list: string): Promise<string[]> {
  const names = list.split(",").map((name) => name.trim().replaceAll('"', "").replace("$libdir/", ""));
  const missing = await Promise.all(
    names.map(async (name) => {
      if (!/^[\w.-]+$/.test(name)) return [];
      const places = ["../lib/postgresql", "../lib"].map((place) => join(bin, place, name.replace(/(\.so)?$/, ".so")));
      const files = await Promise.all(places.map((place) => stat(place).catch(() => undefined)));
      return files.some((file) => file !== undefined) ? [] : [name];
    }),
  );
  return missing.flat();
}

/** Checks the room for the rebuild: the old primary is cloned anew beside its old data, and without room there would be no standby. */
async function requireRoomForRebuild(host: Host, primary: Cluster): Promise<void> {
  const [row] = await connectAsSuperuser(
    primary,
    (sql: Sql) => sql`select sum(pg_database_size(oid))::float8 as bytes from pg_database`,
    { timeoutMs: host.limits.catchUpTimeoutMs },
  );
  const [needed, free] = [row?.bytes + host.limits.minFreeBytes, await freeBytes(primary.dataDir)];
  if (free >= needed) return;
  throw storageFull(
    `After a failover the old primary is rebuilt, for which ${mib(needed)} MiB of free disk space are needed, and ${mib(free)} MiB are left.`,
  );
}

/** Waits until the standby has replayed what the primary has now, and is not far behind what follows. @throws OperationFailureError */
export async function preflightReplay(host: Host, instance: LocalInstance, to: LocalMember): Promise<void> {
  const { answerTimeoutMs, catchUpTimeoutMs } = host.limits;
  const name = memberName(instance, to);
  const [primary, standby] = [clusterOf(host, instance, primaryOf(instance)), clusterOf(host, instance, to)];
  const [row] = await connectAsSuperuser(primary, (sql) => sql`select pg_current_wal_flush_lsn()::text as position`, {
    timeoutMs: answerTimeoutMs,
  });
  const wanted = parsePosition(row?.position);
  const deadline = Date.now() + catchUpTimeoutMs;
  for (;;) {
    const replay = await observeReplay(standby, answerTimeoutMs);
    if (replay.isPaused)
      throw preflightUnfit(`Replay is paused on ${name}. Connect to it and run: select pg_wal_replay_resume()`);
    const seen = await observeReplication(primary, memberProcessName(instance.providerId, to.name), answerTimeoutMs);
    if (seen.isStreaming && replay.position >= wanted && seen.lagBytes <= MAX_LAG_BYTES) return;
    if (Date.now() < deadline) {
      await delay(POLL_MS);
      continue;
    }
    // This is checked only at the end, because after a restart of the primary its standby takes a moment to reconnect.
    if (!seen.isStreaming)
      throw preflightUnfit(`The standby ${name} does not stream from its primary. See the log of its server.`);
    const behind = `The standby ${name} is ${seen.lagBytes} bytes and ${replay.lagSeconds} s behind`;
    throw preflightUnfit(`${behind}${replay.hindrance === null ? "" : `: ${replay.hindrance}`}. Wait for it.`);
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

const mib = (bytes: number) => Math.ceil(bytes / MIB);

const storageFull = (message: string) =>
  new OperationFailureError("StorageFull", `${message} Give the disk more room.`);

export const preflightUnfit = (message: string) => new OperationFailureError("StandbyUnavailable", message);
