/** What configuration says of an instance that exists: what has changed there is applied once, and told for the record. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { asSuperuser } from "../../cluster/connection.js";
import type { NewInstance } from "./create.js";
import { clusterOf, fenceMember, type Host } from "./host.js";
import { type Configured, type LocalInstance, primaryOf } from "./instances.js";
import { observe } from "./observe.js";
import type { Ports } from "./ports.js";

const FIELDS = [
  "tags",
  "maintenanceWindow",
  "backupWindow",
  "backupRetentionDays",
  "maxConnections",
  "autoFailover",
] as const;

export const configuredOf = (wanted: NewInstance): Configured => ({
  tags: [...wanted.tags],
  maintenanceWindow: wanted.maintenanceWindow,
  backupWindow: wanted.backupWindow,
  backupRetentionDays: wanted.backupRetentionDays,
  ...(wanted.maxConnections !== undefined && { maxConnections: wanted.maxConnections }),
  autoFailover: wanted.autoFailover ?? null,
  standby: wanted.standby,
});

/** Of an instance that was made before this was kept. Its backup window may be an operation's, which stays; its connections were not chosen. */
const assumed = (instance: LocalInstance, { backupWindow, maxConnections }: Configured): Configured => ({
  ...instance,
  backupWindow,
  maxConnections,
  standby: instance.members.length > 1,
});

/**
 * Applies what configuration has changed since it was last applied; what operations have changed stays. Nothing runs yet: members are built and
 * removed once the instance is up. @throws Error where it cannot be written down
 */
export async function applyConfiguration(host: Host, ports: Ports, found: LocalInstance, wanted: NewInstance) {
  const configured = configuredOf(wanted);
  const free = found.members.some(({ name }) => name === "a") ? "b" : "a";
  const port = configured.standby && found.members.length === 1 ? await ports.choose() : null;
  await host.instances.update(found.providerId, (now) => {
    const before = now.configured ?? assumed(now, configured);
    const next = { ...now, configured };
    const changes: Record<string, { from: unknown; to: unknown }> = {};
    for (const name of FIELDS) {
      if (isDeepStrictEqual(before[name], configured[name])) continue;
      changes[name] = { from: now[name], to: configured[name] };
      Object.assign(next, { [name]: configured[name] }, name === "backupWindow" && { pendingBackupWindow: null });
    }
    // A standby does not start with less than its primary had: it is built anew.
    if (changes.maxConnections && (now.maxConnections ?? 0) > (configured.maxConnections ?? 0)) {
      next.members = now.members.map((member) => (member.name === now.primary ? member : { ...member, stale: true }));
    }
    if (before.standby !== configured.standby && configured.standby !== now.members.length > 1) {
      changes.standby = { from: before.standby, to: configured.standby };
      next.members = port === null ? [primaryOf(now)] : [...now.members, { name: free, port, stale: true, keep: null }];
    }
    if (Object.keys(changes).length === 0) return next;
    return { ...next, toReport: { ...now.toReport, ...changes } };
  });
}

/** Removes members that configuration has taken away, once there is a primary that takes writes: until then their data may be the last there is. */
async function removeSurplus(host: Host, instance: LocalInstance): Promise<void> {
  const { providerId, members } = instance;
  const folder = join(host.instances.folderOf(providerId), "members");
  const surplus = (await readdir(folder)).filter((name) => !members.some((member) => member.name === name));
  if (surplus.length === 0) return;
  const primary = clusterOf(host, instance, primaryOf(instance));
  const seen = await observe(primary, host.limits.answerTimeoutMs);
  if (seen.is !== "answering" || seen.inRecovery) return;
  for (const name of surplus) {
    await fenceMember(host, providerId, name);
    await asSuperuser(
      primary,
      (sql) =>
        sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${`standby_${name}`} and not active`,
      { timeoutMs: host.limits.answerTimeoutMs },
    );
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** What is left to do of a change once its instance was started: told again where this process is killed on the way. */
export async function finishConfiguration(host: Host, providerId: string): Promise<void> {
  const instance = await host.instances.find(providerId);
  if (!instance) return;
  await removeSurplus(host, instance);
  if (!instance.toReport) return;
  const result = { changes: instance.toReport };
  await host.report({ providerId, by: "configuration", action: "instance.configure", result, success: true });
  await host.instances.update(providerId, ({ toReport: _, ...now }) => now);
}
