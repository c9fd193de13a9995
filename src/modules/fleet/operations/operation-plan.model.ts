/** The GraphQL types of what is kept of a plan with its operation. */
import type { EmbeddedType } from "../../../engine/declaration.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { OUTAGES } from "../../../values/operations/declaration.js";
import { Environment, MemberRole } from "../inventory/index.js";

export const Outage = enumTypeOf("Outage", OUTAGES, "For how long clients of an instance may be without it.", {
  NONE: "They notice nothing.",
  SECONDS: "For seconds, usually less than a minute.",
  MINUTES: "For minutes, or longer.",
});

export const PLANNED_OUTAGE = "For how long clients of the instance may be without it.";
export const PLANNED_CALLS =
  "What its provider is asked to change, in order: actions of AWS such as `rds:CreateDBSnapshot`, or steps such as `local:checkpoint`.";

export const AcceptedPlan: EmbeddedType = {
  name: "AcceptedPlan",
  description: "What counted for an operation when it was accepted.",
  list: false,
  fields: {
    providerId: { kind: "string", nullable: false, description: "The provider's stable id of the instance." },
    members: {
      kind: "embedded",
      nullable: false,
      description: "The servers of the instance.",
      embedded: {
        name: "PlannedMember",
        description: "A server of an instance, and its role when an operation was accepted.",
        list: true,
        fields: {
          name: { kind: "string", nullable: false, description: "The name, unique within the instance." },
          role: { kind: "enum", nullable: false, enumeration: MemberRole, description: "Primary or standby." },
        },
      },
    },
    instanceClass: { kind: "string", nullable: true, description: "The class; null where the provider has none." },
    engineVersion: { kind: "string", nullable: false, description: "The version of the engine." },
    environment: {
      kind: "enum",
      nullable: false,
      enumeration: Environment,
      description: "What the instance counted as.",
    },
    outage: { kind: "enum", nullable: false, enumeration: Outage, description: PLANNED_OUTAGE },
    outageReason: { kind: "string", nullable: false, description: "Why the outage is what it is." },
    calls: { kind: "string", list: true, nullable: false, description: PLANNED_CALLS },
    warnings: {
      kind: "string",
      list: true,
      nullable: false,
      description: "What people should know of it beside that.",
    },
  },
};
