/** Describes what a region has, in the shapes and the order of the RDS API (version 2014-10-31). */
import { createHash } from "node:crypto";
import { engineOf, isAurora } from "./engines.js";
import {
  type AwsTag,
  type DbCluster,
  type DbEvent,
  type DbInstance,
  type DbSnapshot,
  membersInRegion,
  type Region,
  regionArn,
} from "./region.js";
import { XmlList, type XmlObject } from "./xml.js";

/** The part of a host's name that all of an account in a region share. */
const domainOf = ({ account, name }: Region) => {
  const label = createHash("sha256").update(`${account}/${name}`).digest("hex").slice(0, 12);
  return `c${label}.${name}.rds.amazonaws.com`;
};

export const describeTags = (tags: readonly AwsTag[]) =>
  new XmlList(
    "Tag",
    tags.map(({ key, value }) => ({ Key: key, Value: value })),
  );

/** Statuses in which an instance has no endpoint yet. */
const WITHOUT_ENDPOINT = new Set(["creating", "failed", "insufficient-capacity", "incompatible-network"]);

export function describeInstance(region: Region, instance: DbInstance): XmlObject {
  const engine = engineOf(instance.engine);
  const { pending } = instance;
  const isReady = !WITHOUT_ENDPOINT.has(instance.status);
  const cluster = instance.cluster === null ? undefined : region.clusters.get(instance.cluster);
  const replicas = [...region.instances.values()].filter(({ replicaOf }) => replicaOf === instance.identifier);
  return {
    DBInstanceIdentifier: instance.identifier,
    DBInstanceClass: instance.instanceClass,
    Engine: instance.engine,
    DBInstanceStatus: instance.status,
    MasterUsername: engine.masterUsername,
    Endpoint: isReady
      ? { Address: `${instance.identifier}.${domainOf(region)}`, Port: instance.port, HostedZoneId: "Z1TTGA775OQIYO" }
      : null,
    AllocatedStorage: instance.allocatedStorage,
    InstanceCreateTime: instance.status === "creating" ? null : new Date(instance.createdAt),
    PreferredBackupWindow: cluster?.backupWindow ?? instance.backupWindow,
    BackupRetentionPeriod: cluster?.retentionDays ?? instance.retentionDays,
    DBSecurityGroups: new XmlList("DBSecurityGroup", []),
    VpcSecurityGroups: new XmlList("VpcSecurityGroupMembership", [
      { VpcSecurityGroupId: "sg-0a1b2c3d4e5f60718", Status: "active" },
    ]),
    DBParameterGroups: new XmlList("DBParameterGroup", [
      { DBParameterGroupName: instance.parameterGroup, ParameterApplyStatus: instance.parameterStatus },
    ]),
    AvailabilityZone: isReady ? instance.zone : null,
    DBSubnetGroup: { DBSubnetGroupName: "default", VpcId: "vpc-0a1b2c3d4e5f60718", SubnetGroupStatus: "Complete" },
    PreferredMaintenanceWindow: instance.maintenanceWindow,
    PendingModifiedValues: {
      DBInstanceClass: pending.instanceClass,
      AllocatedStorage: pending.allocatedStorage,
      BackupRetentionPeriod: pending.retentionDays,
      MultiAZ: pending.multiAz,
      EngineVersion: pending.engineVersion,
      DBInstanceIdentifier: pending.identifier,
    },
    MultiAZ: instance.multiAz,
    EngineVersion: instance.engineVersion,
    AutoMinorVersionUpgrade: true,
    ReadReplicaSourceDBInstanceIdentifier: instance.replicaOf,
    ReadReplicaDBInstanceIdentifiers: new XmlList(
      "ReadReplicaDBInstanceIdentifier",
      replicas.map(({ identifier }) => identifier),
    ),
    LicenseModel: engine.license,
    OptionGroupMemberships: new XmlList("OptionGroupMembership", [
      { OptionGroupName: `default:${engine.family}`, Status: "in-sync" },
    ]),
    SecondaryAvailabilityZone: instance.multiAz ? instance.secondaryZone : null,
    PubliclyAccessible: false,
    StorageType: engine.storageType,
    DbInstancePort: 0,
    DBClusterIdentifier: instance.cluster,
    StorageEncrypted: true,
    DbiResourceId: instance.resourceId,
    CACertificateIdentifier: "rds-ca-rsa2048-g1",
    CopyTagsToSnapshot: false,
    MonitoringInterval: 0,
    PromotionTier: instance.cluster === null ? null : instance.promotionTier,
    DBInstanceArn: regionArn(region, "db-instance", instance.identifier),
    IAMDatabaseAuthenticationEnabled: false,
    PerformanceInsightsEnabled: false,
    DeletionProtection: instance.deletionProtection,
    TagList: describeTags(instance.tags),
    NetworkType: "IPV4",
    BackupTarget: "region",
    AutomaticRestartTime: instance.startsAt === null ? null : new Date(instance.startsAt),
  };
}

export function describeCluster(region: Region, cluster: DbCluster): XmlObject {
  const members = membersInRegion(region, cluster.identifier);
  const zones = [...new Set(members.map(({ zone }) => zone))].sort();
  return {
    AllocatedStorage: isAurora(cluster.engine) ? 1 : (members[0]?.allocatedStorage ?? 100),
    AvailabilityZones: new XmlList("AvailabilityZone", zones),
    BackupRetentionPeriod: cluster.retentionDays,
    DBClusterIdentifier: cluster.identifier,
    DBClusterParameterGroup: `default.${engineOf(cluster.engine).family}`,
    Status: cluster.status,
    Endpoint: `${cluster.identifier}.cluster-${domainOf(region)}`,
    ReaderEndpoint: `${cluster.identifier}.cluster-ro-${domainOf(region)}`,
    MultiAZ: zones.length > 1,
    Engine: cluster.engine,
    EngineVersion: cluster.engineVersion,
    Port: cluster.port,
    MasterUsername: engineOf(cluster.engine).masterUsername,
    PreferredBackupWindow: cluster.backupWindow,
    PreferredMaintenanceWindow: cluster.maintenanceWindow,
    DBClusterMembers: new XmlList(
      "DBClusterMember",
      members.map(({ identifier, promotionTier }) => ({
        DBInstanceIdentifier: identifier,
        IsClusterWriter: identifier === cluster.writer,
        DBClusterParameterGroupStatus: "in-sync",
        PromotionTier: promotionTier,
      })),
    ),
    StorageEncrypted: true,
    DbClusterResourceId: cluster.resourceId,
    DBClusterArn: regionArn(region, "db-cluster", cluster.identifier),
    ClusterCreateTime: new Date(cluster.createdAt),
    EngineMode: "provisioned",
    // A Multi-AZ cluster has a class of its own; an Aurora cluster has only its members'.
    DBClusterInstanceClass: isAurora(cluster.engine) ? null : members[0]?.instanceClass,
    DeletionProtection: cluster.deletionProtection,
    AutomaticRestartTime: cluster.startsAt === null ? null : new Date(cluster.startsAt),
    TagList: describeTags(cluster.tags),
    NetworkType: "IPV4",
  };
}

/** @returns how much of a snapshot is made, in whole percent */
export function snapshotProgress({ timeline }: Region, { status, making }: DbSnapshot): number {
  if (status !== "creating") return 100;
  const share = (timeline.now() - making.from) / (making.to - making.from);
  return Math.max(0, Math.min(99, Math.floor(share * 100)));
}

export function describeSnapshot(region: Region, snapshot: DbSnapshot): XmlObject {
  const { license, masterUsername, storageType } = engineOf(snapshot.engine);
  return {
    DBSnapshotIdentifier: snapshot.identifier,
    DBInstanceIdentifier: snapshot.source,
    // AWS tells it when the snapshot is there.
    SnapshotCreateTime: snapshot.status === "creating" ? null : new Date(snapshot.createdAt),
    Engine: snapshot.engine,
    AllocatedStorage: snapshot.allocatedStorage,
    Status: snapshot.status,
    Port: snapshot.port,
    AvailabilityZone: snapshot.zone,
    VpcId: "vpc-0a1b2c3d4e5f60718",
    InstanceCreateTime: new Date(snapshot.sourceCreatedAt),
    MasterUsername: masterUsername,
    EngineVersion: snapshot.engineVersion,
    LicenseModel: license,
    SnapshotType: snapshot.type,
    PercentProgress: snapshotProgress(region, snapshot),
    StorageType: storageType,
    Encrypted: true,
    DBSnapshotArn: regionArn(region, "db-snapshot", snapshot.identifier),
    IAMDatabaseAuthenticationEnabled: false,
    DbiResourceId: snapshot.sourceResourceId,
    TagList: describeTags(snapshot.tags),
    SnapshotTarget: "region",
    OriginalSnapshotCreateTime: snapshot.status === "creating" ? null : new Date(snapshot.createdAt),
  };
}

export function describeClusterSnapshot(region: Region, snapshot: DbSnapshot): XmlObject {
  const { license, masterUsername } = engineOf(snapshot.engine);
  return {
    AvailabilityZones: new XmlList("AvailabilityZone", [snapshot.zone]),
    DBClusterSnapshotIdentifier: snapshot.identifier,
    DBClusterIdentifier: snapshot.source,
    SnapshotCreateTime: new Date(snapshot.createdAt),
    Engine: snapshot.engine,
    EngineMode: "provisioned",
    AllocatedStorage: snapshot.allocatedStorage,
    Status: snapshot.status,
    Port: snapshot.port,
    VpcId: "vpc-0a1b2c3d4e5f60718",
    ClusterCreateTime: new Date(snapshot.sourceCreatedAt),
    MasterUsername: masterUsername,
    EngineVersion: snapshot.engineVersion,
    LicenseModel: license,
    SnapshotType: snapshot.type,
    PercentProgress: snapshotProgress(region, snapshot),
    StorageEncrypted: true,
    DBClusterSnapshotArn: regionArn(region, "db-cluster-snapshot", snapshot.identifier),
    IAMDatabaseAuthenticationEnabled: false,
    TagList: describeTags(snapshot.tags),
    DbClusterResourceId: snapshot.sourceResourceId,
  };
}

export const describeEvent = (region: Region, { source, identifier, at, category, message }: DbEvent): XmlObject => ({
  SourceIdentifier: identifier,
  SourceType: source,
  Message: message,
  EventCategories: new XmlList("EventCategory", [category]),
  Date: new Date(at),
  SourceArn: regionArn(region, source, identifier),
});
