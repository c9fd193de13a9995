/** The objects that columns of instances and snapshots hold whole, and their enums. */

import { type EmbeddedField, type EmbeddedType } from "../../../engine/declaration.js";
import { enumOf } from "../../../engine/types/object-type.js";
import { MEMBER_ROLES } from "../../../values/instances.js";
import { OPERATION_TYPES } from "../../../values/operations.js";
import { ENVIRONMENT_METHODS } from "./environment-rules.js";
import { environment, instances } from "./inventory.table.js";

export const Environment = enumOf(
  "Environment",
  environment.enumValues,
  "What an instance is for. Operations are refused on PRODUCTION.",
);

export const EnvironmentMethod = enumOf(
  "EnvironmentMethod",
  ENVIRONMENT_METHODS,
  "What can say which environment an instance belongs to.",
);

export const MemberRole = enumOf("MemberRole", MEMBER_ROLES, "Who takes writes, and who follows.");

export const OperationType = enumOf("OperationType", OPERATION_TYPES, "What can be done to an instance.");

export const InstanceEndpoint: EmbeddedType = {
  name: "InstanceEndpoint",
  description: "Where an instance or one of its members listens.",
  list: false,
  fields: {
    host: { kind: "string", nullable: false, description: "Host name or address." },
    port: { kind: "int", nullable: false, description: "TCP port." },
  },
};

/** Asked of the provider, by MemberLogsResolver. */
export const LogTail: EmbeddedField = {
  kind: "asked",
  nullable: true,
  asked: { row: { provider: instances.provider, providerId: instances.providerId }, own: ["name"] },
  read: ["instance-logs:read"],
  description: "The last lines of its log as it is now, the oldest first, without secrets; null where it has none.",
};

export const InstanceMember: EmbeddedType = {
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
    status: {
      kind: "string",
      nullable: false,
      description:
        "How it is: `available`; `catching-up` and `paused` of a standby that does not replay; `rebuilding`, `starting`, `failed`, `stopped` or `unknown`.",
    },
    lagBytes: {
      kind: "float",
      nullable: true,
      description: "How much of its primary's log a standby has not replayed; null where that is not known.",
    },
    lagSeconds: {
      kind: "float",
      nullable: true,
      description: "How old what a standby shows is; 0 where it has replayed all that there is.",
    },
    replaying: {
      kind: "boolean",
      nullable: true,
      description: "Whether a standby replays what its primary sends; null of a primary.",
    },
    lastError: {
      kind: "string",
      nullable: true,
      read: ["findings:read"],
      description: "Why it is not well, in its server's own words where there are any; null where it is.",
    },
    since: { kind: "dateTime", nullable: true, description: "Since when it has its status, as far as Postern saw it." },
    logTail: LogTail,
  },
};

export const AutoFailover: EmbeddedType = {
  name: "AutoFailover",
  description: "When Postern fails an instance over by itself.",
  list: false,
  fields: {
    afterSeconds: { kind: "int", nullable: false, description: "How long its primary must have been failed." },
    maxLagBytes: {
      kind: "float",
      nullable: false,
      description: "How far the standby may lag where the primary's log cannot be read any more.",
    },
  },
};

export const Tag: EmbeddedType = {
  name: "Tag",
  description: "A label of an instance or a snapshot.",
  list: true,
  fields: {
    key: { kind: "string", nullable: false, description: "At most 128 characters." },
    value: { kind: "string", nullable: false, description: "At most 256 characters." },
  },
};

export const EnvironmentClassification: EmbeddedType = {
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

export const OperationAvailability: EmbeddedType = {
  name: "OperationAvailability",
  description: "Whether an operation can be requested now.",
  list: true,
  fields: {
    type: { kind: "enum", nullable: false, enumeration: OperationType, description: "Which operation." },
    allowed: { kind: "boolean", nullable: false, description: "Whether a request would be accepted now, from you." },
    reason: { kind: "string", nullable: true, description: "Why not; null where it is allowed." },
  },
};
