/** Defines what the parts of the local provider share: its folders, and how it runs PostgreSQL. */

import type { Log } from "../../log.js";
import { Cluster, type Settings } from "../../postgres/cluster.js";
import { fence } from "../../postgres/fence.js";
import { makePrivate } from "../../postgres/folder.js";
import { lastComplaint, withoutSecretsOfLog } from "../../postgres/log-tail.js";
import type { OsUser } from "../../postgres/os-user.js";
import type { Report } from "../provider.js";
import type { Instances, LocalInstance, LocalMember } from "./instances.js";

export type HostLimits = {
  /** How many manual snapshots there may be in all; the default is 100. */
  readonly manualSnapshots: number;
  /** No copy leaves less than this free on the disk; the default is 256 MiB. */
  readonly minFreeBytes: number;
  /** A server that takes longer than this counts as not answering; the default is 2,500. */
  readonly answerTimeoutMs: number;
  /** How long a member that does not answer may take to shut down before it is killed; the default is 3,000. */
  readonly shutdownTimeoutMs: number;
  /** How long a standby may take to replay what its primary had when a failover was requested; the default is 10,000. */
  readonly catchUpTimeoutMs: number;
  /** No running server is restarted with less than this free on its disk, as it might not come back; the default is 32 MiB. */
  readonly restartFreeBytes: number;
};

export type Host = {
  readonly instances: Instances;
  readonly bin: string;
  readonly user: OsUser;
  /** PostgreSQL parameters on top of the provider's own. */
  readonly settings: Settings;
  /** Whether clusters and copies must survive a power failure. */
  readonly isSynced: boolean;
  readonly limits: HostLimits;
  readonly log: Log;
  readonly clock: { now(): Date };
  /** Records what the provider does to an instance by itself. */
  readonly report: Report;
  /**
   * Why a member could not be started or built, by the name of its processes, and what is wrong with a configuration, by its key;
   * for people, without secrets.
   */
  readonly faults: Map<string, string>;
  /** The backup windows that are being applied, by instance, so that each is applied once. */
  readonly applying: Map<string, Promise<LocalInstance | null>>;
};

const MAX_FAULT = 1_000;

/** @returns the reason of an error for people, in PostgreSQL's own words, without secrets */
export function faultText(error: unknown): string {
  const text = withoutSecretsOfLog((error as Error).message);
  return (lastComplaint(text.split("\n")) ?? text).slice(0, MAX_FAULT).toWellFormed();
}

/** The role that standbys connect as. Its password is in the data directory, in a file that libpq reads. */
export const REPLICATION_ROLE = "postern_replication";
export const REPLICATION_PASSWORD_FILE = "replication.pgpass";

/** The settings are small because several clusters share one small machine. */
const SMALL: Settings = {
  shared_buffers: "16MB",
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

/** @returns the name that a member has in the list of processes, and towards its primary */
export const processName = (providerId: string, name: string) => `${providerId}-${name}`;

export const slotOf = ({ name }: LocalMember) => `standby_${name}`;

export const memberName = ({ identifier }: LocalInstance, { name }: { readonly name: string }) =>
  `${identifier}-${name}`;

/** @returns the cluster of a member, with the settings of the role that instance.json gives it */
export function clusterOf(host: Host, instance: LocalInstance, member: LocalMember): Cluster {
  const primary = instance.members.find(({ name }) => name === instance.primary)!;
  const settings: Record<string, string | number> = {
    ...SMALL,
    ...(instance.maxConnections && { max_connections: instance.maxConnections }),
    ...host.settings,
    cluster_name: processName(instance.providerId, member.name),
  };
  if (member !== primary) {
    settings.primary_slot_name = slotOf(member);
    settings.primary_conninfo =
      `host=127.0.0.1 port=${primary.port} user=${REPLICATION_ROLE} passfile=${REPLICATION_PASSWORD_FILE} ` +
      `application_name=${processName(instance.providerId, member.name)} connect_timeout=5`;
  }
  const { providerId } = instance;
  const name = memberName(instance, member);
  return new Cluster({
    folder: host.instances.memberFolder(providerId, member.name),
    bin: host.bin,
    user: host.user,
    tcpPort: member.port,
    settings,
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
  await makePrivate(host.instances.memberFolder(instance.providerId, member.name), host.user);
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
  return fence(cluster, user, processName(providerId, name), patienceMs);
}

/** @returns the options of every copy of a cluster on this host */
export function copyOptions(host: Host, signal: AbortSignal) {
  return { owner: host.user, signal, minFreeBytes: host.limits.minFreeBytes };
}
