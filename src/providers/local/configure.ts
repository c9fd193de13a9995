/** Applies changes of Postern's configuration to an existing instance, each once, and reports them for the audit log. */
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Sql } from "postgres";
import { connectAsSuperuser } from "../../postgres/connection.js";
import type { TagChange } from "../../values/tags.js";
import type { NewInstance } from "./create.js";
import { type Host } from "./host.js";
import { type ConfiguredLocalInstance, type LocalInstance, primaryOf, standbysOf } from "./instance-file.js";
import { keepDataAside, listMembersBesidesKeptData, removeKeptMember } from "./kept-data.js";
import { clusterOf, fenceMember } from "./members.js";
import { isObservedTakingWrites, observe } from "./observe.js";
import type { TcpPorts } from "./ports.js";
import { localTagsAfter } from "./set-tags.js";

const POLL_MS = 50;

const FIELDS = [
  "tags",
  "maintenanceWindow",
  "backupWindow",
  "backupRetentionDays",
  "maxConnections",
  "autoFailover",
] as const;

export const configuredOf = (wanted: NewInstance): ConfiguredLocalInstance => ({
  tags: [...wanted.tags],
  maintenanceWindow: wanted.maintenanceWindow,
  backupWindow: wanted.backupWindow,
  backupRetentionDays: wanted.backupRetentionDays,
  ...(wanted.maxConnections !== undefined && { maxConnections: wanted.maxConnections }),
  autoFailover: wanted.autoFailover ?? null,
  standby: wanted.standby,
});

/**
 * Assumes what configuration said of an instance that was made before Postern recorded that. The backup window may come from an
 * operation and stays; the number of connections was not configurable.
 */
const assumeConfigured = (
  instance: LocalInstance,
  { backupWindow, maxConnections }: ConfiguredLocalInstance,
): ConfiguredLocalInstance => ({
  ...instance,
  backupWindow,
  maxConnections,
  standby: instance.members.length > 1,
});

/** @returns the old values of what must not change yet: while the primary takes no writes, the standby's data may be the last */
function postponedOf(
  now: LocalInstance,
  before: ConfiguredLocalInstance,
  configured: ConfiguredLocalInstance,
): Partial<ConfiguredLocalInstance> {
  if (now.members.length === 1) return {};
  return {
    ...(before.maxConnections !== configured.maxConnections &&
      isLower(now, configured) && { maxConnections: before.maxConnections }),
    ...(before.standby && !configured.standby && { standby: true }),
  };
}

/** @returns what configuration changed of its own tags: the others come from operations, and may say how strictly an instance is kept */
const tagChangeOf = (before: ConfiguredLocalInstance, { tags }: ConfiguredLocalInstance): TagChange => ({
  tags: tags.filter((tag) => !before.tags.some((old) => isDeepStrictEqual(old, tag))),
  removeKeys: before.tags.flatMap(({ key }) => (tags.some((tag) => tag.key === key) ? [] : [key])),
});

/** A standby does not start with fewer connections than its primary had, so it is built anew. */
const isLower = (now: LocalInstance, { maxConnections = 0 }: ConfiguredLocalInstance) =>
  (now.maxConnections ?? 0) > maxConnections;

/**
 * Applies what changed in the configuration since it was last applied; changes by operations stay. It only records which members
 * to build or remove: that happens once the instance is up.
 * @param isUp whether the primary takes writes; a change that removes a standby waits for that
 * @returns whether a change waits @throws Error where instance.json cannot be written, or the instance would have too many tags
 */
export async function applyConfiguration(
  host: Host,
  ports: TcpPorts,
  instance: LocalInstance,
  wanted: NewInstance,
  isUp: boolean,
): Promise<boolean> {
  const freeName = instance.members.some(({ name }) => name === "a") ? "b" : "a";
  const port = wanted.standby && instance.members.length === 1 ? await ports.choose() : null;
  let isWaiting = false;
  await host.instances.update(instance.providerId, (now) => {
    const newlyConfigured = configuredOf(wanted);
    const before = now.configured ?? assumeConfigured(now, newlyConfigured);
    const postponed = isUp ? {} : postponedOf(now, before, newlyConfigured);
    isWaiting = Object.keys(postponed).length > 0;
    const configured = { ...newlyConfigured, ...postponed };
    const next = { ...now, configured };
    const changes: Record<string, { from: unknown; to: unknown }> = {};
    for (const name of FIELDS) {
      if (isDeepStrictEqual(before[name], configured[name])) continue;
      const to = name === "tags" ? localTagsAfter(now.tags, tagChangeOf(before, configured)) : configured[name];
      changes[name] = { from: now[name], to };
      Object.assign(next, { [name]: to }, name === "backupWindow" && { pendingBackupWindow: null });
    }
    if (changes.maxConnections && isLower(now, configured)) {
      next.members = now.members.map((member) => (member.name === now.primary ? member : { ...member, stale: true }));
    }
    if (before.standby !== configured.standby && configured.standby !== now.members.length > 1) {
      changes.standby = { from: before.standby, to: configured.standby };
      next.members =
        port === null ? [primaryOf(now)] : [...now.members, { name: freeName, port, stale: true, keep: null }];
    }
    if (Object.keys(changes).length === 0) return next;
    return { ...next, toReport: { ...now.toReport, ...changes } };
  });
  return isWaiting;
}

/** Puts aside the data that a standby still keeps from a failover, before the standby is removed. */
export async function keepStandbyData(host: Host, instance: LocalInstance): Promise<void> {
  for (const { name, keep } of standbysOf(instance)) {
    if (keep === null) continue;
    await fenceMember(host, instance.providerId, name);
    await keepDataAside(host, instance.providerId, name, keep);
  }
}

/** Removes members that are no longer configured once the primary takes writes: until then their data may be the last. */
async function removeSurplus(host: Host, instance: LocalInstance): Promise<void> {
  const { providerId, members } = instance;
  const surplus = (await listMembersBesidesKeptData(host, providerId)).filter(
    (name) => !members.some((member) => member.name === name),
  );
  if (surplus.length === 0) return;
  const primary = clusterOf(host, instance, primaryOf(instance));
  if (!isObservedTakingWrites(await observe(primary, host.limits.answerTimeoutMs))) return;
  for (const name of surplus) {
    await fenceMember(host, providerId, name);
    await connectAsSuperuser(primary, (sql) => dropSlot(sql, `standby_${name}`), {
      timeoutMs: host.limits.catchUpTimeoutMs,
    });
    await removeKeptMember(host, providerId, name);
  }
}

/** Drops a slot whose standby is down. Its WAL sender may not have noticed that yet, so it is ended first. */
async function dropSlot(sql: Sql, name: string): Promise<void> {
  for (;;) {
    await sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${name} and not active`;
    const walSenders =
      await sql`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = ${name}`;
    if (walSenders.length === 0) return;
    await delay(POLL_MS);
  }
}

/** Completes a change once its instance was started. After a kill on the way it is done, and reported, again. */
export async function finishConfiguration(host: Host, providerId: string): Promise<void> {
  const instance = await host.instances.find(providerId);
  if (!instance) return;
  await removeSurplus(host, instance);
  if (!instance.toReport) return;
  const result = { changes: instance.toReport };
  await host.report({ providerId, by: "configuration", action: "instance.configure", result, success: true });
  await host.instances.update(providerId, ({ toReport: _, ...now }) => now);
}
