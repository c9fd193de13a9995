/** Turns what RDS says of an instance and its cluster into the description of an instance, whatever the engine, status or fields. */
import type { DBCluster, DBInstance, Tag as RdsTag } from "@aws-sdk/client-rds";
import { makeWellFormed } from "../../values/well-formed.js";
import { type ProviderMember, UNOBSERVED_MEMBER } from "../member.js";
import type { Finding, InstanceDescription, ProviderParameterGroup, Tag } from "../provider.js";
import type { AwsScope } from "./scopes.js";

const BACKUP_WINDOW = /^\d\d:\d\d-\d\d:\d\d$/;
const MAINTENANCE_WINDOW = /^[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d$/;
const MAX_TEXT = 64;
const MAX_TAGS = 100;

/** @returns a text as it can be stored; AWS's own never exceed the length */
const textOf = (text: string | undefined, maxLength = MAX_TEXT): string | null =>
  text ? makeWellFormed(text).slice(0, maxLength).toWellFormed() : null;

const wholeOf = (number: number | undefined): number | null =>
  number !== undefined && Number.isInteger(number) && number >= 0 && number < 2 ** 31 ? number : null;

/** @returns the window in lower case, or null where the text is none */
function windowOf(text: string | undefined, form: RegExp): string | null {
  const lower = text?.trim().toLowerCase() ?? "";
  return form.test(lower) ? lower : null;
}

const byText =
  <T>(textOf: (item: T) => string) =>
  (one: T, other: T): number =>
    textOf(one) < textOf(other) ? -1 : textOf(one) > textOf(other) ? 1 : 0;

/** @returns the tags in an order of their own: AWS promises none, and another order is no change */
export const rdsTags = (tags: readonly RdsTag[] = []): Tag[] =>
  tags
    .flatMap(({ Key, Value }) => {
      const key = textOf(Key, 128);
      return key === null ? [] : [{ key, value: textOf(Value, 256) ?? "" }];
    })
    .sort(byText(({ key, value }) => `${key}\n${value}`))
    .slice(0, MAX_TAGS);

/** The members of a cluster by identifier, as far as they are known. */
export interface RdsCluster {
  readonly cluster: DBCluster;
  readonly members: ReadonlyMap<string, DBInstance>;
}

const statusOf = (status: string | undefined): string => textOf(status)?.toLowerCase() ?? "unknown";

const endpointOf = ({ Endpoint: endpoint }: DBInstance) => {
  const host = textOf(endpoint?.Address, 255);
  const port = wholeOf(endpoint?.Port);
  return host === null || port === null ? null : { host, port };
};

/** @returns the identifier of the member that takes writes, or null */
export const writerOfCluster = ({ DBClusterMembers: members = [] }: DBCluster): string | null =>
  members.find(({ IsClusterWriter: isWriter }) => isWriter)?.DBInstanceIdentifier ?? null;

/** A cluster's members are instances of their own, the writer before the readers; the others of an instance are its zones. */
function membersOf(instance: DBInstance, group: RdsCluster | undefined): ProviderMember[] {
  if (group)
    return (group.cluster.DBClusterMembers ?? [])
      .flatMap(({ DBInstanceIdentifier: id = "", IsClusterWriter }) => {
        const member = group.members.get(id);
        const name = textOf(id, 255);
        const seen = member && { endpoint: endpointOf(member), status: statusOf(member.DBInstanceStatus) };
        const role: ProviderMember["role"] = IsClusterWriter ? "PRIMARY" : "STANDBY";
        return name === null ? [] : [{ ...UNOBSERVED_MEMBER, name, role, endpoint: null, ...seen }];
      })
      .sort(byText(({ role, name }) => `${role} ${name}`));
  const name = textOf(instance.AvailabilityZone) ?? textOf(instance.DBInstanceIdentifier, 255) ?? "primary";
  const status = statusOf(instance.DBInstanceStatus);
  const primary = { ...UNOBSERVED_MEMBER, name, role: "PRIMARY", endpoint: endpointOf(instance), status } as const;
  if (!instance.MultiAZ) return [primary];
  const zone = textOf(instance.SecondaryAvailabilityZone) ?? "standby";
  return [primary, { ...UNOBSERVED_MEMBER, name: zone, role: "STANDBY", endpoint: null }];
}

/** @returns the parameter group of an instance, null where AWS tells none */
export function parameterGroupOf({ DBParameterGroups: groups }: DBInstance): ProviderParameterGroup | null {
  const name = textOf(groups?.[0]?.DBParameterGroupName, 255);
  return name === null ? null : { name, status: statusOf(groups?.[0]?.ParameterApplyStatus) };
}

/** What waits for the maintenance window, in words. A password is only named. */
const PENDING = {
  DBInstanceClass: "the class becomes",
  AllocatedStorage: "the storage in GiB becomes",
  BackupRetentionPeriod: "backups are kept for days:",
  MultiAZ: "Multi-AZ becomes",
  EngineVersion: "the version becomes",
  DBInstanceIdentifier: "the identifier becomes",
  Iops: "the IOPS become",
  StorageThroughput: "the throughput becomes",
  StorageType: "the kind of storage becomes",
  Port: "the port becomes",
  LicenseModel: "the license becomes",
  DBSubnetGroupName: "the subnet group becomes",
  CACertificateIdentifier: "the certificate becomes",
} as const;

function findingsOf(instance: DBInstance): Finding[] {
  const pending = instance.PendingModifiedValues ?? {};
  const changes = Object.entries(PENDING).flatMap(([name, words]) => {
    const value = pending[name as keyof typeof PENDING];
    return value === undefined ? [] : [`${words} ${textOf(String(value), 255)}`];
  });
  if (pending.MasterUserPassword !== undefined) changes.push("the master password changes");
  const groups = (instance.DBParameterGroups ?? [])
    .filter(({ ParameterApplyStatus: status }) => status === "pending-reboot")
    .map(({ DBParameterGroupName: name }) => textOf(name, 255));
  const about = (kind: string, detail: string): Finding => ({ kind, severity: "INFO", subject: null, detail });
  return [
    ...(changes.length > 0
      ? [about("pending_modifications", `In the next maintenance window: ${changes.join("; ")}.`)]
      : []),
    ...(groups.length > 0
      ? [about("pending_reboot", `Parameters of ${groups.join(", ")} count only after a reboot without failover.`)]
      : []),
  ];
}

/** A status of the cluster counts where it stops what the instance alone would allow. */
function statusWithin(instance: DBInstance, group: RdsCluster | undefined): string {
  const own = statusOf(instance.DBInstanceStatus);
  return own === "available" && group ? statusOf(group.cluster.Status) : own;
}

/** @returns the provider's id of an instance, of which `id` is the last part */
export const rdsProviderId = ({ accountId, region }: AwsScope, id: string): string => `${accountId}/${region}/${id}`;

/** @param id the last part of the provider's id */
export function describeRdsInstance(
  scope: AwsScope,
  id: string,
  instance: DBInstance,
  group: RdsCluster | undefined,
): InstanceDescription {
  const { accountId, region } = scope;
  const engine = textOf(instance.Engine) ?? "unknown";
  const members = membersOf(instance, group);
  const clusterResourceId = textOf(group?.cluster.DbClusterResourceId, 255);
  return {
    providerId: rdsProviderId(scope, id),
    identifier: textOf(instance.DBInstanceIdentifier, 255) ?? "unknown",
    arn: textOf(instance.DBInstanceArn, 2048),
    accountId,
    region,
    engine,
    engineVersion: textOf(instance.EngineVersion) ?? "unknown",
    instanceClass: textOf(instance.DBInstanceClass),
    parameterGroup: parameterGroupOf(instance),
    pendingInstanceClass: textOf(instance.PendingModifiedValues?.DBInstanceClass),
    // The storage of Aurora grows by itself, and AWS says 1.
    storageGiB: engine.startsWith("aurora") ? null : wholeOf(instance.AllocatedStorage),
    multiAz: group ? members.some(({ role }) => role === "STANDBY") : instance.MultiAZ === true,
    status: statusWithin(instance, group),
    endpoint: endpointOf(instance),
    members,
    cluster: group
      ? {
          identifier: textOf(group.cluster.DBClusterIdentifier, 255) ?? "unknown",
          arn: textOf(group.cluster.DBClusterArn, 2048) ?? "unknown",
          ...(clusterResourceId && { resourceId: clusterResourceId }),
          tags: rdsTags(group.cluster.TagList),
          maintenanceWindow: windowOf(group.cluster.PreferredMaintenanceWindow, MAINTENANCE_WINDOW),
        }
      : null,
    tags: rdsTags(instance.TagList),
    backupWindow: windowOf(group?.cluster.PreferredBackupWindow ?? instance.PreferredBackupWindow, BACKUP_WINDOW),
    // RDS applies a new window as soon as possible.
    pendingBackupWindow: null,
    maintenanceWindow: windowOf(instance.PreferredMaintenanceWindow, MAINTENANCE_WINDOW),
    backupRetentionDays: wholeOf(group?.cluster.BackupRetentionPeriod ?? instance.BackupRetentionPeriod),
    autoFailover: null,
    findings: findingsOf(instance),
  };
}
