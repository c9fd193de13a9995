/** What a client reads of the inventory: instances, their snapshots and findings. */

import { declareType, derived, embedded, field, one } from "../../../engine/declare.js";
import { enumOf } from "../../../engine/types/object-type.js";
import { OPERATION_TYPES } from "../../../values/operations.js";
import {
  AutoFailover,
  Environment,
  EnvironmentClassification,
  InstanceEndpoint,
  InstanceMember,
  OperationAvailability,
  Tag,
} from "./instance-objects.model.js";
import { alertSeverity, findings, instances, snapshots } from "./inventory.table.js";
import { type Assessed, assess } from "./operability.js";

export const AlertSeverity = enumOf(
  "AlertSeverity",
  alertSeverity.enumValues,
  "How urgent something is that people should look at.",
);

export const Instance = declareType({
  name: "Instance",
  plural: "instances",
  description: "One database server: an RDS instance or a self-managed PostgreSQL cluster.",
  table: instances,
  read: ["instances:read"],
  scope: { kind: "everyone" },
  newestBy: "discoveredAt",
  identifier: { column: instances.identifier, goneSince: instances.vanishedAt },
  fields: {
    id: field(instances.id, "Decimal text of the key."),
    identifier: field(
      instances.identifier,
      "The name that people know; `instance(id)` takes it too where it is unique.",
      { inAnyCase: true },
    ),
    provider: field(instances.provider, "Who runs it: `aws-rds` or `local`."),
    accountId: field(instances.accountId, "The provider's account."),
    region: field(instances.region, "The provider's region."),
    engine: field(instances.engine, "Such as `postgres`."),
    engineVersion: field(instances.engineVersion, "Such as `15.8`."),
    instanceClass: field(instances.instanceClass, "The provider's word for its size."),
    storageGiB: field(instances.storageGib, "Allocated storage."),
    multiAz: field(instances.multiAz, "Whether it has a standby to fail over to."),
    status: field(instances.status, "The provider's own word, such as `available`."),
    endpoint: embedded(instances.endpoint, "Where it listens.", InstanceEndpoint, ["instance-endpoints:read"]),
    members: embedded(instances.members, "Its primary and standbys.", InstanceMember),
    tags: embedded(instances.tags, "Its labels at the provider.", Tag),
    environment: embedded(
      instances.classification,
      "What it is for, and why that is believed.",
      EnvironmentClassification,
    ),
    backupWindow: field(instances.backupWindow, "When automated snapshots are taken: `hh:mm-hh:mm`, UTC."),
    pendingBackupWindow: field(
      instances.pendingBackupWindow,
      "The backup window that the next maintenance window brings.",
    ),
    maintenanceWindow: field(
      instances.maintenanceWindow,
      "When changes that wait are made: `ddd:hh:mm-ddd:hh:mm`, UTC.",
    ),
    backupRetentionDays: field(instances.backupRetentionDays, "How long automated snapshots are kept."),
    autoFailover: embedded(
      instances.autoFailover,
      "When Postern fails it over by itself; null where it does not.",
      AutoFailover,
    ),
    availableOperations: derived(instances.id, "What can be requested now, and why the rest cannot.", {
      needs: {
        provider: instances.provider,
        environment: instances.environment,
        status: instances.status,
        multiAz: instances.multiAz,
        members: instances.members,
        vanishedAt: instances.vanishedAt,
      },
      type: OperationAvailability,
      derive: (needs, access) =>
        OPERATION_TYPES.map((type) => {
          const reason = access.permissions.has("operations:run")
            ? (assess(needs as unknown as Assessed, type)?.message ?? null)
            : "Your role may not run operations.";
          return { type, allowed: reason === null, reason };
        }),
    }),
    discoveredAt: field(instances.discoveredAt, "When Postern first saw it."),
    lastSeenAt: field(instances.lastSeenAt, "When its provider last listed it."),
    vanishedAt: field(instances.vanishedAt, "Since when its provider does not list it any more; null while it does."),
  },
  filters: { environment: field(instances.environment, "What counts.", { enumeration: Environment }) },
  relations: {
    lastBackup: one(
      () => LastBackup,
      instances.lastBackupId,
      "Its newest backup that can be restored; null without one.",
    ),
  },
});

/** The snapshot's row, as an instance's newest backup. */
export const LastBackup = declareType({
  name: "LastBackup",
  plural: "lastBackups",
  description: "The newest backup of an instance that can be restored.",
  table: snapshots,
  read: ["instances:read"],
  scope: { kind: "everyone" },
  newestBy: "at",
  fields: {
    id: field(snapshots.id, "Decimal text of the key."),
    at: field(snapshots.createdAt, "When it was taken."),
  },
  relations: { snapshot: one(() => Snapshot, snapshots.id, "The snapshot, where it is one.") },
});

export const Snapshot = declareType({
  name: "Snapshot",
  plural: "snapshots",
  description: "A physical copy of an instance that can be restored.",
  table: snapshots,
  read: ["instances:read"],
  scope: { kind: "everyone" },
  newestBy: "createdAt",
  fields: {
    id: field(snapshots.id, "Decimal text of the key."),
    identifier: field(snapshots.identifier, "Its name; unique in any case.", { inAnyCase: true }),
    arn: field(snapshots.arn, "Its ARN, or its path."),
    status: field(snapshots.status, "The provider's own word, such as `available`."),
    sizeBytes: field(snapshots.sizeBytes, "Its size in bytes."),
    createdAt: field(snapshots.createdAt, "When it was taken."),
    automated: field(snapshots.automated, "Whether the schedule took it; such a one goes when its retention is over."),
    tags: embedded(snapshots.tags, "Its labels.", Tag),
  },
  relations: {
    instance: one(() => Instance, snapshots.instanceId, "What it is a copy of.", {
      name: "snapshots",
      description: "Copies that can be restored.",
    }),
  },
});

export const Finding = declareType({
  name: "Finding",
  plural: "findings",
  description: "Something about an instance that people should look at, as long as it is the case.",
  table: findings,
  read: ["findings:read"],
  scope: { kind: "staff" },
  newestBy: "openedAt",
  fields: {
    id: field(findings.id, "Decimal text of the key."),
    kind: field(findings.kind, "What it is, as a stable word such as `standby_not_replaying`."),
    severity: field(findings.severity, "How urgent it is.", { enumeration: AlertSeverity }),
    subject: field(findings.subject, "What of the instance it is about, such as a member's name; null: all of it."),
    detail: field(findings.detail, "The cause, and what to do."),
    openedAt: field(findings.openedAt, "When Postern first saw it."),
    resolvedAt: field(findings.resolvedAt, "Since when it is not the case any more; null while it is."),
  },
  relations: {
    instance: one(() => Instance, findings.instanceId, "Which instance it is about.", {
      name: "findings",
      description: "What people should look at, and what they had to.",
      nullable: true,
    }),
  },
});
