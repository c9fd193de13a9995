/** The type DiscoveryRun, as staff read it. */
import type { EmbeddedType } from "../../../engine/declaration.js";
import { declareType, embedded, field } from "../../../engine/declare.js";
import { actorField } from "../../identity/users/index.js";
import { ScopeError } from "../inventory/index.js";
import { discoveryRuns } from "./discovery.table.js";

const count = (description: string) => ({ kind: "int", nullable: false, description }) as const;

const DiscoveryRunScope: EmbeddedType = {
  name: "DiscoveryRunScope",
  description: "What a discovery run has found in one scope.",
  list: true,
  fields: {
    accountId: { kind: "string", nullable: false, description: "The provider's account." },
    region: { kind: "string", nullable: true, description: "The provider's region; null where it has none." },
    startedAt: { kind: "dateTime", nullable: false, description: "When the look began." },
    endedAt: { kind: "dateTime", nullable: false, description: "When it ended." },
    found: count("The instances that were listed."),
    new: count("Those that were seen for the first time."),
    changed: count("Those that differ from what was known, or are back."),
    gone: count("The known instances that are listed no more."),
    calls: count("The calls to the provider."),
    error: {
      kind: "embedded",
      nullable: true,
      embedded: ScopeError,
      description: "Why it could not be listed; its instances stay as they were known. Null where it could.",
    },
  },
};

export const DiscoveryRun = declareType({
  name: "DiscoveryRun",
  plural: "discoveryRuns",
  description: "One look at all scopes of a provider. It is kept for 30 days.",
  table: discoveryRuns,
  read: ["findings:read"],
  scope: { kind: "staff" },
  newestBy: "startedAt",
  fields: {
    id: field(discoveryRuns.id, "Decimal text of the key."),
    provider: field(discoveryRuns.provider, "The provider: `aws-rds` or `local`."),
    requestedBy: actorField(discoveryRuns.requestedBy, "Who asked for it; the schedule, where nobody did."),
    startedAt: field(discoveryRuns.startedAt, "When it was asked for."),
    endedAt: field(discoveryRuns.endedAt, "When it ended; null while it is under way."),
    scopes: embedded(
      discoveryRuns.scopes,
      "What was found in each scope, in the order in which they were done.",
      DiscoveryRunScope,
    ),
    found: field(discoveryRuns.found, "The instances that were listed."),
    new: field(discoveryRuns.new, "Those that were seen for the first time."),
    changed: field(discoveryRuns.changed, "Those that differ from what was known, or are back."),
    gone: field(discoveryRuns.gone, "The known instances that are listed no more."),
    calls: field(discoveryRuns.calls, "The calls to the provider."),
    failedScopes: field(discoveryRuns.failedScopes, "The scopes that could not be listed."),
  },
  relations: {},
});
