/** Brings an instance up as instance.json describes it, after any crash or kill, and with one primary at most. */

import { hasTablespaces } from "../../postgres/base-backup.js";
import { isStandbyData } from "../../postgres/control-file.js";
import { promote } from "../../postgres/promote.js";
import { type Host, hostFaultText } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import { clusterOf, fenceMember, memberName, memberProcessName, setLocalMembersStale } from "./members.js";
import { observe } from "./observe.js";
import { startPrimary } from "./proven-group.js";
import { endSplitBrain, findUndecidedSplitBrain, splitBrainMessage } from "./split-brain.js";

/**
 * Starts or adopts every member that may run. Resolves when the primary takes writes; standbys may still be catching up.
 * @returns why its parameter group was put back, as a sentence; null where it was not
 * @throws Error when the primary does not start, or when people must decide which member is the primary
 */
export async function bringUp(host: Host, providerId: string, signal?: AbortSignal): Promise<string | null> {
  const stored = await host.instances.find(providerId);
  if (!stored) return null;
  const promoted = await findUndecidedSplitBrain(host, stored);
  if (promoted) {
    await startStandby(host, stored, promoted, signal);
    throw new Error(splitBrainMessage(stored, promoted));
  }
  const instance = await stopStandbysWithTablespaces(host, await endSplitBrain(host, stored));
  const standbys = standbysOf(instance);
  // An old primary must be down before the new one takes writes. Once it is cloned anew it is a standby and cannot write.
  for (const member of standbys) {
    if (!(await isStandbyData(clusterOf(host, instance, member)))) await fenceMember(host, providerId, member.name);
  }

  const standbyStarts = standbys
    .filter((member) => !member.stale)
    .map((member) => startStandby(host, instance, member, signal));
  try {
    const putBackBecause = await startPrimary(host, instance, signal);
    await promote(clusterOf(host, instance, primaryOf(instance)), host.user);
    return putBackBecause;
  } finally {
    await Promise.all(standbyStarts);
  }
}

/** Whether a member has died or must stop. A frozen server is left to people. */
export async function needsBringUp(host: Host, instance: LocalInstance): Promise<boolean> {
  const primary = clusterOf(host, instance, primaryOf(instance));
  if (standbysOf(instance).some(({ stale }) => !stale) && (await hasTablespaces(primary))) return true;
  const seen = await observe(primary, host.limits.answerTimeoutMs);
  if (seen.is !== "answering") return seen.is === "down";
  if (seen.inRecovery) return true;
  for (const member of standbysOf(instance).filter(({ stale }) => !stale)) {
    const standby = await observe(clusterOf(host, instance, member), host.limits.answerTimeoutMs);
    if (standby.is === "down" || standby.is === "lost") return true;
  }
  return false;
}

async function startStandby(
  host: Host,
  instance: LocalInstance,
  member: LocalMember,
  signal?: AbortSignal,
): Promise<void> {
  const key = memberProcessName(instance.providerId, member.name);
  try {
    await clusterOf(host, instance, member).start(signal);
    host.faults.delete(key);
  } catch (error) {
    if (signal?.aborted) return;
    host.faults.set(key, hostFaultText(error));
    const name = memberName(instance, member);
    host.log.error({ err: error, instance: instance.identifier }, `The standby ${name} does not start`);
  }
}

/** Stops the standbys of an instance with tablespaces, because they would write the same files as the primary. */
async function stopStandbysWithTablespaces(host: Host, instance: LocalInstance): Promise<LocalInstance> {
  const names = standbysOf(instance).flatMap(({ name, stale }) => (stale ? [] : [name]));
  if (names.length === 0 || !(await hasTablespaces(clusterOf(host, instance, primaryOf(instance))))) return instance;
  const after = await setLocalMembersStale(host, instance.providerId, names);
  for (const name of names) await fenceMember(host, instance.providerId, name);
  const result = { reason: "The instance has a tablespace, whose files both servers would write." };
  await host.report({
    providerId: instance.providerId,
    by: "repair",
    action: "instance.stopStandby",
    result,
    success: true,
  });
  return after ?? instance;
}
