/** The actions that restore snapshots as new instances and clusters, and that make the instances of a cluster. */
import { INSTANCE_IDENTIFIER } from "../../values/identifiers.js";
import { AwsFault, invalidClusterState, invalidCombination, invalidValue } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import { describeCluster, describeInstance } from "./descriptions.js";
import { DURATIONS } from "./durations.js";
import { isAurora } from "./engines.js";
import { beginCreation } from "./instances.js";
import { addRegionCluster, addRegionInstance } from "./new-resources.js";
import {
  addRegionEvent,
  clusterInRegion,
  type DbSnapshot,
  enterStatus,
  identifierInRegion,
  type RdsAction,
  type Region,
} from "./region.js";
import { readTags } from "./tags.js";
import { CLUSTER_SNAPSHOTS, INSTANCE_SNAPSHOTS, type SnapshotKind } from "./take-snapshot.js";
import { checkBackupWindow, checkMaintenanceWindow } from "./window-rules.js";

const COMMON = ["Action", "Version", "DBSubnetGroupName", "PubliclyAccessible", "BackupRetentionPeriod", "Tags"];
const OF_INSTANCE = [
  ...["DBInstanceIdentifier", "DBSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBInstanceClass", "MultiAZ"],
  ...["PreferredBackupWindow", "VpcSecurityGroupIds", ...COMMON],
];
const OF_CLUSTER = [
  ...["DBClusterIdentifier", "SnapshotIdentifier", "Engine", "EngineVersion", "PreferredBackupWindow"],
  ...["VpcSecurityGroupIds", "ServerlessV2ScalingConfiguration", ...COMMON],
];
const OF_MEMBER = [
  ...["Action", "Version", "DBInstanceIdentifier", "DBClusterIdentifier", "Engine", "DBInstanceClass"],
  ...["PubliclyAccessible", "PreferredMaintenanceWindow", "PromotionTier", "Tags"],
];

function requireKnown(parameters: CallParameters, known: readonly string[]): void {
  const unknown = parameters.names.find((name) => !known.includes(name.split(".")[0]!));
  if (unknown !== undefined) throw invalidValue(`This simulated RDS does not take ${unknown} for what is new.`);
}

function newIdentifier(parameters: CallParameters, parameter: string): string {
  const given = parameters.required(parameter);
  if (!INSTANCE_IDENTIFIER.test(given)) throw invalidValue(`The parameter ${parameter} is not a valid identifier.`);
  return given.toLowerCase();
}

function newInstanceIdentifier(region: Region, parameters: CallParameters): string {
  const identifier = newIdentifier(parameters, "DBInstanceIdentifier");
  if (region.instances.has(identifier)) throw new AwsFault("DBInstanceAlreadyExists", "DB instance already exists");
  return identifier;
}

/** @throws that it does not exist, or cannot be restored */
function availableSnapshot(region: Region, kind: SnapshotKind, name: string): DbSnapshot {
  const snapshot = kind.snapshots(region).get(identifierInRegion(region, kind.source, name));
  if (!snapshot) throw kind.notFound(name);
  if (snapshot.status === "available") return snapshot;
  throw new AwsFault(
    kind.invalidState,
    `Cannot restore the snapshot ${name} because it is in the ${snapshot.status} state.`,
  );
}

/** What an instance or a cluster has by parameters that both take. */
function commonOf(parameters: CallParameters, fewestDays: number) {
  const retentionDays = parameters.whole("BackupRetentionPeriod") ?? 1;
  if (retentionDays < fewestDays || retentionDays > 35)
    throw invalidValue(`Invalid backup retention period: ${retentionDays}. Must be between ${fewestDays} and 35.`);
  const backupWindow = parameters.text("PreferredBackupWindow");
  const tags = Object.fromEntries(readTags(parameters).map(({ key, value }) => [key, value]));
  return { retentionDays, tags, ...(backupWindow !== undefined && { backupWindow: checkBackupWindow(backupWindow) }) };
}

const restoreDBInstanceFromDBSnapshot: RdsAction = (region, parameters) => {
  requireKnown(parameters, OF_INSTANCE);
  const identifier = newInstanceIdentifier(region, parameters);
  const [own, ofCluster] = [parameters.text("DBSnapshotIdentifier"), parameters.text("DBClusterSnapshotIdentifier")];
  if ((own === undefined) === (ofCluster === undefined))
    throw invalidCombination("Give either DBSnapshotIdentifier or DBClusterSnapshotIdentifier.");
  const snapshot =
    own === undefined
      ? availableSnapshot(region, CLUSTER_SNAPSHOTS, ofCluster!)
      : availableSnapshot(region, INSTANCE_SNAPSHOTS, own);
  if (isAurora(snapshot.engine)) throw invalidCombination("A snapshot of Aurora is restored as a cluster.");
  const { engine, engineVersion } = snapshot;
  const instanceClass = parameters.text("DBInstanceClass");
  const instance = addRegionInstance(region, {
    ...{ identifier, engine, engineVersion, allocatedStorage: Math.max(20, snapshot.allocatedStorage) },
    ...(instanceClass !== undefined && { instanceClass }),
    multiAz: parameters.flag("MultiAZ") ?? false,
    ...commonOf(parameters, 0),
  });
  beginCreation(region, instance);
  addRegionEvent(region, "db-instance", identifier, "restoration", `Restored from snapshot ${snapshot.identifier}`);
  return { DBInstance: describeInstance(region, instance) };
};

const restoreDBClusterFromSnapshot: RdsAction = (region, parameters) => {
  requireKnown(parameters, OF_CLUSTER);
  const identifier = newIdentifier(parameters, "DBClusterIdentifier");
  if (region.clusters.has(identifier)) throw new AwsFault("DBClusterAlreadyExistsFault", "DB Cluster already exists");
  const snapshot = availableSnapshot(region, CLUSTER_SNAPSHOTS, parameters.required("SnapshotIdentifier"));
  const { engine, engineVersion } = snapshot;
  if (parameters.required("Engine") !== engine) throw invalidValue(`The snapshot is of the engine ${engine}.`);
  if (!isAurora(engine)) throw invalidCombination("This simulated RDS restores clusters of Aurora only.");
  const cluster = addRegionCluster(region, { identifier, engine, engineVersion, ...commonOf(parameters, 1) });
  enterStatus(region, cluster, "creating", {
    after: DURATIONS.creation,
    act: () => {
      addRegionEvent(region, "db-cluster", identifier, "creation", "DB cluster created");
      enterStatus(region, cluster, "available");
    },
  });
  return { DBCluster: describeCluster(region, cluster) };
};

const createDBInstance: RdsAction = (region, parameters) => {
  if (parameters.text("DBClusterIdentifier") === undefined)
    throw invalidValue("This simulated RDS makes instances of clusters only.");
  requireKnown(parameters, OF_MEMBER);
  const identifier = newInstanceIdentifier(region, parameters);
  const cluster = clusterInRegion(region, parameters.required("DBClusterIdentifier"));
  const { engine, engineVersion } = cluster;
  if (parameters.required("Engine") !== engine) throw invalidCombination(`The cluster's engine is ${engine}.`);
  if (cluster.status !== "available")
    throw invalidClusterState(`DB cluster ${cluster.identifier} is not in available state.`);
  const maintenanceWindow = parameters.text("PreferredMaintenanceWindow");
  const instance = addRegionInstance(region, {
    ...{ identifier, engine, engineVersion, cluster: cluster.identifier },
    instanceClass: parameters.required("DBInstanceClass"),
    promotionTier: parameters.whole("PromotionTier") ?? 1,
    ...(maintenanceWindow !== undefined && { maintenanceWindow: checkMaintenanceWindow(maintenanceWindow) }),
    tags: Object.fromEntries(readTags(parameters).map(({ key, value }) => [key, value])),
  });
  cluster.writer ??= identifier;
  beginCreation(region, instance);
  return { DBInstance: describeInstance(region, instance) };
};

export const RESTORE_ACTIONS: Readonly<Record<string, RdsAction>> = {
  RestoreDBInstanceFromDBSnapshot: restoreDBInstanceFromDBSnapshot,
  RestoreDBClusterFromSnapshot: restoreDBClusterFromSnapshot,
  CreateDBInstance: createDBInstance,
};
