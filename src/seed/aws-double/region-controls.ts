/** What tests and the demo do to a region by hand: make, rename, retag, replace and remove, as somebody else would in AWS. */
import { lastWindowStart, parseBackupWindow } from "../../values/windows.js";
import { automatedBackupName } from "./backups.js";
import { beginCreation, beginDeletion, removeInstance } from "./instances.js";
import { renameInstance } from "./modify-instance.js";
import {
  addRegionCluster,
  addRegionInstance,
  type NewRegionCluster,
  type NewRegionInstance,
  regionTagList,
} from "./new-resources.js";
import {
  addRegionEvent,
  clusterInRegion,
  type DbCluster,
  type DbInstance,
  type DbSnapshot,
  type EventSource,
  enterStatus,
  instanceInRegion,
  membersInRegion,
  type Region,
} from "./region.js";

export interface RegionControls {
  /** Adds an instance that is there already, and available unless it says otherwise. */
  addInstance(instance: NewRegionInstance): void;
  /** Begins the creation of an instance. */
  createInstance(instance: NewRegionInstance): void;
  addCluster(cluster: NewRegionCluster): void;
  /** Makes an instance a reader of a cluster, or with null an instance of its own. */
  joinCluster(identifier: string, cluster: string | null): void;
  renameInstance(identifier: string, to: string): void;
  renameCluster(identifier: string, to: string): void;
  /** Takes an instance away at once. */
  removeInstance(identifier: string): void;
  /** Begins the deletion of an instance. */
  deleteInstance(identifier: string): void;
  /** Takes an instance away and makes another one with the same identifier and properties. */
  replaceInstance(identifier: string): void;
  /** Replaces the tags of an instance or, with a kind, of a cluster. */
  retag(identifier: string, tags: Readonly<Record<string, string>>, kind?: "db-instance" | "db-cluster"): void;
  /** Sets any status, which stays until something else changes it. */
  setStatus(identifier: string, status: string, kind?: "db-instance" | "db-cluster"): void;
  /** Changes anything of an instance, in silence. */
  change(identifier: string, changes: Partial<DbInstance>): void;
  addSnapshot(snapshot: Pick<DbSnapshot, "identifier" | "source"> & Partial<DbSnapshot>): void;
  setSnapshotStatus(identifier: string, status: string): void;
  /** @param at when it happened, where it is told late */
  addEvent(source: EventSource, identifier: string, message: string, category?: string, at?: number): void;
  addParameterGroup(name: string, family: string): void;
  /** Lists a snapshot of the last backup window for everything that keeps backups. */
  addPastBackups(): void;
  /** @returns what there is now, as copies */
  look(): {
    readonly instances: readonly DbInstance[];
    readonly clusters: readonly DbCluster[];
    readonly snapshots: readonly DbSnapshot[];
    readonly clusterSnapshots: readonly DbSnapshot[];
    readonly events: Region["events"];
  };
}

function addSnapshot(region: Region, snapshot: Parameters<RegionControls["addSnapshot"]>[0]): void {
  const cluster = region.clusters.get(snapshot.source);
  const source = cluster ?? instanceInRegion(region, snapshot.source);
  const at = snapshot.createdAt ?? region.timeline.now();
  (cluster ? region.clusterSnapshots : region.snapshots).set(snapshot.identifier, {
    sourceResourceId: source.resourceId,
    sourceCreatedAt: source.createdAt,
    type: "manual",
    status: "available",
    createdAt: at,
    engine: source.engine,
    engineVersion: source.engineVersion,
    allocatedStorage: "cluster" in source ? source.allocatedStorage : 1,
    zone: "cluster" in source ? source.zone : `${region.name}a`,
    port: source.port,
    tags: [],
    making: { from: at, to: at },
    ...snapshot,
  });
}

export function createRegionControls(region: Region): RegionControls {
  const instance = (identifier: string) => instanceInRegion(region, identifier);
  const either = (identifier: string, kind: "db-instance" | "db-cluster" = "db-instance") =>
    kind === "db-instance" ? instance(identifier) : clusterInRegion(region, identifier);
  return {
    addInstance: (wanted) => void addRegionInstance(region, wanted),
    createInstance: (wanted) => beginCreation(region, addRegionInstance(region, wanted)),
    addCluster: (wanted) => addRegionCluster(region, wanted),
    joinCluster(identifier, cluster) {
      instance(identifier).cluster = cluster === null ? null : clusterInRegion(region, cluster).identifier;
    },
    renameInstance: (identifier, to) => renameInstance(region, instance(identifier), to.toLowerCase()),
    renameCluster(identifier, to) {
      const cluster = clusterInRegion(region, identifier);
      const members = membersInRegion(region, cluster.identifier);
      region.clusters.delete(cluster.identifier);
      Object.assign(cluster, { identifier: to.toLowerCase() });
      region.clusters.set(cluster.identifier, cluster);
      for (const member of members) member.cluster = cluster.identifier;
    },
    removeInstance: (identifier) => removeInstance(region, instance(identifier)),
    deleteInstance: (identifier) => beginDeletion(region, instance(identifier)),
    replaceInstance(identifier) {
      const { resourceId, pending, createdAt, tags, ...properties } = instance(identifier);
      removeInstance(region, instance(identifier));
      addRegionInstance(region, {
        ...properties,
        tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
      });
    },
    retag(identifier, tags, kind) {
      either(identifier, kind).tags = regionTagList(tags);
    },
    setStatus: (identifier, status, kind) => enterStatus(region, either(identifier, kind), status),
    change: (identifier, changes) => void Object.assign(instance(identifier), changes),
    addSnapshot: (snapshot) => addSnapshot(region, snapshot),
    setSnapshotStatus(identifier, status) {
      const snapshot = region.snapshots.get(identifier) ?? region.clusterSnapshots.get(identifier);
      if (!snapshot) throw new Error(`There is no snapshot ${identifier}.`);
      snapshot.status = status;
    },
    addEvent: (source, identifier, message, category = "notification", at = region.timeline.now()) =>
      addRegionEvent(region, source, identifier, category, message, at),
    addParameterGroup: (name, family) => void region.parameterGroups.set(name, family),
    addPastBackups() {
      const sources = [...region.instances.values()].filter(({ cluster }) => cluster === null);
      for (const source of [...sources, ...region.clusters.values()])
        if (source.retentionDays > 0) {
          const window = parseBackupWindow(source.backupWindow);
          const createdAt = lastWindowStart(window, new Date(region.timeline.now())).getTime();
          const identifier = automatedBackupName(source, createdAt);
          addSnapshot(region, { identifier, source: source.identifier, type: "automated", createdAt });
        }
    },
    look: () =>
      structuredClone({
        instances: [...region.instances.values()],
        clusters: [...region.clusters.values()],
        snapshots: [...region.snapshots.values()],
        clusterSnapshots: [...region.clusterSnapshots.values()],
        events: region.events,
      }),
  };
}
