/** What one account has in one region: instances, clusters, snapshots, events, parameter groups. */
import { createHash } from "node:crypto";
import { clusterNotFound, instanceNotFound } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import type { Timeline } from "./timeline.js";
import type { XmlObject } from "./xml.js";

export interface AwsTag {
  readonly key: string;
  readonly value: string;
}

/** What waits for the maintenance window. */
export interface PendingChanges {
  instanceClass?: string;
  allocatedStorage?: number;
  multiAz?: boolean;
  engineVersion?: string;
  retentionDays?: number;
  identifier?: string;
}

export interface DbInstance {
  identifier: string;
  readonly resourceId: string;
  readonly engine: string;
  engineVersion: string;
  instanceClass: string;
  allocatedStorage: number;
  storageGrownAt: number;
  multiAz: boolean;
  zone: string;
  secondaryZone: string | null;
  status: string;
  /** Changes with every change of the status, so that what was to follow an earlier one does not. */
  statusNumber: number;
  readonly port: number;
  readonly createdAt: number;
  /** Those of a cluster's member are the cluster's. */
  backupWindow: string;
  maintenanceWindow: string;
  retentionDays: number;
  tags: AwsTag[];
  pending: PendingChanges;
  parameterGroup: string;
  parameterStatus: "in-sync" | "applying" | "pending-reboot";
  deletionProtection: boolean;
  cluster: string | null;
  promotionTier: number;
  /** The identifier of the instance that it replicates. */
  replicaOf: string | null;
  /** When it starts by itself. */
  startsAt: number | null;
  /** Changes when its next backup is planned anew. */
  backupPlan: number;
}

export interface DbCluster {
  readonly identifier: string;
  readonly resourceId: string;
  readonly engine: string;
  readonly engineVersion: string;
  status: string;
  statusNumber: number;
  readonly port: number;
  readonly createdAt: number;
  backupWindow: string;
  maintenanceWindow: string;
  retentionDays: number;
  tags: AwsTag[];
  /** The member that takes writes; null for a cluster without members. */
  writer: string | null;
  deletionProtection: boolean;
  /** When it starts by itself. */
  startsAt: number | null;
  backupPlan: number;
}

/** A snapshot of an instance or of a cluster. */
export interface DbSnapshot {
  readonly identifier: string;
  /** The instance's or cluster's, as it was called then. */
  readonly source: string;
  readonly sourceResourceId: string;
  readonly sourceCreatedAt: number;
  readonly type: "manual" | "automated" | "shared" | "public" | "awsbackup";
  status: string;
  readonly createdAt: number;
  readonly engine: string;
  readonly engineVersion: string;
  readonly allocatedStorage: number;
  readonly zone: string;
  readonly port: number;
  tags: AwsTag[];
  /** From when to when it is made. */
  readonly making: { readonly from: number; readonly to: number };
}

export type EventSource = "db-instance" | "db-cluster" | "db-snapshot" | "db-cluster-snapshot";

export interface DbEvent {
  /** Grows with every event of the region. */
  readonly number: number;
  readonly source: EventSource;
  readonly identifier: string;
  readonly at: number;
  readonly category: string;
  readonly message: string;
}

export interface Region {
  readonly account: string;
  readonly name: string;
  readonly timeline: Timeline;
  /** By identifier, as all that follow. */
  readonly instances: Map<string, DbInstance>;
  readonly clusters: Map<string, DbCluster>;
  readonly snapshots: Map<string, DbSnapshot>;
  readonly clusterSnapshots: Map<string, DbSnapshot>;
  /** The oldest comes first. */
  readonly events: DbEvent[];
  /** Families by name of a parameter group; the default groups are there without being listed. */
  readonly parameterGroups: Map<string, string>;
  /** How many resources were ever made, by kind and identifier: one that is made anew has another id. */
  readonly made: Map<string, number>;
}

export type RdsAction = (region: Region, parameters: CallParameters) => XmlObject | null;

export const createRegion = (account: string, name: string, timeline: Timeline): Region => ({
  ...{ account, name, timeline },
  instances: new Map(),
  clusters: new Map(),
  snapshots: new Map(),
  clusterSnapshots: new Map(),
  events: [],
  parameterGroups: new Map(),
  made: new Map(),
});

const ARN_KINDS = {
  "db-instance": "db",
  "db-cluster": "cluster",
  "db-snapshot": "snapshot",
  "db-cluster-snapshot": "cluster-snapshot",
} as const satisfies Record<EventSource, string>;

export const regionArn = ({ name, account }: Region, kind: EventSource, identifier: string): string =>
  `arn:aws:rds:${name}:${account}:${ARN_KINDS[kind]}:${identifier}`;

/** @returns the identifier of what callers may name by its ARN too, in lower case */
export function identifierInRegion(region: Region, kind: EventSource, name: string): string {
  const lower = name.toLowerCase();
  const start = regionArn(region, kind, "");
  return lower.startsWith(start) ? lower.slice(start.length) : lower;
}

/** @param name the identifier or ARN @throws DBInstanceNotFound */
export function instanceInRegion(region: Region, name: string): DbInstance {
  const instance = region.instances.get(identifierInRegion(region, "db-instance", name));
  if (!instance) throw instanceNotFound(name);
  return instance;
}

/** @param name the identifier or ARN @throws DBClusterNotFoundFault */
export function clusterInRegion(region: Region, name: string): DbCluster {
  const cluster = region.clusters.get(identifierInRegion(region, "db-cluster", name));
  if (!cluster) throw clusterNotFound(name);
  return cluster;
}

export const membersInRegion = (region: Region, cluster: string): DbInstance[] =>
  [...region.instances.values()].filter((instance) => instance.cluster === cluster);

/** @returns an id that is the same whenever the same is made in the same place, and another one for its successor */
export function resourceIdInRegion(region: Region, prefix: "db" | "cluster", identifier: string): string {
  const key = `${prefix}:${identifier}`;
  const number = (region.made.get(key) ?? 0) + 1;
  region.made.set(key, number);
  const digest = createHash("sha256").update(`${region.account}/${region.name}/${key}/${number}`).digest();
  const letters = [...digest.subarray(0, 26)].map((byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]);
  return `${prefix}-${letters.join("")}`;
}

const EVENTS_KEPT_MS = 14 * 86_400_000;
const MAX_EVENTS = 20_000;

/** Writes an event, as AWS does for its users, and forgets those of more than 14 days ago. */
export function addRegionEvent(
  region: Region,
  source: EventSource,
  identifier: string,
  category: string,
  message: string,
  at = region.timeline.now(),
): void {
  region.events.push({ number: (region.events.at(-1)?.number ?? 0) + 1, source, identifier, at, category, message });
  const kept = region.events.findIndex((event) => event.at >= region.timeline.now() - EVENTS_KEPT_MS);
  if (kept > 0) region.events.splice(0, kept);
  if (region.events.length > MAX_EVENTS) region.events.shift();
}

/** Sets the status of an instance or cluster; what follows happens after some time, unless the status was set again. */
export function enterStatus(
  region: Region,
  resource: DbInstance | DbCluster,
  status: string,
  next?: { readonly after: number; readonly act: () => void },
): void {
  resource.status = status;
  resource.statusNumber++;
  if (!next) return;
  const { statusNumber } = resource;
  region.timeline.after(next.after, () => {
    if (resource.statusNumber === statusNumber) next.act();
  });
}
