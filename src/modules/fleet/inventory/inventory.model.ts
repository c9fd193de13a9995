/** The types Instance, with its last backup, Snapshot and Finding, as clients read them. */

import { declareType, derived, embedded, field, one } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import type { OperabilityFacts } from "../../../values/operations/declaration.js";
import { OPERATION_TYPES } from "../../../values/operations/declarations.js";
import { assessOperability, insteadOfCancelling } from "../../../values/operations/operability.js";
import { SoughtTags } from "../../../values/tags.js";
import {
  AutoFailover,
  Environment,
  EnvironmentClassification,
  InstanceEndpoint,
  InstanceMember,
  OperationAvailability,
  ParameterGroup,
  Tag,
} from "./instance-objects.model.js";

import { alertSeverity, findings, instanceLastSeenAt, instances, snapshots } from "./inventory.table.js";
import { Scope } from "./scopes.model.js";

export const AlertSeverity = enumTypeOf("AlertSeverity", alertSeverity.enumValues, "The urgency of a finding.", {
  CRITICAL: "Something does not work: act at once.",
  WARNING: "Something will not work if nobody acts.",
  INFO: "It is good to know.",
});

/** What distinguishes instances of one identifier. */
export const INSTANCE_CANDIDATES = {
  identifier: instances.identifier,
  arn: instances.arn,
  accountId: instances.accountId,
  region: instances.region,
};

export const Instance = declareType({
  name: "Instance",
  plural: "instances",
  description: "One database server: an RDS instance or a self-managed PostgreSQL cluster.",
  table: instances,
  read: ["instances:read"],
  scope: { kind: "everyone" },
  newestBy: "discoveredAt",
  identifier: {
    column: instances.identifier,
    longColumn: instances.arn,
    goneSince: instances.vanishedAt,
    candidates: INSTANCE_CANDIDATES,
  },
  fields: {
    id: field(instances.id, "Decimal text of the key."),
    identifier: field(
      instances.identifier,
      "The name of the instance. `instance(id)` takes it too where it is unique.",
      { inAnyCase: true },
    ),
    arn: field(
      instances.arn,
      "The Amazon Resource Name, which `instance(id)` takes too; null where the provider has none.",
    ),
    provider: field(instances.provider, "The provider that runs it: `aws-rds` or `local`."),
    accountId: field(instances.accountId, "The provider's account."),
    region: field(instances.region, "The provider's region."),
    engine: field(instances.engine, "The database engine, such as `postgres`."),
    engineVersion: field(instances.engineVersion, "The version of the engine, such as `15.8`."),
    instanceClass: field(instances.instanceClass, "The provider's name for its size."),
    pendingInstanceClass: field(
      instances.pendingInstanceClass,
      "The class that it will have after the next maintenance window.",
    ),
    parameterGroup: embedded(instances.parameterGroup, "The named set of settings that it has.", ParameterGroup),
    storageGiB: field(instances.storageGib, "The allocated storage in GiB."),
    multiAz: field(instances.multiAz, "Whether it has a standby to fail over to."),
    status: field(instances.status, "The status in the provider's words, such as `available`."),
    endpoint: embedded(instances.endpoint, "The address where it listens.", InstanceEndpoint, [
      "instance-endpoints:read",
    ]),
    members: embedded(instances.members, "Its primary and standbys.", InstanceMember),
    cluster: field(
      instances.clusterIdentifier,
      "The cluster that it is a member of; null where it is a member of none.",
    ),
    tags: embedded(instances.tags, "Its labels at the provider.", Tag),
    environment: embedded(
      instances.classification,
      "The environment, and the evidence for it.",
      EnvironmentClassification,
    ),
    backupWindow: field(instances.backupWindow, "When automated snapshots are taken: `hh:mm-hh:mm`, UTC."),
    pendingBackupWindow: field(
      instances.pendingBackupWindow,
      "The backup window that will count after the next maintenance window.",
    ),
    maintenanceWindow: field(instances.maintenanceWindow, "When pending changes are made: `ddd:hh:mm-ddd:hh:mm`, UTC."),
    backupRetentionDays: field(instances.backupRetentionDays, "For how many days automated snapshots are kept."),
    autoFailover: embedded(
      instances.autoFailover,
      "When Postern fails the instance over by itself; null where it does not.",
      AutoFailover,
    ),
    availableOperations: derived(instances.id, "Which operations can be requested now, and why the others cannot.", {
      needs: {
        provider: instances.provider,
        environment: instances.environment,
        status: instances.status,
        multiAz: instances.multiAz,
        members: instances.members,
        vanishedAt: instances.vanishedAt,
        scopeRemoved: instances.scopeRemoved,
      },
      type: OperationAvailability,
      derive: (needs, access) =>
        OPERATION_TYPES.map((type) => {
          const reason = access.permissions.has("operations:run")
            ? (assessOperability(needs as unknown as OperabilityFacts, type)?.message ?? null)
            : "Your role may not run operations.";
          const cancellable = insteadOfCancelling(String(needs.provider), type) === null;
          return { type, allowed: reason === null, reason, cancellable };
        }),
    }),
    discoveredAt: field(instances.discoveredAt, "When Postern first saw the instance."),
    lastSeenAt: field(instances.lastSeenAt, "When its provider last listed it.", {
      value: instanceLastSeenAt,
    }),
    vanishedAt: field(instances.vanishedAt, "When its provider stopped listing it; null while it is listed."),
    gone: field(instances.gone, "Whether its provider lists it no more."),
    operable: field(
      instances.operable,
      "Whether operations are allowed on it at all: it is there, its scope is not REMOVED, and it is not PRODUCTION. `availableOperations` says which of them its status allows now.",
    ),
  },
  filters: {
    environment: field(instances.environment, "The environment that counts.", { enumeration: Environment }),
    tags: field(
      instances.tags,
      'Its labels, as a list: `[{ key: "Owner" }]` is any value of the key, `[{ key: "Owner", value: "shop" }]` this one.',
      { contained: SoughtTags },
    ),
  },
  relations: {
    scope: one(() => Scope, instances.scopeId, "The account and region in which it was listed last."),
    lastBackup: one(
      () => LastBackup,
      instances.lastBackupId,
      "Its newest backup that can be restored; null without one.",
    ),
  },
});

/** A row of `snapshots`, read as the newest backup of an instance. */
export const LastBackup = declareType({
  name: "LastBackup",
  plural: "lastBackups",
  description: "The newest backup of an instance that can be restored.",
  table: snapshots,
  isFace: true,
  read: ["instances:read"],
  scope: { kind: "everyone" },
  newestBy: "at",
  fields: {
    id: field(snapshots.id, "Decimal text of the key."),
    at: field(snapshots.createdAt, "When the backup was taken."),
  },
  relations: { snapshot: one(() => Snapshot, snapshots.id, "The snapshot, if the backup is one.") },
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
    identifier: field(snapshots.identifier, "The name, which is unique whatever its case.", { inAnyCase: true }),
    arn: field(snapshots.arn, "The ARN or the path of the snapshot."),
    status: field(snapshots.status, "The status in the provider's words, such as `available`."),
    sizeBytes: field(snapshots.sizeBytes, "The size in bytes."),
    createdAt: field(snapshots.createdAt, "When the snapshot was taken."),
    automated: field(
      snapshots.automated,
      "Whether the schedule took it. Automated snapshots are deleted when their retention is over.",
    ),
    tags: embedded(snapshots.tags, "The labels of the snapshot.", Tag),
  },
  relations: {
    instance: one(() => Instance, snapshots.instanceId, "The instance that it is a copy of.", {
      name: "snapshots",
      description: "The snapshots of the instance.",
    }),
  },
});

export const Finding = declareType({
  name: "Finding",
  plural: "findings",
  description:
    "A problem of an instance or of a scope that people should look at. It is open as long as the problem lasts.",
  table: findings,
  read: ["findings:read"],
  scope: { kind: "staff" },
  newestBy: "openedAt",
  fields: {
    id: field(findings.id, "Decimal text of the key."),
    kind: field(findings.kind, "The kind of problem, as a stable word such as `standby_not_replaying`."),
    severity: field(findings.severity, "How urgent the problem is.", { enumeration: AlertSeverity }),
    subject: field(findings.subject, "The part that it is about, such as a member's name; null for all of it."),
    detail: field(findings.detail, "The cause, and what to do."),
    openedAt: field(findings.openedAt, "When Postern first saw the problem."),
    resolvedAt: field(findings.resolvedAt, "When the problem ended; null while it lasts."),
  },
  relations: {
    instance: one(
      () => Instance,
      findings.instanceId,
      "The instance that it is about; null where it is about a scope.",
      {
        name: "findings",
        description: "The open and resolved findings of the instance.",
        nullable: true,
      },
    ),
    scope: one(() => Scope, findings.scopeId, "The scope that it is about; null where it is about an instance.", {
      name: "findings",
      description: "The open and resolved findings of the scope itself.",
    }),
  },
});
