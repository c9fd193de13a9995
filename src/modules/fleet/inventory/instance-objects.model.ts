/** The objects within an instance or snapshot as clients read them: endpoint, members, log tail, tags, classification, availability of operations; and their enums. */

import { type EmbeddedField, type EmbeddedType } from "../../../engine/declaration.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { ENVIRONMENT_DECIDERS } from "../../../values/environments.js";
import { MEMBER_ROLES } from "../../../values/instances.js";
import { OPERATION_DECLARATIONS, OPERATION_TYPES } from "../../../values/operations/declarations.js";
import { environment, instances } from "./inventory.table.js";

export const Environment = enumTypeOf(
  "Environment",
  environment.enumValues,
  "The purpose of an instance. Operations are refused on PRODUCTION.",
  {
    PRODUCTION: "It serves customers. Operations are refused on it.",
    STAGING: "It shows what goes to production next.",
    TEST: "Programs and people test on it.",
    DEVELOPMENT: "Developers build on it.",
    POC: "It proves a concept, or shows it.",
    SANDBOX: "Anybody may try anything on it.",
  },
);

export const EnvironmentMethod = enumTypeOf(
  "EnvironmentMethod",
  ENVIRONMENT_DECIDERS,
  "A method that can find the environment of an instance.",
  {
    TAG: "The instance's tags say it.",
    INSTANCE_MAPPING: "A mapping of the instance says it: an administrator has set it, or a DBA towards stricter.",
    ACCOUNT_MAPPING: "A mapping of the provider's account says it, which an administrator has set.",
    NAME_PATTERN: "Words of the instance's name say it.",
    DEFAULT: "The default, where nothing else says anything. The instance counts as PRODUCTION then.",
    ORIGIN:
      "It was restored from a snapshot of production, which says PRODUCTION until a mapping settles that. It is no part of the precedence.",
  },
);

export const MemberRole = enumTypeOf(
  "MemberRole",
  MEMBER_ROLES,
  "The role of a server: the primary takes writes, and standbys follow it.",
  { PRIMARY: "It takes writes.", STANDBY: "It follows the primary, and can take its place." },
);

export const OperationType = enumTypeOf(
  "OperationType",
  OPERATION_TYPES,
  "The type of an operation on an instance.",
  Object.fromEntries(OPERATION_DECLARATIONS.map(({ type, description }) => [type, description])) as Record<
    (typeof OPERATION_TYPES)[number],
    string
  >,
);

export const InstanceEndpoint: EmbeddedType = {
  name: "InstanceEndpoint",
  description: "The address where an instance or one of its members listens.",
  list: false,
  fields: {
    host: { kind: "string", nullable: false, description: "Host name or address." },
    port: { kind: "int", nullable: false, description: "TCP port." },
  },
};

/** MemberLogsResolver asks the provider for it. */
export const LogTail: EmbeddedField = {
  kind: "fetched",
  nullable: true,
  fetched: { row: { provider: instances.provider, providerId: instances.providerId }, own: ["name"] },
  read: ["instance-logs:read"],
  description: "The last lines of its current log, the oldest first, without secrets; null where it has no log.",
};

export const InstanceMember: EmbeddedType = {
  name: "InstanceMember",
  description: "One server of an instance: the primary or a standby.",
  list: true,
  fields: {
    name: { kind: "string", nullable: false, description: "The name, unique within the instance." },
    role: { kind: "enum", nullable: false, enumeration: MemberRole, description: "Primary or standby." },
    endpoint: {
      kind: "embedded",
      nullable: true,
      embedded: InstanceEndpoint,
      read: ["instance-endpoints:read"],
      description: "The address where it listens.",
    },
    status: {
      kind: "string",
      nullable: false,
      description:
        "One of `available`, `rebuilding`, `starting`, `failed`, `stopped` and `unknown`; also `catching-up` and `paused` for a standby that does not replay.",
    },
    lagBytes: {
      kind: "float",
      nullable: true,
      description: "How many bytes of its primary's log a standby has not replayed yet; null where that is not known.",
    },
    lagSeconds: {
      kind: "float",
      nullable: true,
      description: "The age of the data that a standby shows, in seconds; 0 where it has replayed everything.",
    },
    replaying: {
      kind: "boolean",
      nullable: true,
      description: "Whether a standby replays what its primary sends; null for a primary.",
    },
    lastError: {
      kind: "string",
      nullable: true,
      read: ["findings:read"],
      description:
        "Why it is not available, in its server's own words where there are any; null where it is available.",
    },
    since: { kind: "dateTime", nullable: true, description: "When Postern first saw it in this status." },
    logTail: LogTail,
  },
};

export const ParameterGroup: EmbeddedType = {
  name: "ParameterGroup",
  description: "A named set of settings of an instance.",
  list: false,
  fields: {
    name: { kind: "string", nullable: false, description: "The name of the group, at most 255 characters." },
    status: {
      kind: "string",
      nullable: false,
      description:
        "How far it is applied: `in-sync`, `applying`, or `pending-reboot` where settings wait for a reboot without failover. The list is open.",
    },
  },
};

export const AutoFailover: EmbeddedType = {
  name: "AutoFailover",
  description: "The conditions of an automatic failover.",
  list: false,
  fields: {
    afterSeconds: { kind: "int", nullable: false, description: "How long the primary must have been failed." },
    maxLagBytes: {
      kind: "float",
      nullable: false,
      description: "How many bytes the standby may lag if the primary's log cannot be read any more.",
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
  description: "The environment of an instance, and the evidence for it.",
  list: false,
  fields: {
    environment: {
      kind: "enum",
      nullable: false,
      enumeration: Environment,
      description: "The environment that counts.",
    },
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
        "The facts that the methods disagree about; null without a conflict. Give it to `setEnvironmentMapping` to settle the conflict.",
    },
    evidence: {
      kind: "embedded",
      nullable: false,
      description:
        "What each of the five methods has found, in the order of precedence, and the origin, where that speaks.",
      embedded: {
        name: "EnvironmentEvidence",
        description: "What one method has found about an instance's environment.",
        list: true,
        fields: {
          method: { kind: "enum", nullable: false, enumeration: EnvironmentMethod, description: "The method." },
          environment: {
            kind: "enum",
            nullable: true,
            enumeration: Environment,
            description: "The environment that the method found; null where it found none.",
          },
          detail: {
            kind: "string",
            nullable: false,
            description:
              "What the method looked at, as a sentence for people. Why somebody mapped an instance or account, `environmentMappings` says.",
          },
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
    type: { kind: "enum", nullable: false, enumeration: OperationType, description: "The type of the operation." },
    allowed: { kind: "boolean", nullable: false, description: "Whether your request would be accepted now." },
    reason: { kind: "string", nullable: true, description: "Why it would be refused; null where it is allowed." },
    cancellable: {
      kind: "boolean",
      nullable: false,
      description: "Whether one that runs can still be cancelled. One that has not begun always can.",
    },
  },
};
