/** A standby that somebody promoted by hand: it is fenced, its data are kept aside, and it is cloned anew. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { isStandbyData } from "../../cluster/promote.js";
import { clusterOf, fenceMember, type Host, memberName } from "./host.js";
import { type LocalInstance, standbysOf } from "./instances.js";
import { keptName, keptPath } from "./kept.js";

/**
 * Fences every member that would take writes though the instance's own record does not name it the primary.
 * A standby whose data are gone is marked too. @returns the instance as it is then
 */
export async function endSplitBrain(host: Host, instance: LocalInstance): Promise<LocalInstance> {
  let current = instance;
  for (const member of standbysOf(instance)) {
    const cluster = clusterOf(host, instance, member);
    if (member.stale || (await isStandbyData(cluster))) continue;
    const hasData = await access(join(cluster.dataDir, "PG_VERSION")).then(
      () => true,
      () => false,
    );
    const keep = hasData ? keptName("split-brain", host.clock.now()) : null;
    // First: from now on nobody starts it, and whoever clones it anew puts its data aside.
    const after = await host.instances.update(instance.providerId, (now) => ({
      ...now,
      members: now.members.map((one) => (one.name === member.name ? { ...one, stale: true, keep } : one)),
    }));
    current = after ?? current;
    await fenceMember(host, instance.providerId, member.name, "little");
    if (keep === null) continue;
    const name = memberName(instance, member);
    const keptAt = keptPath(host, instance.providerId, member.name, keep);
    host.log.error({ instance: instance.identifier, member: name, keptAt }, "A standby took writes: it is fenced");
    await host.report({
      providerId: instance.providerId,
      by: "failover",
      action: "instance.fenceMember",
      result: { member: name, keptAt },
      success: true,
      event: { eventType: "instance_split_brain", eventStatus: "FAILURE" },
    });
  }
  return current;
}
