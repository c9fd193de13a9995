/** Reads what a call of ModifyDBInstance changes, and refuses what AWS refuses. */
import { INSTANCE_IDENTIFIER } from "../../values/identifiers.js";
import { AwsFault, invalidCombination, invalidValue } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import { DURATIONS } from "./durations.js";
import { engineOf } from "./engines.js";
import { familyOfGroup } from "./parameter-groups.js";
import type { DbInstance, PendingChanges, Region } from "./region.js";
import { checkBackupWindow, checkMaintenanceWindow } from "./window-rules.js";

/** What applies as soon as possible, whatever ApplyImmediately says. */
export type SmallInstanceChanges = Partial<
  Pick<DbInstance, "backupWindow" | "maintenanceWindow" | "retentionDays" | "deletionProtection" | "parameterGroup">
>;

const KNOWN = new Set([
  ...[
    "Action",
    "Version",
    "DBInstanceIdentifier",
    "ApplyImmediately",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
  ],
  ...["BackupRetentionPeriod", "DeletionProtection", "DBParameterGroupName", "DBInstanceClass", "AllocatedStorage"],
  ...["MultiAZ", "EngineVersion", "AllowMajorVersionUpgrade", "NewDBInstanceIdentifier"],
]);

/** What a member of a cluster has from its cluster. */
const OF_CLUSTER: Readonly<Record<string, string>> = {
  PreferredBackupWindow: "backup window",
  BackupRetentionPeriod: "backup retention period",
  AllocatedStorage: "allocated storage",
  MultiAZ: "availability zones",
  EngineVersion: "engine version",
};

/** @returns the values that differ from those the instance has */
const differing = <T extends object>(changes: T, current: object): Partial<T> =>
  Object.fromEntries(
    Object.entries(changes).filter(([name, value]) => value !== undefined && value !== current[name as keyof object]),
  ) as Partial<T>;

function checkParameterGroup(region: Region, instance: DbInstance, given: string): string {
  const name = given.toLowerCase();
  const { family } = engineOf(instance.engine);
  const found = familyOfGroup(region, name);
  if (found !== family)
    throw invalidCombination(
      `The parameter group ${name} with DBParameterGroupFamily ${found} cannot be used for this instance.`,
    );
  return name;
}

export function checkInstanceStorage(region: Region, instance: DbInstance, gibibytes: number): void {
  if (gibibytes === instance.allocatedStorage) return;
  if (instance.status === "storage-optimization")
    throw invalidCombination(
      "You can't currently modify the storage of this DB instance because it is being optimized.",
    );
  if (region.timeline.now() - instance.storageGrownAt < DURATIONS.betweenStorageChanges)
    throw invalidCombination(
      "You can't currently modify the storage of this DB instance because the previous storage change is being optimized.",
    );
  if (gibibytes * 10 < instance.allocatedStorage * 11)
    throw invalidCombination(
      "Invalid storage size for engine name: the new value must be at least 10 percent greater than the current one.",
    );
  if (gibibytes > 65_536) throw new AwsFault("StorageQuotaExceeded", "The storage quota of 65536 GiB is exceeded.");
}

function checkIdentifier({ instances }: Region, instance: DbInstance, given: string): string {
  const identifier = given.toLowerCase();
  if (!INSTANCE_IDENTIFIER.test(identifier))
    throw invalidValue("The parameter NewDBInstanceIdentifier is not a valid identifier.");
  if (identifier !== instance.identifier && instances.has(identifier))
    throw new AwsFault("DBInstanceAlreadyExists", "DB instance already exists");
  return identifier;
}

/** @throws what AWS refuses, whatever the instance's status is */
export function readInstanceChanges(region: Region, instance: DbInstance, parameters: CallParameters) {
  const unknown = parameters.names.find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw invalidValue(`This simulated RDS does not change ${unknown}.`);
  const foreign = parameters.names.find((name) => instance.cluster !== null && OF_CLUSTER[name] !== undefined);
  if (foreign !== undefined)
    throw invalidCombination(
      `The requested DB Instance will be a member of a DB Cluster. Set ${OF_CLUSTER[foreign]} for the DB Cluster.`,
    );
  const read = <T>(name: string, check: (text: string) => T) => {
    const text = parameters.text(name);
    return text === undefined ? undefined : check(text);
  };
  const retentionDays = parameters.whole("BackupRetentionPeriod");
  if (retentionDays !== undefined && (retentionDays < 0 || retentionDays > 35))
    throw invalidValue(`Invalid backup retention period: ${retentionDays}. Must be between 0 and 35.`);
  const isSource = [...region.instances.values()].some(({ replicaOf }) => replicaOf === instance.identifier);
  if (retentionDays === 0 && isSource)
    throw invalidValue("Automated backups cannot be disabled for an instance that has read replicas.");
  // Turning backups on or off takes an outage; a longer or shorter time does not.
  const turnsBackups = retentionDays !== undefined && (retentionDays === 0) !== (instance.retentionDays === 0);
  const small: SmallInstanceChanges = differing(
    {
      backupWindow: read("PreferredBackupWindow", checkBackupWindow),
      maintenanceWindow: read("PreferredMaintenanceWindow", checkMaintenanceWindow),
      retentionDays: turnsBackups ? undefined : retentionDays,
      deletionProtection: parameters.flag("DeletionProtection"),
      parameterGroup: read("DBParameterGroupName", (name) => checkParameterGroup(region, instance, name)),
    },
    instance,
  );
  const large: PendingChanges = differing(
    {
      retentionDays: turnsBackups ? retentionDays : undefined,
      instanceClass: read("DBInstanceClass", (name) => {
        if (/^db\.[a-z0-9-]+\.[a-z0-9]+$/.test(name)) return name;
        throw invalidValue(`Invalid DB Instance class: ${name}`);
      }),
      allocatedStorage: parameters.whole("AllocatedStorage"),
      multiAz: parameters.flag("MultiAZ"),
      engineVersion: parameters.text("EngineVersion"),
      identifier: read("NewDBInstanceIdentifier", (name) => checkIdentifier(region, instance, name)),
    },
    instance,
  );
  return { small, large };
}
