/** Clones standbys from their primary, and rebuilds them when their data can never follow it again. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Sql } from "postgres";
import { syncFileSystem, syncFolder } from "../../durability.js";
import { baseBackup, baseBackupOfTablespaces, hasTablespaces } from "../../postgres/base-backup.js";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { writeOwned } from "../../postgres/owned-file.js";
import { type Host, hostCopyOptions, hostFaultText } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import { keepDataAside } from "./kept-data.js";
import { clusterOf, fenceMember, makeMember, memberName, memberProcessName, memberSlot } from "./members.js";
import { readReplayPosition } from "./replay.js";
import { observeReplication } from "./replication.js";
import { createReplicationRole, replicationPassword } from "./replication-role.js";

/** How long the first start of a copy may take: a copy of a busy or large cluster replays much before it accepts connections. */
export const STANDBY_START_MS = 3_600_000;
const UNFINISHED = "clone-";
const STREAMING_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const RETRY_MS = 1_000;
const ATTEMPTS = 5;
const NEXT_ROUND_MS = 300_000;

/**
 * Replaces a member's data by a copy of the primary's and starts it as a standby. Resolves when it streams.
 * It may be killed at any point: the member stays stale until the end, and the next clone removes an unfinished one.
 */
export async function cloneStandby(
  host: Host,
  instance: LocalInstance,
  member: LocalMember,
  signal: AbortSignal,
): Promise<void> {
  const primary = clusterOf(host, instance, primaryOf(instance));
  if (await hasTablespaces(primary)) throw baseBackupOfTablespaces();
  if ((await replicationPassword(primary)) === null) await createReplicationRole(host, primary, signal);
  const standby = await makeMember(host, instance, member);
  const folder = host.instances.memberFolder(instance.providerId, member.name);
  for (const name of await readdir(folder)) {
    if (name.startsWith(UNFINISHED)) await rm(join(folder, name), { recursive: true, force: true });
  }
  await fenceMember(host, instance.providerId, member.name);
  if (member.keep !== null) await keepDataAside(host, instance.providerId, member.name, member.keep);
  await connectAsSuperuser(primary, (sql) => makeSlot(sql, memberSlot(member)), { signal });

  const options = hostCopyOptions(host, signal);
  const unfinished = join(folder, `${UNFINISHED}${randomBytes(6).toString("hex")}`);
  await mkdir(unfinished, { mode: 0o700 });
  try {
    await baseBackup(primary, join(unfinished, "data"), options);
    await writeOwned(join(unfinished, "data/standby.signal"), "", host.user);
    if (host.isSynced) await syncFileSystem(unfinished);
    // The member is fenced again because somebody may have started it by hand during the copy.
    await fenceMember(host, instance.providerId, member.name, "none");
    await rm(standby.dataDir, { recursive: true, force: true });
    await rename(join(unfinished, "data"), standby.dataDir);
    await syncFolder(folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  await standby.start(signal, STANDBY_START_MS);
  let deadline = Date.now() + STREAMING_TIMEOUT_MS;
  let lastPosition = 0n;
  while (
    !(await observeReplication(primary, memberProcessName(instance.providerId, member.name), STREAMING_TIMEOUT_MS))
      .isStreaming
  ) {
    // Before the standby streams it replays the copied WAL, which may be much.
    const position = await readReplayPosition(standby, host.limits.answerTimeoutMs).catch(() => lastPosition);
    if (position > lastPosition) [lastPosition, deadline] = [position, Date.now() + STREAMING_TIMEOUT_MS];
    if (Date.now() > deadline) throw new Error(`The standby ${memberName(instance, member)} does not stream.`);
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Makes the slot that keeps WAL for a standby. An old slot may have lost WAL already, so it is replaced. */
async function makeSlot(sql: Sql, name: string): Promise<void> {
  await sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${name} and not active`;
  await sql`
    select pg_create_physical_replication_slot(${name}, true)
     where not exists (select from pg_replication_slots where slot_name = ${name})`;
}

/** Rebuilds stale standbys in the background, one at a time for each instance. */
export function createStandbys(host: Host) {
  let isStopped = false;
  /** When the last attempt for an instance failed, in milliseconds. */
  const failedAtMs = new Map<string, number>();
  const rebuilding = new Map<string, { readonly stopping: AbortController; readonly done: Promise<void> }>();

  async function rebuild(providerId: string, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt++) {
      const instance = await host.instances.find(providerId);
      const stale = instance && standbysOf(instance).find((member) => member.stale);
      if (!stale || instance.wanted === "stopped") return;
      const name = memberName(instance, stale);
      const key = memberProcessName(providerId, stale.name);
      const report = (result: Record<string, unknown>, success: boolean) =>
        host.report({ providerId, by: "repair", action: "instance.rebuildStandby", result, success });
      try {
        await cloneStandby(host, instance, stale, signal);
        await host.instances.update(providerId, (now) => ({
          ...now,
          members: now.members.map((member) =>
            member.name === stale.name ? { ...member, stale: false, keep: null } : member,
          ),
        }));
        host.log.info({ instance: instance.identifier }, `The standby ${name} was built and streams`);
        await report({ member: name, attempts: attempt }, true);
        host.faults.delete(key);
        failedAtMs.delete(providerId);
        return;
      } catch (error) {
        if (signal.aborted) return;
        host.log.error({ err: error, instance: instance.identifier }, `Could not build the standby ${name}`);
        // A failure is reported once until an attempt succeeds.
        if (!host.faults.has(key)) await report({ member: name, reason: hostFaultText(error) }, false);
        host.faults.set(key, hostFaultText(error));
        failedAtMs.set(providerId, host.clock.now().getTime());
        await delay(RETRY_MS * attempt, undefined, { signal }).catch(() => {});
      }
    }
  }

  async function giveUp(providerId: string): Promise<void> {
    rebuilding.get(providerId)?.stopping.abort();
    await rebuilding.get(providerId)?.done;
  }

  return {
    /** Starts to rebuild a stale standby, unless that is under way, and returns at once. */
    rebuild(providerId: string): void {
      if (isStopped || rebuilding.has(providerId)) return;
      // A copy is expensive, and the cause of a failure seldom goes away within a minute.
      if (host.clock.now().getTime() - (failedAtMs.get(providerId) ?? 0) < NEXT_ROUND_MS) return;
      const stopping = new AbortController();
      const done = rebuild(providerId, stopping.signal)
        .catch((error) => host.log.error({ err: error }, "Could not rebuild a standby"))
        .finally(() => rebuilding.delete(providerId));
      rebuilding.set(providerId, { stopping, done });
    },

    /** Ends the rebuild of an instance; the next rebuild() starts again. */
    giveUp,

    /** Ends all rebuilds, and starts none afterwards. */
    async stop(): Promise<void> {
      isStopped = true;
      await Promise.all([...rebuilding.keys()].map(giveUp));
    },
  };
}

/** Whether the primary has removed WAL that this standby needs, so that it can never catch up again. */
export async function isStandbyBeyondRepair(
  primary: Cluster,
  member: LocalMember,
  timeoutMs: number,
): Promise<boolean> {
  const look = (sql: Sql) => sql`select wal_status from pg_replication_slots where slot_name = ${memberSlot(member)}`;
  const [slot] = await connectAsSuperuser(primary, look, { timeoutMs });
  return !slot || slot.wal_status === "lost";
}
