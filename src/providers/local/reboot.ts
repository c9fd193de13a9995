/** Performs REBOOT_INSTANCE: it restarts the primary, or fails over to the standby. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { readControlFile } from "../../postgres/control-file.js";
import { promote } from "../../postgres/promote.js";
import { OperationFailureError } from "../errors.js";
import { bringUp } from "./bring-up.js";
import { carryEqualSettings } from "./equal-settings.js";
import { primaryOf } from "./instance-file.js";
import type { EntryOutcome, JournalEntry } from "./journal-entry.js";
import { carryConfiguration } from "./kept-configuration.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { isObservedFailed, isObservedUp, observe } from "./observe.js";
import { groupMissingIn, restartForParameterGroup } from "./parameter-group.js";
import {
  preflightReplay,
  preflightRestart,
  preflightSlotLoss,
  preflightStandby,
  preflightTakeOver,
  preflightUnfit,
} from "./preflight.js";
import { readReplayPosition } from "./replay.js";
import { endSplitBrainForPrimary, isSplitBrainMember } from "./split-brain.js";
import { decideTakeOver, takeOver, takeOverStartFailed } from "./take-over.js";
import { type LocalTask, type TaskRequestOf, taskSecondsSince } from "./task.js";

type Reboot = LocalTask<TaskRequestOf<"REBOOT_INSTANCE">>;

const REPLAY_TIMEOUT_MS = 10_000;
const CHECKPOINT_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

/** Restarts the primary, also one that is down or frozen. */
export async function rebootInPlace(task: Reboot): Promise<EntryOutcome> {
  const { host, instance } = task;
  const member = primaryOf(instance);
  const cluster = clusterOf(host, instance, member);
  const before = await observe(cluster, host.limits.answerTimeoutMs);
  await preflightRestart(host, instance, before);
  await endSplitBrainForPrimary(host, instance, before);
  if (before.is === "answering") {
    await carryEqualSettings(host, instance).catch((error) =>
      host.log.warn({ err: error, instance: instance.identifier }, "The settings of a standby are left for its repair"),
    );
    await checkpointBeforeReboot(cluster);
  }

  const awaySince = host.clock.now().toISOString();
  const rebootOf = isObservedUp(before) ? before.run : null;
  await task.record({ message: `Restarting ${memberName(instance, member)}.`, awaySince, rebootOf });
  await fenceMember(host, instance.providerId, member.name, isObservedFailed(before) ? "little" : "normal");
  let putBackBecause: string | null;
  try {
    putBackBecause = await bringUp(host, instance.providerId);
  } catch (error) {
    throw takeOverStartFailed(instance.identifier, error);
  }
  if (putBackBecause !== null) throw new OperationFailureError("StartFailed", putBackBecause);
  const awaySeconds = taskSecondsSince(awaySince, host.clock.now());
  await restartForParameterGroup(host, instance).catch((error) =>
    host.log.warn({ err: error, instance: instance.identifier }, "Settings of a standby still wait for a restart"),
  );
  return {
    message: `The instance was restarted; it was away for ${awaySeconds} s.${before.is === "answering" ? "" : ` ${before.reason}`}`,
    result: { awaySeconds, failedOver: false, primary: memberName(instance, member) },
  };
}

/**
 * Fails over to the standby. Until instance.json names it the primary, the old one can come back; from then on only the
 * standby can. The old primary is down before that, and its data is never started again: it is cloned anew.
 *
 * For example, a is the primary and answers, and b is its standby:
 *   preflight   nothing has changed yet; whatever could fail refuses the operation
 *   journal     awaySince is set, failoverTo is "b"; instance.json says a
 *   shut down   a ends once b has received all its WAL; b has replayed a's last record, the shutdown checkpoint
 *   decide      instance.json says b, and that a is stale     <- a kill before this line goes back to a, one after it on to b
 *   promote     b takes writes; a is cloned anew from b in the background
 */
export async function rebootWithFailover(task: Reboot): Promise<EntryOutcome> {
  const { host, instance } = task;
  const [from, to] = [primaryOf(instance), preflightStandby(instance)];
  const [oldPrimary, standby] = [clusterOf(host, instance, from), clusterOf(host, instance, to)];
  const before = await observe(oldPrimary, host.limits.answerTimeoutMs);
  await preflightTakeOver(host, instance, before, to);
  // An automatic failover has nobody to accept the loss; its result names the slots.
  const { acceptSlotLoss = false, automatic = false } = task.request;
  const lostSlots = await preflightSlotLoss(host, instance, acceptSlotLoss || automatic);
  const isAdopted = await isSplitBrainMember(host, instance, to);
  // The configuration is carried over while clients are still in, because the standby may have to restart. A promoted one keeps its own.
  const { isRestarted, notCarried } = isAdopted
    ? { isRestarted: false, notCarried: [] }
    : await carryConfiguration(host, instance, to);
  const isRestartedLater = before.is !== "answering" && !isAdopted;
  const waiting = isRestartedLater ? [] : await groupMissingIn(host, instance, to);
  const left = { lostSlots, notCarried: [...notCarried, ...waiting] };
  // This is recorded before the primary is down and cannot be asked any more.
  await task.record({ message: `Handing over to ${memberName(instance, to)}.`, left });
  if (isAdopted || before.is !== "answering") {
    const { message, result } = await takeOver(task, to, before, isAdopted);
    return { message: `${message}${leftBehindByReboot(left)}`, result: { ...result, ...left } };
  }
  if (isRestarted) await preflightReplay(host, instance, to);
  await checkpointBeforeReboot(oldPrimary);

  const awaySince = host.clock.now().toISOString();
  const [oldName, newName] = [memberName(instance, from), memberName(instance, to)];
  await task.record({ message: `Shutting ${oldName} down.`, awaySince, failoverTo: to.name });
  try {
    // A fast shutdown ends only when the standby has received all WAL.
    await fenceMember(host, instance.providerId, from.name);
    await waitUntilReplayed(oldPrimary, standby, newName);
    await task.record({ message: `Promoting ${newName}.` });
    await decideTakeOver(host, instance, to, null);
    host.log.info({ instance: instance.identifier, primary: newName }, "The failover is decided");
    await promote(standby, host.user);
  } catch (error) {
    await bringUp(host, instance.providerId).catch((cause) =>
      Promise.reject(takeOverStartFailed(instance.identifier, cause)),
    );
    // bringUp goes back to the old primary, or on to the new one, as instance.json says.
    if ((await host.instances.find(instance.providerId))?.primary !== to.name) throw error;
  }
  const awaySeconds = taskSecondsSince(awaySince, host.clock.now());
  host.log.info({ instance: instance.identifier, primary: newName }, "The failover is done");
  return {
    message: `${newName} is the primary; the instance was away for ${awaySeconds} s. ${oldName} is being rebuilt.${leftBehindByReboot(left)}`,
    result: { awaySeconds, failedOver: true, primary: newName, ...left },
  };
}

/** Waits until the standby has replayed all WAL of a primary that shut down cleanly. @throws OperationFailureError */
async function waitUntilReplayed(oldPrimary: Cluster, standby: Cluster, name: string): Promise<void> {
  const { isShutDown, checkpoint } = await readControlFile(oldPrimary.dataDir);
  if (!isShutDown)
    throw preflightUnfit(
      `The primary did not shut down in order, so ${name} may miss what it had; it was started again.`,
    );
  const deadline = Date.now() + REPLAY_TIMEOUT_MS;
  while ((await readReplayPosition(standby, REPLAY_TIMEOUT_MS)) <= checkpoint) {
    if (Date.now() > deadline)
      throw preflightUnfit(`The standby ${name} did not receive everything; the primary was started again.`);
    await delay(POLL_MS);
  }
}

/** Writes a checkpoint while clients are still in, so that the shutdown has little left to write. */
export const checkpointBeforeReboot = (cluster: Cluster) =>
  connectAsSuperuser(cluster, (sql) => sql`checkpoint`, { timeoutMs: CHECKPOINT_TIMEOUT_MS });

/** @returns what a failover leaves behind, as sentences to append to a message; empty where there is nothing */
export function leftBehindByReboot({ lostSlots, notCarried }: NonNullable<JournalEntry["left"]>): string {
  const slots = lostSlots.length > 0 ? ` Replication slots were lost: ${lostSlots.join(", ")}.` : "";
  return notCarried.length > 0 ? `${slots} It does not have: ${notCarried.join("; ")}.` : slots;
}
