/** Handles a standby that somebody promoted by hand: it fences it where the primary takes writes, and otherwise leaves it to people.
 *
 * For example, instance.json names a the primary, and somebody runs pg_promote() on b:
 *   a takes writes: b is fenced, its data is put aside as kept-split-brain-<time>, and it is cloned anew from a. A security event tells.
 *   a is down:      b may be the only one that takes writes. It is left as it is and a is not started; a finding tells people to choose:
 *                   a reboot with forceFailover makes b the primary; ending b's server and a plain reboot goes back to a.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { isStandbyData } from "../../postgres/control-file.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import { OperationFailureError } from "../errors.js";
import type { Finding } from "../provider.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf, standbysOf } from "./instance-file.js";
import { keepDataAsideNow, keptName, keptPath } from "./kept-data.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { isObservedTakingWrites, type Observation, observe } from "./observe.js";

/** Whether a member would take writes when it runs, although instance.json does not name it the primary. */
export async function isSplitBrainMember(host: Host, instance: LocalInstance, member: LocalMember): Promise<boolean> {
  if (member.stale || member.name === instance.primary) return false;
  const cluster = clusterOf(host, instance, member);
  return (await hasData(cluster.dataDir)) && !(await isStandbyData(cluster));
}

/** @returns the member that was promoted by hand, null where there is none */
export async function findPromotedByHand(host: Host, instance: LocalInstance): Promise<LocalMember | null> {
  for (const member of standbysOf(instance)) if (await isSplitBrainMember(host, instance, member)) return member;
  return null;
}

/** @returns a promoted member that may be the only one that takes writes; it is left as it is, and nothing is started beside it */
export async function findUndecidedSplitBrain(host: Host, instance: LocalInstance): Promise<LocalMember | null> {
  const promoted = await findPromotedByHand(host, instance);
  const primary = clusterOf(host, instance, primaryOf(instance));
  return promoted && !isObservedTakingWrites(await observe(primary, host.limits.answerTimeoutMs)) ? promoted : null;
}

/** Ends a split brain before a restart of the primary. @throws OperationFailureError where the promoted member may be the only one that takes writes */
export async function endSplitBrainForPrimary(host: Host, instance: LocalInstance, before: Observation): Promise<void> {
  const promoted = await findPromotedByHand(host, instance);
  if (!promoted) return;
  if (!isObservedTakingWrites(before) && (await findPostmaster(clusterOf(host, instance, promoted).dataDir))) {
    throw new OperationFailureError("InvalidDBInstanceState", splitBrainMessage(instance, promoted));
  }
  await endSplitBrain(host, instance);
}

/** @returns the finding about a promoted member, where the primary takes no writes */
export async function splitBrainFindings(host: Host, instance: LocalInstance): Promise<Finding[]> {
  const promoted = await findPromotedByHand(host, instance);
  if (!promoted) return [];
  const detail = splitBrainMessage(instance, promoted);
  return [{ kind: "standby_promoted", severity: "CRITICAL", subject: memberName(instance, promoted), detail }];
}

/** @returns what people must decide when a member was promoted by hand and the primary takes no writes */
export function splitBrainMessage(instance: LocalInstance, promoted: LocalMember): string {
  const [from, to] = [memberName(instance, primaryOf(instance)), memberName(instance, promoted)];
  return (
    `${to} was promoted by hand, and the primary ${from} takes no writes: ${to} is left as it is, and ${from} is not started beside it. ` +
    `A reboot with forceFailover makes ${to} the primary. To go back to ${from}, end the server of ${to}, and reboot without failover: ` +
    `what ${to} has written is then kept aside.`
  );
}

/**
 * Fences every member that would take writes although instance.json does not name it the primary. Call it only where the primary
 * takes writes, or people want it to. A standby whose data is gone becomes stale too. After a kill, it goes on where it stopped.
 * @returns the changed instance
 */
export async function endSplitBrain(host: Host, instance: LocalInstance): Promise<LocalInstance> {
  let current = instance;
  for (const member of standbysOf(instance)) {
    const cluster = clusterOf(host, instance, member);
    if (member.stale ? !member.isUntold : await isStandbyData(cluster)) continue;
    const newName = (await hasData(cluster.dataDir)) ? keptName("split-brain", host.clock.now()) : null;
    const keep = member.stale ? member.keep : newName;
    const updateMember = async (isUntold: true | undefined) => {
      const changed = { stale: true, keep, isUntold };
      const after = await host.instances.update(instance.providerId, (now) => ({
        ...now,
        members: now.members.map((candidate) =>
          candidate.name === member.name ? { ...candidate, ...changed } : candidate,
        ),
      }));
      current = after ?? current;
    };
    // The mark comes first: from now on nobody starts the member, and a rebuild puts its data aside.
    await updateMember(keep === null ? undefined : true);
    await fenceMember(host, instance.providerId, member.name, "little");
    if (keep === null) continue;
    const name = memberName(instance, member);
    const keptAt = keptPath(host, instance.providerId, member.name, keep);
    await keepDataAsideNow(host, instance.providerId, member.name, keep);
    host.log.error({ instance: instance.identifier, member: name, keptAt }, "A standby took writes: it is fenced");
    await host.report({
      providerId: instance.providerId,
      by: "failover",
      action: "instance.fenceMember",
      result: { member: name, keptAt },
      success: true,
      event: { eventType: "instance_split_brain", eventStatus: "FAILURE" },
    });
    await updateMember(undefined);
  }
  return current;
}

const hasData = (dataDir: string): Promise<boolean> =>
  access(join(dataDir, "PG_VERSION")).then(
    () => true,
    () => false,
  );
