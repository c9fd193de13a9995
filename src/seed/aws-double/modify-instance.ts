/** The action that changes an instance: what applies soon, and what waits for the maintenance window unless it is wanted at once. */
import { isDeepStrictEqual } from "node:util";
import { isWithinWindow, maintenanceWindowOf, nextWindowStart } from "../../values/windows.js";
import { invalidCombination, invalidInstanceState } from "./aws-fault.js";
import { planBackups } from "./backups.js";
import { describeInstance } from "./descriptions.js";
import { DURATIONS } from "./durations.js";
import { checkInstanceStorage, readInstanceChanges, type SmallInstanceChanges } from "./instance-changes.js";
import {
  addRegionEvent,
  type DbInstance,
  enterStatus,
  instanceInRegion,
  type PendingChanges,
  type RdsAction,
  type Region,
} from "./region.js";
import { requireApart } from "./window-rules.js";

const UNCHANGEABLE = new Set(["stopped", "stopping", "creating", "deleting", "delete-precheck", "failed"]);

/** Puts in force what takes an outage or long. */
function apply(region: Region, instance: DbInstance, changes: PendingChanges): void {
  const tell = (text: string) =>
    addRegionEvent(region, "db-instance", instance.identifier, "configuration change", text);
  const { identifier, allocatedStorage, ...others } = changes;
  const subjects = [
    others.instanceClass !== undefined ? "modification to DB instance class" : [],
    others.multiAz === true ? "modification to convert to a Multi-AZ DB instance" : [],
    others.multiAz === false ? "modification to convert to a standard (Single-AZ) DB instance" : [],
    others.engineVersion !== undefined ? "modification to the engine version" : [],
    allocatedStorage !== undefined ? "modification to allocated storage" : [],
  ].flat();
  for (const subject of subjects) tell(`Applying ${subject}`);

  const rename = () => {
    if (identifier === undefined || region.instances.has(identifier)) enterStatus(region, instance, "available");
    else beginRenaming(region, instance, identifier);
  };
  const isRenameOnly = Object.keys(changes).length === 1 && identifier !== undefined;
  if (isRenameOnly) {
    rename();
    return;
  }
  enterStatus(region, instance, others.engineVersion === undefined ? "modifying" : "upgrading", {
    after: DURATIONS.change,
    act: () => {
      Object.assign(instance, others);
      if (others.multiAz !== undefined)
        instance.secondaryZone = others.multiAz ? otherZone(region, instance.zone) : null;
      if (others.retentionDays !== undefined)
        tell(others.retentionDays === 0 ? "Disabled automated backups" : "Enabled automated backups");
      for (const subject of subjects) tell(`Finished applying ${subject}`);
      if (allocatedStorage === undefined) rename();
      else {
        Object.assign(instance, { allocatedStorage, storageGrownAt: region.timeline.now() });
        enterStatus(region, instance, "storage-optimization", { after: DURATIONS.storageOptimization, act: rename });
      }
    },
  });
}

/** @returns a zone of the region that is not this one */
export const otherZone = ({ name }: Region, zone: string): string => `${name}${zone.endsWith("a") ? "b" : "a"}`;

/** Gives an instance another identifier at once; its resource id stays. */
export function renameInstance(region: Region, instance: DbInstance, identifier: string): void {
  const former = instance.identifier;
  region.instances.delete(former);
  instance.identifier = identifier;
  region.instances.set(identifier, instance);
  for (const other of region.instances.values()) if (other.replicaOf === former) other.replicaOf = identifier;
  const cluster = instance.cluster === null ? undefined : region.clusters.get(instance.cluster);
  if (cluster?.writer === former) cluster.writer = identifier;
  addRegionEvent(region, "db-instance", identifier, "notification", `Renamed instance from ${former} to ${identifier}`);
}

function beginRenaming(region: Region, instance: DbInstance, identifier: string): void {
  enterStatus(region, instance, "renaming", {
    after: DURATIONS.rename,
    act: () => {
      renameInstance(region, instance, identifier);
      enterStatus(region, instance, "rebooting", {
        after: DURATIONS.reboot,
        act: () => enterStatus(region, instance, "available"),
      });
    },
  });
}

/** Plans what waits for the maintenance window; where the window was moved meanwhile, another plan serves it. */
function awaitMaintenance(region: Region, instance: DbInstance): void {
  const window = maintenanceWindowOf(instance.maintenanceWindow);
  if (!window || Object.keys(instance.pending).length === 0) return;
  region.timeline.at(nextWindowStart(window, new Date(region.timeline.now())).getTime(), () => {
    const current = maintenanceWindowOf(instance.maintenanceWindow);
    if (region.instances.get(instance.identifier) !== instance || !current) return;
    if (!isWithinWindow(current, new Date(region.timeline.now()))) return;
    if (instance.status !== "available") {
      awaitMaintenance(region, instance);
      return;
    }
    const changes = instance.pending;
    instance.pending = {};
    if (Object.keys(changes).length > 0) apply(region, instance, changes);
  });
}

function applySmall(region: Region, instance: DbInstance, { parameterGroup, ...changes }: SmallInstanceChanges): void {
  if (parameterGroup !== undefined) {
    // The name changes at once; the parameters wait for a reboot.
    Object.assign(instance, { parameterGroup, parameterStatus: "applying" });
    region.timeline.after(DURATIONS.parameterGroup, () => {
      if (instance.parameterStatus !== "applying") return;
      instance.parameterStatus = "pending-reboot";
      addRegionEvent(
        region,
        "db-instance",
        instance.identifier,
        "configuration change",
        `Updated to use DBParameterGroup ${parameterGroup}`,
      );
    });
  }
  if (Object.keys(changes).length === 0) return;
  region.timeline.after(DURATIONS.smallChange, () => {
    Object.assign(instance, changes);
    if (changes.backupWindow !== undefined) planBackups(region, instance);
    if (changes.maintenanceWindow !== undefined) awaitMaintenance(region, instance);
  });
  if (instance.status === "available")
    enterStatus(region, instance, "modifying", {
      after: DURATIONS.smallChange,
      act: () => enterStatus(region, instance, "available"),
    });
}

const modifyDBInstance: RdsAction = (region, parameters) => {
  const instance = instanceInRegion(region, parameters.required("DBInstanceIdentifier"));
  const immediately = parameters.flag("ApplyImmediately") ?? false;
  const { small, large } = readInstanceChanges(region, instance, parameters);
  const isLarge = Object.keys(large).length > 0;
  const isPending = !immediately && isDeepStrictEqual({ ...instance.pending, ...large }, instance.pending) && isLarge;
  if ((!isLarge || isPending) && Object.keys(small).length === 0)
    throw invalidCombination("No modifications were requested");
  requireApart(small.backupWindow ?? instance.backupWindow, small.maintenanceWindow ?? instance.maintenanceWindow);
  if (large.allocatedStorage !== undefined) checkInstanceStorage(region, instance, large.allocatedStorage);
  const needsAvailable = isLarge || small.parameterGroup !== undefined;
  if (UNCHANGEABLE.has(instance.status) || (needsAvailable && instance.status !== "available"))
    throw invalidInstanceState("Database instance is not in available state.");
  Object.assign(instance.pending, large);
  if (immediately) {
    // What has waited for the maintenance window is applied with it, whatever this call itself changes.
    const changes = instance.pending;
    instance.pending = {};
    if (Object.keys(changes).length > 0) apply(region, instance, changes);
  } else if (isLarge) awaitMaintenance(region, instance);
  applySmall(region, instance, small);
  return { DBInstance: describeInstance(region, instance) };
};

export const MODIFY_INSTANCE_ACTIONS: Readonly<Record<string, RdsAction>> = { ModifyDBInstance: modifyDBInstance };
