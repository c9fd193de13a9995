/** The type Scope, as staff read it. */
import type { EmbeddedType } from "../../../engine/declaration.js";
import { declareType, embedded, field } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { scopeState, scopes } from "./scopes.table.js";

const ScopeState = enumTypeOf("ScopeState", scopeState.enumValues, "What the last look at a scope has shown.", {
  PENDING: "It has not been looked at yet.",
  LISTED: "All of its instances were listed.",
  FAILING:
    "It, its snapshots or some of its instances could not be listed; those are shown as they were known. `lastError` says why.",
  REMOVED:
    "It is configured no more, so nobody looks at it. Its instances are shown as they were known, and none is operable.",
});

/** Why a scope could not be listed. */
export const ScopeError: EmbeddedType = {
  name: "ScopeError",
  description: "Why a scope could not be listed.",
  list: false,
  fields: {
    code: { kind: "string", nullable: false, description: "The provider's code, or Postern's." },
    message: { kind: "string", nullable: false, description: "What happened, and what to do." },
  },
};

export const Scope = declareType({
  name: "Scope",
  plural: "scopes",
  description: "An account in one region. Each is listed, retried and reported alone.",
  table: scopes,
  read: ["findings:read"],
  scope: { kind: "everyone" },
  newestBy: "createdAt",
  fields: {
    id: field(scopes.id, "Decimal text of the key."),
    provider: field(scopes.provider, "The provider: `aws-rds` or `local`."),
    accountId: field(scopes.accountId, "The provider's account."),
    region: field(scopes.region, "The provider's region; null where it has none."),
    name: field(scopes.name, "What people call the account; null where it has no name."),
    state: field(scopes.state, "What the last look at it has shown.", { enumeration: ScopeState }),
    lastSuccessAt: field(scopes.lastSuccessAt, "When the last look began that listed all of its instances."),
    lastError: embedded(scopes.lastError, "Why the last look failed; null where it succeeded.", ScopeError),
    failingSince: field(scopes.failingSince, "Since when every look has failed; null where the last one succeeded."),
    instanceCount: field(scopes.instanceCount, "The number of instances that were last listed."),
    snapshotsListedAt: field(scopes.snapshotsListedAt, "When the last look began that listed all of its snapshots."),
    createdAt: field(scopes.createdAt, "When Postern first knew of it."),
  },
  relations: {},
});
