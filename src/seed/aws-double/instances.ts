/** Instances: made, listed, rebooted, stopped, started and deleted. */
import { AwsFault, invalidCombination, invalidInstanceState } from "./aws-fault.js";
import { backUpInstance } from "./backups.js";
import { describeInstance } from "./descriptions.js";
import { DURATIONS } from "./durations.js";
import { pageOf } from "./paging.js";
import {
  addRegionEvent,
  type DbInstance,
  enterStatus,
  instanceInRegion,
  type RdsAction,
  type Region,
} from "./region.js";
import { createSnapshotOf } from "./snapshots.js";

const tell = (region: Region, { identifier }: DbInstance, category: string, message: string) =>
  addRegionEvent(region, "db-instance", identifier, category, message);

/** Lets a new instance be created, backed up and available in the end. */
export function beginCreation(region: Region, instance: DbInstance): void {
  enterStatus(region, instance, "creating", {
    after: DURATIONS.creation,
    act: () => {
      tell(region, instance, "creation", "DB instance created");
      enterStatus(region, instance, "available");
      if (instance.cluster === null && instance.retentionDays > 0) backUpInstance(region, instance);
    },
  });
}

/** Takes an instance away, and its automated snapshots with it; manual ones stay. */
export function removeInstance(region: Region, instance: DbInstance): void {
  region.instances.delete(instance.identifier);
  enterStatus(region, instance, "deleted");
  for (const [name, { type, sourceResourceId }] of region.snapshots)
    if (type === "automated" && sourceResourceId === instance.resourceId) region.snapshots.delete(name);
  const cluster = instance.cluster === null ? undefined : region.clusters.get(instance.cluster);
  if (cluster?.writer === instance.identifier) {
    const rest = [...region.instances.values()].filter((other) => other.cluster === cluster.identifier);
    cluster.writer = rest[0]?.identifier ?? null;
  }
  tell(region, instance, "deletion", "DB instance deleted");
}

export function beginDeletion(region: Region, instance: DbInstance): void {
  enterStatus(region, instance, "deleting", {
    after: DURATIONS.deletion,
    act: () => removeInstance(region, instance),
  });
}

const describeDBInstances: RdsAction = (region, parameters) => {
  const name = parameters.text("DBInstanceIdentifier");
  const instances = name === undefined ? region.instances.values() : [instanceInRegion(region, name)];
  return pageOf(region, parameters, instances, {
    list: "DBInstances",
    member: "DBInstance",
    key: ({ identifier }) => identifier,
    filters: {
      "db-cluster-id": ({ cluster }) => cluster,
      "db-instance-id": ({ identifier }) => identifier,
      "dbi-resource-id": ({ resourceId }) => resourceId,
      engine: ({ engine }) => engine,
      // None of them is in a domain.
      domain: () => null,
    },
    describe: describeInstance,
  });
};

/** Exchanges the zones of an instance, as they show some minutes after a failover. */
function showZones(region: Region, instance: DbInstance): void {
  region.timeline.after(DURATIONS.zonesShown, () => {
    const { zone, secondaryZone } = instance;
    if (secondaryZone === null) return;
    instance.zone = secondaryZone;
    instance.secondaryZone = zone;
  });
}

const rebootDBInstance: RdsAction = (region, parameters) => {
  const instance = instanceInRegion(region, parameters.required("DBInstanceIdentifier"));
  const failover = parameters.flag("ForceFailover") ?? false;
  if (failover && (!instance.multiAz || instance.cluster !== null))
    throw invalidCombination("ForceFailover cannot be specified since the instance is not configured for MultiAZ.");
  if (instance.engine.startsWith("custom-"))
    throw invalidInstanceState("RebootDBInstance does not apply to RDS Custom.");
  if (instance.status.startsWith("inaccessible-encryption-credentials"))
    throw new AwsFault("KMSKeyNotAccessibleFault", "The key of the instance's encryption cannot be used.");
  if (instance.status !== "available")
    throw invalidInstanceState("Instance cannot currently reboot due to an in-progress management operation.");
  if (failover) tell(region, instance, "failover", "Multi-AZ instance failover started");
  else tell(region, instance, "availability", "DB instance shutdown");
  enterStatus(region, instance, "rebooting", {
    after: failover ? DURATIONS.rebootWithFailover : DURATIONS.reboot,
    act: () => {
      enterStatus(region, instance, "available");
      tell(region, instance, "availability", "DB instance restarted");
      if (failover) {
        tell(region, instance, "failover", "Multi-AZ instance failover completed");
        showZones(region, instance);
      } else if (instance.parameterStatus === "pending-reboot") instance.parameterStatus = "in-sync";
    },
  });
  return { DBInstance: describeInstance(region, instance) };
};

/** @throws InvalidDBInstanceState where an instance may never be stopped */
function requireStoppable(
  { instances }: Region,
  { identifier, engine, multiAz, cluster, replicaOf }: DbInstance,
): void {
  const refuse = (reason: string) => invalidInstanceState(`Instance ${identifier} cannot be stopped: ${reason}.`);
  if (cluster !== null) throw refuse(`it is a member of the cluster ${cluster}, which is stopped as a whole`);
  if (replicaOf !== null) throw refuse("it is a read replica");
  if ([...instances.values()].some((other) => other.replicaOf === identifier)) throw refuse("it has read replicas");
  if (engine.startsWith("sqlserver") && multiAz) throw refuse("SQL Server with MultiAZ does not stop");
}

function beginStart(region: Region, instance: DbInstance): void {
  instance.startsAt = null;
  enterStatus(region, instance, "starting", {
    after: DURATIONS.start,
    act: () => {
      enterStatus(region, instance, "available");
      tell(region, instance, "notification", "DB instance started");
    },
  });
}

const stopDBInstance: RdsAction = (region, parameters) => {
  const instance = instanceInRegion(region, parameters.required("DBInstanceIdentifier"));
  requireStoppable(region, instance);
  if (instance.status !== "available")
    throw invalidInstanceState(`Instance ${instance.identifier} is not in available state.`);
  if (parameters.text("DBSnapshotIdentifier") !== undefined) createSnapshotOf(region, instance, parameters);
  // What waits for the maintenance window is dropped; a parameter group stays.
  instance.pending = {};
  enterStatus(region, instance, "stopping", {
    after: DURATIONS.stop,
    act: () => {
      instance.startsAt = region.timeline.now() + DURATIONS.longestStop;
      tell(region, instance, "notification", "DB instance stopped");
      enterStatus(region, instance, "stopped", {
        after: DURATIONS.longestStop,
        act: () => {
          const reason = "it exceeding the maximum allowed time being stopped";
          tell(region, instance, "notification", `DB instance is being started due to ${reason}.`);
          beginStart(region, instance);
        },
      });
    },
  });
  return { DBInstance: describeInstance(region, instance) };
};

const startDBInstance: RdsAction = (region, parameters) => {
  const instance = instanceInRegion(region, parameters.required("DBInstanceIdentifier"));
  if (instance.status !== "stopped")
    throw invalidInstanceState(`Instance ${instance.identifier} is not stopped, it cannot be started.`);
  beginStart(region, instance);
  return { DBInstance: describeInstance(region, instance) };
};

export const INSTANCE_ACTIONS: Readonly<Record<string, RdsAction>> = {
  DescribeDBInstances: describeDBInstances,
  RebootDBInstance: rebootDBInstance,
  StopDBInstance: stopDBInstance,
  StartDBInstance: startDBInstance,
};
