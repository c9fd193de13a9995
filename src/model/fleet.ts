/** What a client reads of the inventory, of snapshots and of operations. */
import { instances, operations, snapshots } from "../db/tables/index.js";
import { declareType, derived, type EmbeddedType, embedded, field, many, one } from "../plan/declaration.js";
import { Environment, EnvironmentMethod, MemberRole, OperationStatus, OperationType } from "./enums.js";
import { type Assessed, assess, OPERATION_TYPES } from "./operability.js";

const InstanceEndpoint: EmbeddedType = {
  name: "InstanceEndpoint",
  description: "Where an instance or one of its members listens.",
  list: false,
  fields: {
    host: { kind: "string", nullable: false, description: "Host name or address." },
    port: { kind: "int", nullable: false, description: "TCP port." },
  },
};

const InstanceMember: EmbeddedType = {
  name: "InstanceMember",
  description: "One server of an instance: the primary or a standby.",
  list: true,
  fields: {
    name: { kind: "string", nullable: false, description: "Unique within the instance." },
    role: { kind: "enum", nullable: false, enumeration: MemberRole, description: "Who takes writes." },
    endpoint: {
      kind: "embedded",
      nullable: true,
      embedded: InstanceEndpoint,
      read: ["instance-endpoints:read"],
      description: "Where it listens.",
    },
  },
};

const Tag: EmbeddedType = {
  name: "Tag",
  description: "A label of an instance or a snapshot.",
  list: true,
  fields: {
    key: { kind: "string", nullable: false, description: "At most 128 characters." },
    value: { kind: "string", nullable: false, description: "At most 256 characters." },
  },
};

const EnvironmentClassification: EmbeddedType = {
  name: "EnvironmentClassification",
  description: "The environment of an instance, and why.",
  list: false,
  fields: {
    environment: { kind: "enum", nullable: false, enumeration: Environment, description: "What counts." },
    decidedBy: {
      kind: "enum",
      nullable: false,
      enumeration: EnvironmentMethod,
      description: "The method that decided.",
    },
    conflict: {
      kind: "boolean",
      nullable: false,
      description: "Whether the methods disagree, and no mapping of an administrator has settled it.",
    },
    dispute: {
      kind: "string",
      nullable: true,
      description:
        "What the methods disagree about; null without a conflict. `setEnvironmentMapping` names it to settle it.",
    },
    evidence: {
      kind: "embedded",
      nullable: false,
      description: "What each method says: always five, in the order of precedence.",
      embedded: {
        name: "EnvironmentEvidence",
        description: "What one method says of an instance's environment.",
        list: true,
        fields: {
          method: { kind: "enum", nullable: false, enumeration: EnvironmentMethod, description: "Which method." },
          environment: {
            kind: "enum",
            nullable: true,
            enumeration: Environment,
            description: "What it says; null where it says nothing.",
          },
          detail: { kind: "string", nullable: false, description: "What it looked at, for people." },
        },
      },
    },
  },
};

const OperationProgress: EmbeddedType = {
  name: "OperationProgress",
  description: "What one poll saw.",
  list: true,
  fields: {
    at: { kind: "dateTime", nullable: false, description: "When." },
    resourceStatus: { kind: "string", nullable: false, description: "The provider's word, such as `creating`." },
    message: { kind: "string", nullable: false, description: "For people." },
    percent: { kind: "int", nullable: true, description: "0 to 100, where known." },
  },
};

const OperationError: EmbeddedType = {
  name: "OperationError",
  description: "Why an operation failed.",
  list: false,
  fields: {
    code: { kind: "string", nullable: false, description: "The provider's code, or Postern's." },
    message: { kind: "string", nullable: false, description: "What happened." },
    guidance: { kind: "string", nullable: false, description: "What to look at, and what to do." },
  },
};

const OperationAvailability: EmbeddedType = {
  name: "OperationAvailability",
  description: "Whether an operation can be requested now.",
  list: true,
  fields: {
    type: { kind: "enum", nullable: false, enumeration: OperationType, description: "Which operation." },
    allowed: { kind: "boolean", nullable: false, description: "Whether a request would be accepted now, from you." },
    reason: { kind: "string", nullable: true, description: "Why not; null where it is allowed." },
  },
};

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
    availableOperations: derived(instances.id, "What can be requested now, and why the rest cannot.", {
      needs: {
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
    snapshots: many(() => Snapshot, "instance", "Copies that can be restored."),
    operations: many(() => Operation, "instance", "What was requested of it."),
  },
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
