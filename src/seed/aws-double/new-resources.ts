/** Makes instances and clusters of a region as they are when they are new. */
import { planBackups } from "./backups.js";
import { engineOf } from "./engines.js";
import { otherZone } from "./modify-instance.js";
import { type AwsTag, type DbCluster, type DbInstance, type Region, resourceIdInRegion } from "./region.js";

/** What is absent is what a small instance usually has. */
export type NewRegionInstance = Pick<DbInstance, "identifier"> &
  Partial<
    Pick<
      DbInstance,
      | "engine"
      | "engineVersion"
      | "instanceClass"
      | "allocatedStorage"
      | "multiAz"
      | "zone"
      | "status"
      | "backupWindow"
      | "maintenanceWindow"
      | "retentionDays"
      | "parameterGroup"
      | "deletionProtection"
      | "cluster"
      | "promotionTier"
      | "replicaOf"
    >
  > & { readonly tags?: Readonly<Record<string, string>>; readonly createdAt?: Date };

export type NewRegionCluster = Pick<DbCluster, "identifier"> &
  Partial<
    Pick<DbCluster, "engine" | "engineVersion" | "status" | "backupWindow" | "maintenanceWindow" | "retentionDays">
  > & {
    readonly tags?: Readonly<Record<string, string>>;
    readonly createdAt?: Date;
    /** The first is the writer. */
    readonly members?: readonly NewRegionInstance[];
  };

/** @returns the tags in the form in which a region keeps them */
export const regionTagList = (tags: Readonly<Record<string, string>> = {}): AwsTag[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));

const COMMON = { backupWindow: "03:00-03:30", maintenanceWindow: "sun:05:00-sun:06:00", retentionDays: 7 } as const;

/** Makes an instance that is there already, and available unless it says otherwise. @throws where there is one of the name */
export function addRegionInstance(region: Region, wanted: NewRegionInstance): DbInstance {
  const { tags, createdAt, ...given } = wanted;
  const engine = given.engine ?? "postgres";
  const { version, port, family } = engineOf(engine);
  const zone = given.zone ?? `${region.name}a`;
  const instance: DbInstance = {
    engine,
    engineVersion: version,
    instanceClass: "db.t4g.medium",
    allocatedStorage: 100,
    storageGrownAt: 0,
    multiAz: false,
    zone,
    secondaryZone: given.multiAz ? otherZone(region, zone) : null,
    status: "available",
    statusNumber: 0,
    port,
    createdAt: (createdAt ?? new Date(region.timeline.now())).getTime(),
    ...COMMON,
    pending: {},
    parameterGroup: `default.${family}`,
    parameterStatus: "in-sync",
    deletionProtection: false,
    cluster: null,
    promotionTier: 1,
    replicaOf: null,
    startsAt: null,
    backupPlan: 0,
    ...given,
    identifier: given.identifier.toLowerCase(),
    resourceId: resourceIdInRegion(region, "db", given.identifier.toLowerCase()),
    tags: regionTagList(tags),
  };
  if (region.instances.has(instance.identifier)) throw new Error(`There is an instance ${instance.identifier}.`);
  region.instances.set(instance.identifier, instance);
  if (instance.cluster === null) planBackups(region, instance);
  return instance;
}

/** Makes a cluster that is there already, with its members. */
export function addRegionCluster(
  region: Region,
  { tags, createdAt, members = [], ...given }: NewRegionCluster,
): DbCluster {
  const engine = given.engine ?? "aurora-postgresql";
  const { version, port } = engineOf(engine);
  const identifier = given.identifier.toLowerCase();
  const cluster: DbCluster = {
    engine,
    engineVersion: version,
    status: "available",
    statusNumber: 0,
    port,
    createdAt: (createdAt ?? new Date(region.timeline.now())).getTime(),
    ...COMMON,
    writer: members[0]?.identifier.toLowerCase() ?? null,
    deletionProtection: false,
    startsAt: null,
    backupPlan: 0,
    ...given,
    identifier,
    resourceId: resourceIdInRegion(region, "cluster", identifier),
    tags: regionTagList(tags),
  };
  region.clusters.set(identifier, cluster);
  planBackups(region, cluster);
  for (const [index, member] of members.entries()) {
    const zone = `${region.name}${"abc"[index % 3]}`;
    addRegionInstance(region, { engine, zone, createdAt, ...member, cluster: identifier });
  }
  return cluster;
}
