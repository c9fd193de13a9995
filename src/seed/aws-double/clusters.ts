/** The actions on clusters (Aurora and Multi-AZ): listed, failed over, changed, stopped and started. */
import { invalidClusterState, invalidCombination, invalidInstanceState, invalidValue } from "./aws-fault.js";
import { planBackups } from "./backups.js";
import { describeCluster } from "./descriptions.js";
import { DURATIONS } from "./durations.js";
import { pageOf } from "./paging.js";
import {
  addRegionEvent,
  clusterInRegion,
  type DbCluster,
  type DbInstance,
  enterStatus,
  instanceInRegion,
  membersInRegion,
  type RdsAction,
  type Region,
} from "./region.js";
import { checkBackupWindow, checkMaintenanceWindow, requireApart } from "./window-rules.js";

const describeDBClusters: RdsAction = (region, parameters) => {
  const name = parameters.text("DBClusterIdentifier");
  const clusters = name === undefined ? region.clusters.values() : [clusterInRegion(region, name)];
  return pageOf(region, parameters, clusters, {
    list: "DBClusters",
    member: "DBCluster",
    key: ({ identifier }) => identifier,
    filters: {
      "db-cluster-id": ({ identifier }) => identifier,
      "db-cluster-resource-id": ({ resourceId }) => resourceId,
      engine: ({ engine }) => engine,
      "clone-group-id": () => null,
      domain: () => null,
    },
    describe: describeCluster,
  });
};

/** @returns the reader that becomes the writer: the named one, or the first in the order of promotion */
function chooseTarget(region: Region, cluster: DbCluster, name: string | undefined): DbInstance {
  const readers = membersInRegion(region, cluster.identifier).filter(({ identifier }) => identifier !== cluster.writer);
  const available = readers
    .filter(({ status }) => status === "available")
    .sort((one, other) => one.promotionTier - other.promotionTier || (one.identifier < other.identifier ? -1 : 1));
  if (name === undefined) {
    if (available[0]) return available[0];
    throw invalidClusterState(
      `Cannot failover cluster ${cluster.identifier} because it has no reader that is available.`,
    );
  }
  const target = instanceInRegion(region, name);
  if (target.cluster !== cluster.identifier)
    throw invalidInstanceState(
      `DB instance ${target.identifier} is not a member of the cluster ${cluster.identifier}.`,
    );
  if (!readers.includes(target))
    throw invalidClusterState(
      `Cannot failover to ${target.identifier} because it is already the writer of the cluster.`,
    );
  if (!available.includes(target))
    throw invalidInstanceState(`DB instance ${target.identifier} is not in available state.`);
  return target;
}

const failoverDBCluster: RdsAction = (region, parameters) => {
  const cluster = clusterInRegion(region, parameters.required("DBClusterIdentifier"));
  if (cluster.status !== "available")
    throw invalidClusterState(`DB cluster ${cluster.identifier} is not in available state.`);
  const target = chooseTarget(region, cluster, parameters.text("TargetDBInstanceIdentifier"));
  const writer = cluster.writer === null ? undefined : region.instances.get(cluster.writer);
  const reach = writer?.zone === target.zone ? "same" : "cross";
  const tell = (message: string) => addRegionEvent(region, "db-cluster", cluster.identifier, "failover", message);
  tell(`Started ${reach} AZ failover to DB instance: ${target.identifier}`);
  enterStatus(region, cluster, "failing-over", {
    after: DURATIONS.clusterFailover,
    act: () => {
      cluster.writer = target.identifier;
      enterStatus(region, cluster, "available");
      for (const { identifier } of [target, ...(writer ? [writer] : [])])
        addRegionEvent(region, "db-instance", identifier, "availability", "DB instance restarted");
      tell(`Completed failover to DB instance: ${target.identifier}`);
    },
  });
  return { DBCluster: describeCluster(region, cluster) };
};

const KNOWN = new Set([
  ...["Action", "Version", "DBClusterIdentifier", "ApplyImmediately", "PreferredBackupWindow"],
  ...["PreferredMaintenanceWindow", "BackupRetentionPeriod", "DeletionProtection"],
]);

const modifyDBCluster: RdsAction = (region, parameters) => {
  const cluster = clusterInRegion(region, parameters.required("DBClusterIdentifier"));
  const unknown = parameters.names.find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw invalidValue(`This simulated RDS does not change ${unknown} of a cluster.`);
  const backupWindow = parameters.text("PreferredBackupWindow");
  const maintenanceWindow = parameters.text("PreferredMaintenanceWindow");
  const retentionDays = parameters.whole("BackupRetentionPeriod") ?? cluster.retentionDays;
  if (retentionDays < 1 || retentionDays > 35)
    throw invalidValue(`Invalid backup retention period: ${retentionDays}. Must be between 1 and 35.`);
  const wanted = {
    backupWindow: backupWindow === undefined ? cluster.backupWindow : checkBackupWindow(backupWindow),
    maintenanceWindow:
      maintenanceWindow === undefined ? cluster.maintenanceWindow : checkMaintenanceWindow(maintenanceWindow),
    retentionDays,
    deletionProtection: parameters.flag("DeletionProtection") ?? cluster.deletionProtection,
  };
  if (Object.entries(wanted).every(([name, value]) => cluster[name as keyof typeof wanted] === value))
    throw invalidCombination("No modifications were requested");
  requireApart(wanted.backupWindow, wanted.maintenanceWindow);
  if (cluster.status !== "available" && cluster.status !== "backing-up")
    throw invalidClusterState(`DB cluster ${cluster.identifier} is not in available state.`);
  region.timeline.after(DURATIONS.smallChange, () => {
    const movesBackups = cluster.backupWindow !== wanted.backupWindow;
    Object.assign(cluster, wanted);
    if (movesBackups) planBackups(region, cluster);
  });
  if (cluster.status === "available")
    enterStatus(region, cluster, "modifying", {
      after: DURATIONS.smallChange,
      act: () => enterStatus(region, cluster, "available"),
    });
  return { DBCluster: describeCluster(region, cluster) };
};

/** Sets the status of a cluster, and with it that of its members. */
function enterWithMembers(
  region: Region,
  cluster: DbCluster,
  status: string,
  next?: Parameters<typeof enterStatus>[3],
) {
  for (const member of membersInRegion(region, cluster.identifier)) enterStatus(region, member, status);
  enterStatus(region, cluster, status, next);
}

function beginClusterStart(region: Region, cluster: DbCluster): void {
  cluster.startsAt = null;
  enterWithMembers(region, cluster, "starting", {
    after: DURATIONS.start,
    act: () => {
      enterWithMembers(region, cluster, "available");
      addRegionEvent(region, "db-cluster", cluster.identifier, "notification", "DB cluster started");
    },
  });
}

const stopDBCluster: RdsAction = (region, parameters) => {
  const cluster = clusterInRegion(region, parameters.required("DBClusterIdentifier"));
  const { identifier, engine } = cluster;
  if (!engine.startsWith("aurora")) throw invalidCombination("StopDBCluster applies to Aurora DB clusters only.");
  if (cluster.status !== "available") throw invalidClusterState(`DbCluster ${identifier} is not in available state.`);
  const tell = (message: string) => addRegionEvent(region, "db-cluster", identifier, "notification", message);
  enterWithMembers(region, cluster, "stopping", {
    after: DURATIONS.stop,
    act: () => {
      cluster.startsAt = region.timeline.now() + DURATIONS.longestStop;
      tell("DB cluster stopped");
      enterWithMembers(region, cluster, "stopped", {
        after: DURATIONS.longestStop,
        act: () => {
          tell("DB cluster is being started due to it exceeding the maximum allowed time being stopped.");
          beginClusterStart(region, cluster);
        },
      });
    },
  });
  return { DBCluster: describeCluster(region, cluster) };
};

const startDBCluster: RdsAction = (region, parameters) => {
  const cluster = clusterInRegion(region, parameters.required("DBClusterIdentifier"));
  if (cluster.status !== "stopped")
    throw invalidClusterState(`DBCluster ${cluster.identifier} is not in stopped state, it cannot be started.`);
  beginClusterStart(region, cluster);
  return { DBCluster: describeCluster(region, cluster) };
};

export const CLUSTER_ACTIONS: Readonly<Record<string, RdsAction>> = {
  DescribeDBClusters: describeDBClusters,
  FailoverDBCluster: failoverDBCluster,
  ModifyDBCluster: modifyDBCluster,
  StopDBCluster: stopDBCluster,
  StartDBCluster: startDBCluster,
};
