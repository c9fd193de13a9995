/** What a client reads of the inventory, of findings, of snapshots and of operations. */
import { findings, instances, operations, snapshots } from "../db/tables/index.js";
import { declareType, derived, embedded, field, many, one } from "../engine/declaration.js";
import { type Assessed, assess, OPERATION_TYPES } from "../modules/fleet/operations/operability.js";
import { AlertSeverity, Environment, OperationStatus, OperationType } from "./enums.js";
import {
  AutoFailover,
  EnvironmentClassification,
  InstanceEndpoint,
  InstanceMember,
  OperationAvailability,
  OperationError,
  OperationProgress,
  Tag,
} from "./fleet-objects.js";

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
    snapshots: many(() => Snapshot, "instance", "Copies that can be restored."),
    operations: many(() => Operation, "instance", "What was requested of it.", { nullable: true }),
    findings: many(() => Finding, "instance", "What people should look at, and what they had to.", { nullable: true }),
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
  relations: { instance: one(() => Instance, snapshots.instanceId, "What it is a copy of.") },
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
  relations: { instance: one(() => Instance, findings.instanceId, "Which instance it is about.") },
});

export const Operation = declareType({
  name: "Operation",
  plural: "operations",
  description: "A requested change to an instance: durable, queued, polled, cancellable, audited.",
  table: operations,
  read: ["operations:read"],
  scope: { kind: "staff" },
  newestBy: "requestedAt",
  fields: {
    id: field(operations.id, "Decimal text of the key."),
    type: field(operations.type, "What was requested.", { enumeration: OperationType }),
    parameters: field(operations.parameters, "With which parameters."),
    status: field(operations.status, "How far it has come.", { enumeration: OperationStatus }),
    success: field(operations.success, "Whether it did what was asked; null until it ended."),
    resourceStatus: field(operations.resourceStatus, "What the provider last said, such as `creating`."),
    progress: embedded(operations.progress, "One entry for each poll.", OperationProgress),
    result: field(operations.result, "What came of it."),
    error: embedded(operations.error, "Why it failed; null unless it did.", OperationError),
    requestedBy: field(operations.requestedBy, "Who asked: type, id, email and role as they were then."),
    requestedAt: field(operations.requestedAt, "When it was accepted."),
    startedAt: field(operations.startedAt, "When it began."),
    endedAt: field(operations.endedAt, "When it ended."),
    durationSeconds: field(operations.durationSeconds, "From its start to its end, in seconds."),
    settledAt: field(operations.settledAt, "After a time-out: when the work ended after all."),
    settlement: field(operations.settlement, "After a time-out: what became of the work."),
  },
  relations: {
    instance: one(() => Instance, operations.instanceId, "What it changes."),
    snapshot: one(() => Snapshot, operations.snapshotId, "The snapshot that it made."),
  },
});
