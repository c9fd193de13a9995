/** A failover from a primary that does not answer: it is fenced, what its WAL still holds is handed over, its standby is promoted. */

import { access } from "node:fs/promises";
import { readControlFile } from "../../postgres/control-file.js";
import { endOfLastTimeline, handOver, listHandOver } from "../../postgres/hand-over.js";
import { StillStartingError } from "../../postgres/last-words.js";
import { promote } from "../../postgres/promote.js";
import { OperationFailure } from "../errors.js";
import { bringUp } from "./bring-up.js";
import { STILL_RECOVERS } from "./causes.js";
import { clusterOf, copyOptions, fenceMember, type Host, memberName } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf } from "./instances.js";
import type { TaskOutcome } from "./journal-entry.js";
import { keptName, keptPath, putAsideNow } from "./kept.js";
import { hasFailed, type Observation } from "./observe.js";
import { type LocalTask, type RequestOf, secondsSince } from "./task.js";

/**
 * The standby is fit, as the preflight saw. Until instance.json names the standby the primary, the old one can come back; from then on only the standby can. The old primary is
 * down before, and is never started again: its data are cloned anew, and kept aside where something is missing.
 * @param isAdopted whether people promoted `to` already: it serves on meanwhile, and can be handed nothing any more
 */
export async function takeOver(
  task: LocalTask<RequestOf<"REBOOT_INSTANCE">>,
  to: LocalMember,
  before: Observation,
  isAdopted: boolean,
): Promise<TaskOutcome> {
  const { host, instance } = task;
  const from = primaryOf(instance);
  const [old, standby] = [clusterOf(host, instance, from), clusterOf(host, instance, to)];
  const [oldName, newName] = [memberName(instance, from), memberName(instance, to)];
  const awaySince = host.clock.now().toISOString();
  const keep = keptName("failover", host.clock.now());
  await task.record({ message: `Shutting ${oldName} down.`, awaySince, failoverTo: to.name });
  let isHanded = false;
  try {
    await fenceMember(host, instance.providerId, from.name, hasFailed(before) ? "little" : "normal");
    if (!isAdopted) {
      await fenceMember(host, instance.providerId, to.name);
      await task.record({ message: `Handing to ${newName} what ${oldName} had written.` });
      isHanded = await handAll(host, old.dataDir, standby.dataDir);
    }
    // While the old primary could still come back: whether the standby comes up is not certain.
    await standby.start();
    await task.record({ message: `Promoting ${newName}.`, isHanded });
    await decide(host, instance, to, keep);
    host.log.info({ instance: instance.identifier, primary: newName }, "The failover is decided");
    await promote(standby, host.user);
  } catch (error) {
    await bringUp(host, instance.providerId).catch((cause) => Promise.reject(startFailed(instance.identifier, cause)));
    // Back to the old primary, or on to the new one: as decided.
    if ((await host.instances.find(instance.providerId))?.primary !== to.name) throw error;
  }
  const loss = await settleLoss(host, instance, { from, to, isHanded, keep });
  const awaySeconds = secondsSince(awaySince, host.clock.now());
  const reason = before.is === "answering" ? "It took no writes." : before.reason;
  host.log.info({ instance: instance.identifier, primary: newName }, "The failover is done");
  return {
    message: `${newName} is the primary; the instance was away for ${awaySeconds} s. ${oldName} is being rebuilt. ${reason} ${loss.message}`,
    result: { awaySeconds, failedOver: true, primary: newName, ...loss.result },
  };
}

/** @returns whether the standby has all that there was; false where some of the old WAL cannot be read any more */
async function handAll(host: Host, from: string, to: string): Promise<boolean> {
  const { names, isComplete } = await listHandOver(from, to);
  // What is missing here is lost for ever: the reserve of the disk may be used.
  const options = { ...copyOptions(host, new AbortController().signal), minFreeBytes: 0 };
  return handOver(from, to, names, options).then(
    () => isComplete,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EIO") throw error;
      host.log.error({ err: error }, "The WAL of a primary that is down cannot be read");
      return false;
    },
  );
}

/** The decision, and the only one: whoever finds this line promotes the standby. */
export const decide = (host: Host, { providerId, primary }: LocalInstance, to: LocalMember, keep: string | null) =>
  host.instances.update(providerId, (now) => ({
    ...now,
    primary: to.name,
    members: now.members.map((member) => (member.name === primary ? { ...member, stale: true, keep } : member)),
  }));

/**
 * Says what the new primary lacks, by where it left the timeline of the old one. Without loss, nothing is kept aside.
 * @param isHanded whether it was given all WAL that there was @param keep as what the old data are kept
 */
export async function settleLoss(
  host: Host,
  instance: LocalInstance,
  { from, to, isHanded, keep }: { from: LocalMember; to: LocalMember; isHanded: boolean; keep: string },
) {
  const [old, now] = [from, to].map((member) => clusterOf(host, instance, member).dataDir) as [string, string];
  const end = await endOfLastTimeline(now);
  const control = await readControlFile(old).catch(() => null);
  if (isHanded && control && end.position > control.checkpoint) {
    await host.instances.update(instance.providerId, (current) => ({
      ...current,
      members: current.members.map((member) => (member.keep === keep ? { ...member, keep: null } : member)),
    }));
    return { message: "Nothing is lost.", result: { missingFrom: null, keptAt: null } };
  }
  const isThere = await access(old).then(
    () => true,
    () => false,
  );
  const keptAt = isThere ? keptPath(host, instance.providerId, from.name, keep) : null;
  if (keptAt) await putAsideNow(host, instance.providerId, from.name, keep);
  const where = keptAt ? `What is left of the old data is kept in ${keptAt}.` : "The old data are gone.";
  const message = `What the old primary had written from ${end.text} on is lost. ${where}`;
  return { message, result: { missingFrom: end.text, keptAt } };
}

export function startFailed(identifier: string, cause: unknown): OperationFailure {
  const why = cause instanceof StillStartingError ? STILL_RECOVERS : "The log of its server says why.";
  return new OperationFailure("StartFailed", `${identifier} does not come up again. ${why}`, cause);
}
