/** The type EnvironmentProposal, as staff read it, with the changes of environments that it names. */
import type { EmbeddedType } from "../../../engine/declaration.js";
import { declareType, embedded, field, one } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { actorField, optionalActorField } from "../../identity/users/index.js";
import {
  environmentProposalKind,
  environmentProposalStatus,
  environmentProposals,
} from "./environment-proposals.table.js";
import { environmentRulesField } from "./environment-rules.model.js";
import { Environment, Tag } from "./instance-objects.model.js";
import { Instance } from "./inventory.model.js";

const EnvironmentProposalKind = enumTypeOf(
  "EnvironmentProposalKind",
  environmentProposalKind.enumValues,
  "The kinds of proposals.",
  {
    MAPPING: "A mapping of an instance or an account, set or taken back.",
    RULES: "Other rules.",
    TAGS: "Other tags of an instance.",
  },
);

const EnvironmentProposalStatus = enumTypeOf(
  "EnvironmentProposalStatus",
  environmentProposalStatus.enumValues,
  "What became of a proposal.",
  {
    WAITING: "It waits for an administrator other than its author. What counted before counts meanwhile.",
    CONFIRMED: "Another administrator confirmed it, and it counted from then on.",
    REJECTED: "An administrator rejected it, or its author withdrew it.",
    SUPERSEDED: "A later change of the same subject replaced it.",
    EXPIRED: "Nobody decided within 7 days.",
  },
);

export const EnvironmentChange: EmbeddedType = {
  name: "EnvironmentChange",
  description: "An instance that counts as something else after a change, or would.",
  list: true,
  fields: {
    instanceId: { kind: "opaqueId", nullable: false, description: "The id of the instance." },
    identifier: { kind: "string", nullable: false, description: "The name of the instance." },
    from: { kind: "enum", nullable: false, enumeration: Environment, description: "What it counted as before." },
    to: { kind: "enum", nullable: false, enumeration: Environment, description: "What it counts as afterwards." },
  },
};

const ProposedTags: EmbeddedType = {
  name: "ProposedTags",
  description: "A change of an instance's tags, and what it would loosen.",
  list: false,
  fields: {
    tags: { kind: "embedded", nullable: false, embedded: Tag, description: "The tags to add or change." },
    removeKeys: { kind: "string", list: true, nullable: false, description: "The keys of the tags to remove." },
    loosens: {
      kind: "string",
      list: true,
      nullable: false,
      description: "What it would loosen, by what was known when it was proposed. More than that is not confirmed.",
    },
  },
};

export const EnvironmentProposal = declareType({
  name: "EnvironmentProposal",
  plural: "environmentProposals",
  description:
    "A mapping or rules that would take instances out of PRODUCTION, or could once facts change, or tags that loosen something. They count once another administrator confirms them; of tags, `operations` has the operation that sets them then.",
  table: environmentProposals,
  read: ["environment-mappings:read"],
  scope: { kind: "staff" },
  newestBy: "createdAt",
  fields: {
    id: field(environmentProposals.id, "Decimal text of the key."),
    kind: field(environmentProposals.kind, "What is proposed.", { enumeration: EnvironmentProposalKind }),
    status: field(environmentProposals.status, "What became of it.", { enumeration: EnvironmentProposalStatus }),
    accountId: field(
      environmentProposals.accountId,
      "The provider's account that would be mapped; null where it is about something else.",
    ),
    environment: field(
      environmentProposals.environment,
      "The environment that would be mapped; null where a mapping would be taken back, and for rules and tags.",
      { enumeration: Environment },
    ),
    settles: field(environmentProposals.settles, "The `dispute` that would be settled; null where none would."),
    rules: environmentRulesField(
      environmentProposals.rules,
      "The rules as a whole; null where it is about something else.",
    ),
    rulesVersion: {
      ...field(
        environmentProposals.rulesVersion,
        "The version of the rules that was in force when it was proposed; null where a replica of an older release wrote it.",
      ),
      aggregated: false,
    },
    tagChange: embedded(
      environmentProposals.tagChange,
      "The tags that would be set and removed; null where it is about something else.",
      ProposedTags,
    ),
    reason: field(environmentProposals.reason, "Why it is proposed."),
    changes: embedded(
      environmentProposals.changes,
      "What would change, by what was known when it was proposed: all instances that would leave PRODUCTION come first, then others, up to 100 in all.",
      EnvironmentChange,
    ),
    changeCount: field(environmentProposals.changeCount, "How many instances would change."),
    leavingCount: field(
      environmentProposals.leavingCount,
      "How many of them would leave PRODUCTION, or be kept there only by a sibling: the first of `changes`.",
    ),
    createdBy: actorField(environmentProposals.createdBy, "The author, who does not confirm it."),
    createdAt: field(environmentProposals.createdAt, "When it was proposed."),
    expiresAt: field(environmentProposals.expiresAt, "When it is void if nobody decides before."),
    decidedBy: optionalActorField(
      environmentProposals.decidedBy,
      "Who confirmed, rejected, withdrew or replaced it, or the system where it expired; null while it waits.",
    ),
    decidedAt: field(environmentProposals.decidedAt, "When that was; null while it waits."),
    comment: field(environmentProposals.comment, "What the administrator who decided said to it."),
  },
  relations: {
    instance: one(
      () => Instance,
      environmentProposals.instanceId,
      "The instance that would be mapped, or tagged; null where it is about something else.",
    ),
  },
});
