/** Snapshots of instances and clusters: what the two kinds are called, and how one is taken over time. */
import { AwsFault } from "./aws-fault.js";
import { describeClusterSnapshot, describeSnapshot } from "./descriptions.js";
import { isAurora } from "./engines.js";
import {
  type AwsTag,
  addRegionEvent,
  type DbCluster,
  type DbInstance,
  type DbSnapshot,
  enterStatus,
  membersInRegion,
  type Region,
} from "./region.js";

/** What differs between the two kinds of snapshot. */
export interface SnapshotKind {
  readonly source: "db-snapshot" | "db-cluster-snapshot";
  readonly name: string;
  readonly parameter: string;
  readonly snapshots: (region: Region) => Map<string, DbSnapshot>;
  readonly describe: typeof describeSnapshot;
  readonly notFound: (identifier: string) => AwsFault;
  readonly invalidState: string;
  readonly events: { readonly subject: string; readonly category: string };
}

export const INSTANCE_SNAPSHOTS: SnapshotKind = {
  source: "db-snapshot",
  name: "DBSnapshot",
  parameter: "DBSnapshotIdentifier",
  snapshots: ({ snapshots }) => snapshots,
  describe: describeSnapshot,
  notFound: (identifier) => new AwsFault("DBSnapshotNotFound", `DBSnapshot not found: ${identifier}`, 404),
  invalidState: "InvalidDBSnapshotState",
  events: { subject: "snapshot", category: "creation" },
};

export const CLUSTER_SNAPSHOTS: SnapshotKind = {
  source: "db-cluster-snapshot",
  name: "DBClusterSnapshot",
  parameter: "DBClusterSnapshotIdentifier",
  snapshots: ({ clusterSnapshots }) => clusterSnapshots,
  describe: describeClusterSnapshot,
  notFound: (identifier) =>
    new AwsFault("DBClusterSnapshotNotFoundFault", `DBClusterSnapshot not found: ${identifier}`, 404),
  invalidState: "InvalidDBClusterSnapshotStateFault",
  events: { subject: "cluster snapshot", category: "backup" },
};

interface NewSnapshot {
  readonly identifier: string;
  readonly type: "manual" | "automated";
  readonly tags: AwsTag[];
  readonly takesMs: number;
}

function begin(
  region: Region,
  kind: SnapshotKind,
  source: DbInstance | DbCluster,
  { identifier, type, tags, takesMs }: NewSnapshot,
): DbSnapshot {
  const now = region.timeline.now();
  const member = "cluster" in source ? source : membersInRegion(region, source.identifier)[0];
  const snapshot: DbSnapshot = {
    identifier,
    type,
    tags,
    source: source.identifier,
    sourceResourceId: source.resourceId,
    sourceCreatedAt: source.createdAt,
    status: "creating",
    createdAt: now,
    engine: source.engine,
    engineVersion: source.engineVersion,
    allocatedStorage: "cluster" in source ? source.allocatedStorage : 1,
    zone: member?.zone ?? `${region.name}a`,
    port: source.port,
    making: { from: now, to: now + takesMs },
  };
  const { subject, category } = kind.events;
  const word = type === "manual" ? "Manual" : "Automated";
  kind.snapshots(region).set(identifier, snapshot);
  addRegionEvent(region, kind.source, identifier, category, `Creating ${type} ${subject}`);
  region.timeline.after(takesMs, () => {
    if (snapshot.status !== "creating") return;
    snapshot.status = "available";
    addRegionEvent(region, kind.source, identifier, category, `${word} ${subject} created`);
  });
  return snapshot;
}

/** Takes a snapshot of an instance, which backs up meanwhile. */
export function takeSnapshot(region: Region, instance: DbInstance, wanted: NewSnapshot): DbSnapshot {
  const { identifier, status } = instance;
  const snapshot = begin(region, INSTANCE_SNAPSHOTS, instance, wanted);
  addRegionEvent(region, "db-instance", identifier, "backup", "Backing up DB instance");
  const finished = () =>
    addRegionEvent(region, "db-instance", instance.identifier, "backup", "Finished DB Instance backup");
  // An instance whose storage is optimized goes on with that.
  if (status !== "available") region.timeline.after(wanted.takesMs, finished);
  else {
    enterStatus(region, instance, "backing-up", {
      after: wanted.takesMs,
      act: () => {
        enterStatus(region, instance, "available");
        finished();
      },
    });
  }
  return snapshot;
}

/** Takes a snapshot of a cluster, without which an Aurora cluster changes its status. */
export function takeClusterSnapshot(region: Region, cluster: DbCluster, wanted: NewSnapshot): DbSnapshot {
  const snapshot = begin(region, CLUSTER_SNAPSHOTS, cluster, wanted);
  if (!isAurora(cluster.engine))
    enterStatus(region, cluster, "backing-up", {
      after: wanted.takesMs,
      act: () => enterStatus(region, cluster, "available"),
    });
  return snapshot;
}
