/** Makes the cluster of each member of an instance, and fences it. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Cluster, type ClusterSettings } from "../../postgres/cluster.js";
import { fence } from "../../postgres/fence.js";
import { makePrivateFolder } from "../../postgres/folder.js";
import { findPostmaster } from "../../postgres/postmaster.js";
import { localClass } from "./classes.js";
import type { Host } from "./host.js";
import type { LocalInstance, LocalMember } from "./instance-file.js";
import type { Instances } from "./instances.js";
import { REPLICATION_PASSWORD_FILE, REPLICATION_ROLE } from "./replication-role.js";

/** @returns the name that a member has in the list of processes, and towards its primary */
export const memberProcessName = (providerId: string, name: string) => `${providerId}-${name}`;

export const memberSlot = ({ name }: LocalMember) => `standby_${name}`;

export const memberName = ({ identifier }: LocalInstance, { name }: { readonly name: string }) =>
  `${identifier}-${name}`;

/** The settings are small because several clusters share one small machine. */
const SMALL: ClusterSettings = {
  max_connections: 20,
  // These are for Postern: people and programs log in as a role that is no superuser.
  superuser_reserved_connections: 5,
  max_worker_processes: 4,
  max_parallel_workers: 2,
  autovacuum_max_workers: 1,
  jit: "off",
  max_wal_size: "256MB",
  min_wal_size: "32MB",
  max_wal_senders: 6,
  max_replication_slots: 6,
  // A dead standby or an endless copy must not fill the disk of its primary.
  max_slot_wal_keep_size: "1GB",
  wal_sender_timeout: "10s",
  wal_receiver_timeout: "10s",
  wal_retrieve_retry_interval: "200ms",
};

/** How long a member that answers may take to shut down before it is killed. */
const SHUTDOWN_MS = 30_000;

/** @returns the cluster of a member, with the settings of the role that instance.json gives it */
export function clusterOf(host: Host, instance: LocalInstance, member: LocalMember): Cluster {
  const primary = instance.members.find(({ name }) => name === instance.primary)!;
  const { startSettings, defaults } = localClass(instance.instanceClass);
  const settings: Record<string, string | number> = {
    ...SMALL,
    ...startSettings,
    ...(instance.maxConnections && { max_connections: instance.maxConnections }),
    ...host.settings,
    cluster_name: memberProcessName(instance.providerId, member.name),
  };
  if (member !== primary) {
    settings.primary_slot_name = memberSlot(member);
    settings.primary_conninfo =
      `host=127.0.0.1 port=${primary.port} user=${REPLICATION_ROLE} passfile=${REPLICATION_PASSWORD_FILE} ` +
      `application_name=${memberProcessName(instance.providerId, member.name)} connect_timeout=5`;
  }
  const { providerId } = instance;
  const name = memberName(instance, member);
  return new Cluster({
    folder: host.instances.memberFolder(providerId, member.name),
    bin: host.bin,
    user: host.user,
    tcpPort: member.port,
    settings,
    fileSettings: { defaults, overrides: instance.parameterGroup.settings },
    onOrphans: (processes) =>
      host.report({
        providerId,
        by: "repair",
        action: "instance.fenceOrphans",
        result: { member: name, processes },
        success: true,
      }),
  });
}

/** Makes the member's folder if it is missing. @returns its cluster */
export async function makeMember(host: Host, instance: LocalInstance, member: LocalMember): Promise<Cluster> {
  await makePrivateFolder(host.instances.memberFolder(instance.providerId, member.name), host.user);
  return clusterOf(host, instance, member);
}

/** Stops or kills every process of this member, in whatever state it is. */
export async function fenceMember(
  host: Host,
  providerId: string,
  name: string,
  patience: "normal" | "little" | "none" = "normal",
): Promise<void> {
  const { bin, user, instances, limits } = host;
  const patienceMs = { normal: SHUTDOWN_MS, little: limits.shutdownTimeoutMs, none: 0 }[patience];
  await instances.requireOwned();
  const cluster = new Cluster({ folder: instances.memberFolder(providerId, name), bin, user });
  return fence(cluster, user, memberProcessName(providerId, name), patienceMs);
}

/** Lists the names of all members that have a folder, also of former ones. */
export const listMemberFolders = (host: Pick<Host, "instances">, providerId: string): Promise<string[]> =>
  readdir(join(host.instances.folderOf(providerId), "members")).catch(() => []);

/** Whether a member of any instance runs, also of one that was never completed. */
export async function isAnyMemberRunning(instances: Instances): Promise<boolean> {
  for (const id of await instances.ids()) {
    for (const name of await listMemberFolders({ instances }, id))
      if (await findPostmaster(join(instances.memberFolder(id, name), "data"))) return true;
  }
  return false;
}

/** Marks members as stale: their data must never be started again. */
export function setLocalMembersStale(
  host: Host,
  providerId: string,
  names: readonly string[],
): Promise<LocalInstance | null> {
  // The faults of the old data say nothing about the data that replaces it.
  for (const name of names) host.faults.delete(memberProcessName(providerId, name));
  return host.instances.update(providerId, (now) => ({
    ...now,
    members: now.members.map((member) => (names.includes(member.name) ? { ...member, stale: true } : member)),
  }));
}
