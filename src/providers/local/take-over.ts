/** Fails over from a primary that does not answer: it fences it, hands the rest of its WAL over, and promotes its standby.
 *
 * For example, a is the primary and its server is frozen; b is its standby:
 *   fence       a is killed, and b is shut down
 *   hand over   the WAL that b lacks is copied from a's pg_wal to b's, and b is started: it replays it
 *   decide      instance.json says that b is the primary, and a is stale; a kill before this goes back to a, one after it on to b
 *   promote     b takes writes on a new timeline
 *   loss        b left a's timeline after a's last checkpoint and got all WAL: nothing is lost. Otherwise a's data is put aside
 *               as kept-failover-<time>, and the result says from which position writes are lost
 */

import { access } from "node:fs/promises";
import { readControlFile } from "../../postgres/control-file.js";
import { endOfLastTimeline, handOver, listHandOver } from "../../postgres/hand-over.js";
import { StillStartingError } from "../../postgres/last-words.js";
import { promote } from "../../postgres/promote.js";
import { OperationFailureError } from "../errors.js";
import { bringUp } from "./bring-up.js";
import { CAUSE_STILL_RECOVERS } from "./causes.js";
import { type Host, hostCopyOptions } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import { keepDataAsideNow, keptName, keptPath } from "./kept-data.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { isObservedFailed, type Observation } from "./observe.js";
import { startWithGroup } from "./proven-group.js";
import { type LocalTask, type TaskRequestOf, taskSecondsSince } from "./task.js";

/**
 * Takes over after the preflight. Until instance.json names the standby the primary, the old one can come back; from then on
 * only the standby can.
 * @param isAdopted whether somebody promoted `to` by hand already: it goes on serving, and WAL can no longer be handed over
 */
export async function takeOver(
  task: LocalTask<TaskRequestOf<"REBOOT_INSTANCE">>,
  to: LocalMember,
  before: Observation,
  isAdopted: boolean,
): Promise<EntryOutcome> {
  const { host, instance } = task;
  const from = primaryOf(instance);
  const [oldPrimary, standby] = [clusterOf(host, instance, from), clusterOf(host, instance, to)];
  const [oldName, newName] = [memberName(instance, from), memberName(instance, to)];
  const awaySince = host.clock.now().toISOString();
  const keep = keptName("failover", host.clock.now());
  await task.record({ message: `Shutting ${oldName} down.`, awaySince, failoverTo: to.name });
  let isHanded = false;
  let putBack: Awaited<ReturnType<typeof startWithGroup>>["putBack"] = null;
  try {
    await fenceMember(host, instance.providerId, from.name, isObservedFailed(before) ? "little" : "normal");
    if (!isAdopted) {
      await fenceMember(host, instance.providerId, to.name);
      await task.record({ message: `Handing to ${newName} what ${oldName} had written.` });
      isHanded = await handOverAll(host, oldPrimary.dataDir, standby.dataDir);
    }
    // The standby may not come up, so it is started while the old primary can still come back.
    ({ putBack } = await startWithGroup(host, instance, to));
    await task.record({ message: `Promoting ${newName}.`, isHanded });
    await decideTakeOver(host, instance, to, keep);
    host.log.info({ instance: instance.identifier, primary: newName }, "The failover is decided");
    await promote(standby, host.user);
  } catch (error) {
    await bringUp(host, instance.providerId).catch((cause) =>
      Promise.reject(takeOverStartFailed(instance.identifier, cause)),
    );
    // bringUp goes back to the old primary, or on to the new one, as instance.json says.
    if ((await host.instances.find(instance.providerId))?.primary !== to.name) throw error;
  }
  const loss = await determineTakeOverLoss(host, instance, { from, to, isHanded, keep });
  const awaySeconds = taskSecondsSince(awaySince, host.clock.now());
  const reason = before.is === "answering" ? "It took no writes." : before.reason;
  host.log.info({ instance: instance.identifier, primary: newName }, "The failover is done");
  return {
    message:
      `${newName} is the primary; the instance was away for ${awaySeconds} s. ${oldName} is being rebuilt. ${reason} ${loss.message} ${putBack?.reason ?? ""}`.trimEnd(),
    result: { awaySeconds, failedOver: true, primary: newName, ...loss.result },
  };
}

/** Hands all readable WAL over. @returns false where some of the primary's WAL cannot be read any more */
async function handOverAll(host: Host, from: string, to: string): Promise<boolean> {
  const { names, isComplete } = await listHandOver(from, to);
  // WAL that is not copied now is lost for ever, so the copy may use the reserve of the disk.
  const options = { ...hostCopyOptions(host, new AbortController().signal), minFreeBytes: 0 };
  return handOver(from, to, names, options).then(
    () => isComplete,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EIO") throw error;
      host.log.error({ err: error }, "The WAL of a primary that is down cannot be read");
      return false;
    },
  );
}

/** Decides the failover: once instance.json names the new primary, every start promotes it. */
export const decideTakeOver = (
  host: Host,
  { providerId, primary }: LocalInstance,
  to: LocalMember,
  keep: string | null,
) =>
  host.instances.update(providerId, (now) => ({
    ...now,
    primary: to.name,
    members: now.members.map((member) => (member.name === primary ? { ...member, stale: true, keep } : member)),
  }));

/**
 * Finds out what the new primary lacks, from where it left the timeline of the old one. Without loss, no data is kept.
 * @param isHanded whether all WAL was handed over @param keep the name under which the old data is kept
 */
export async function determineTakeOverLoss(
  host: Host,
  instance: LocalInstance,
  { from, to, isHanded, keep }: { from: LocalMember; to: LocalMember; isHanded: boolean; keep: string },
) {
  const [{ dataDir: oldDataDir }, { dataDir: newDataDir }] = [
    clusterOf(host, instance, from),
    clusterOf(host, instance, to),
  ];
  const end = await endOfLastTimeline(newDataDir);
  const control = await readControlFile(oldDataDir).catch(() => null);
  if (isHanded && control && end.position > control.checkpoint) {
    await host.instances.update(instance.providerId, (current) => ({
      ...current,
      members: current.members.map((member) => (member.keep === keep ? { ...member, keep: null } : member)),
    }));
    return { message: "Nothing is lost.", result: { missingFrom: null, keptAt: null } };
  }
  const hasOldData = await access(oldDataDir).then(
    () => true,
    () => false,
  );
  const keptAt = hasOldData ? keptPath(host, instance.providerId, from.name, keep) : null;
  if (keptAt) await keepDataAsideNow(host, instance.providerId, from.name, keep);
  const whereKept = keptAt ? `What is left of the old data is kept in ${keptAt}.` : "The old data are gone.";
  const message = `What the old primary had written from ${end.text} on is lost. ${whereKept}`;
  return { message, result: { missingFrom: end.text, keptAt } };
}

/** @returns the failure of an operation whose instance does not come up again */
export function takeOverStartFailed(identifier: string, cause: unknown): OperationFailureError {
  const why = cause instanceof StillStartingError ? CAUSE_STILL_RECOVERS : "The log of its server says why.";
  return new OperationFailureError("StartFailed", `${identifier} does not come up again. ${why}`, cause);
}
