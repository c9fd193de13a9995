/** The service of environments: who may set mappings and rules, which rules are in force, and what they would say. */
import type { Call } from "../../../audit/call.js";
import { accessOfActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { badUserInput, forbidden } from "../../../errors.js";
import { isStricterEnvironment } from "../../../values/environments.js";
import type { InstanceFacts } from "../../../values/operations/declaration.js";
import { assessOperability } from "../../../values/operations/operability.js";
import { requireTagChangeOf, setInstanceTags } from "../../../values/operations/set-instance-tags.js";
import { findAccountMapping, lockClassification } from "./classification.store.js";
import type { Classification } from "./classifier.js";
import { classifyByGrounds, type EnvironmentGroundsChange, loosensEnvironments } from "./environment-grounds.js";
import { proposedChangesOf } from "./environment-preview.service.js";
import { createProposals, type ProposalsDeps, type ProposedOutcome } from "./environment-proposals.service.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { environmentWordFaultsOf } from "./environment-words.js";
import type {
  EnvironmentMapping,
  EnvironmentQuestion,
  EnvironmentRulesChange,
  TagProposal,
} from "./environments.inputs.js";
import type { StoredInstance } from "./inventory.store.js";

export interface EnvironmentsDeps extends ProposalsDeps {
  /** Locks and returns the instance by id or unique identifier. @throws NOT_FOUND */
  readonly requireInstance: (db: Db, idOrIdentifier: string) => Promise<StoredInstance>;
}

export type EnvironmentsService = ReturnType<typeof createEnvironments>;

const ONLY_STRICTER =
  "Your role maps an instance to PRODUCTION; where it is mapped already and that settles nothing, also to what is as strict as that and as it counts, or stricter. An ADMIN loosens, settles, takes back, and maps accounts.";

export function createEnvironments({ requireInstance, ...deps }: EnvironmentsDeps) {
  const { db, audit, classification } = deps;
  const proposals = createProposals(deps);
  const { configured } = classification;

  /** @throws FORBIDDEN where the mapping loosens or settles anything, now or once other facts change */
  async function requireStricter(db: Db, change: EnvironmentGroundsChange, instance: StoredInstance | null) {
    const refused = forbidden("environments:decide", ONLY_STRICTER);
    if (change.kind !== "MAPPING" || !instance) throw refused;
    const { environment, settles } = change.mapping;
    if (!environment || settles !== null) throw refused;
    if (environment === "PRODUCTION") return;
    const grounds = await classification.findGrounds(db);
    const mapped = grounds.mappings.find(({ instanceId }) => instanceId === instance.id);
    const isLooser = isStricterEnvironment(instance.environment, environment) || loosensEnvironments(grounds, change);
    if (isLooser || mapped?.settles) throw refused;
  }

  /** @returns the rules of the configuration with those that are given @throws BAD_USER_INPUT */
  function rulesOf({ values, ...given }: EnvironmentRulesChange["rules"]): EnvironmentRules {
    const words = { ...configured.values };
    const seen = new Set<string>();
    for (const [index, { environment, words: given }] of (values ?? []).entries()) {
      if (seen.has(environment)) {
        throw badUserInput(`rules.values.${index}.environment`, `The words of ${environment} are given twice.`);
      }
      seen.add(environment);
      words[environment] = given;
    }
    const [fault] = environmentWordFaultsOf(words);
    if (fault) throw badUserInput("rules.values", fault.message);
    return {
      tagKeys: given.tagKeys ?? configured.tagKeys,
      values: words,
      precedence: given.precedence ?? configured.precedence,
      defaultEnvironment: given.defaultEnvironment ?? configured.defaultEnvironment,
    };
  }

  const describe = ({ proposalId, superseded, ...outcome }: ProposedOutcome) => ({
    superseded,
    changed: outcome.changes.length,
    leavingCount: outcome.leaving.length,
    changes: proposedChangesOf(outcome),
    proposalId,
  });

  return {
    /** @returns the rules in force, and who has set them */
    async findRules() {
      const { version, rules, stored } = await classification.findRules(db);
      return { version, rules, stored };
    },

    /** @returns what an instance with these facts would be, which does not exist yet */
    async explain({ identifier, tags, accountId }: EnvironmentQuestion): Promise<Classification> {
      const facts = { identifier, tags: tags ?? [], accountId: accountId ?? null, cluster: null };
      const mapping = accountId ? await findAccountMapping(db, accountId) : null;
      const { rules } = await classification.findRules(db);
      return classifyByGrounds(facts, undefined, { rules, mappings: mapping ? [mapping] : [] });
    },

    /**
     * Sets the environment of an instance or an account, or takes it back where none is given; or proposes that.
     * @throws BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT
     */
    async setMapping(call: Call, input: EnvironmentMapping) {
      const { instanceId, accountId, environment, reason, settles } = input;
      if (Boolean(instanceId) === Boolean(accountId))
        throw badUserInput("instanceId", "Give instanceId or accountId, one of them.");
      if (settles && (accountId || !environment)) {
        throw badUserInput("settles", "Only the environment of an instance settles a dispute.");
      }
      return db.transaction(async (db) => {
        await lockClassification(db);
        const instance = instanceId ? await requireInstance(db, instanceId) : null;
        const change = {
          kind: "MAPPING" as const,
          reason,
          mapping: {
            instanceId: instance?.id ?? null,
            accountId: accountId ?? null,
            environment: environment ?? null,
            settles: settles ?? null,
          },
        };
        if (!accessOfActor(call.actor).permissions.has("environments:decide")) {
          await requireStricter(db, change, instance);
        }
        const { mappings } = await classification.findGrounds(db);
        const before = mappings.find(
          (mapping) =>
            mapping.instanceId === change.mapping.instanceId && mapping.accountId === change.mapping.accountId,
        );
        const { proposalId, superseded } = await proposals.change(db, call, change);
        const resourceId = instance ? String(instance.id) : (accountId as string);
        await audit.record(db, call, {
          resourceId,
          result: {
            ...{ environment: environment ?? null, settles: settles ?? null, proposalId, superseded },
            before: before ? { environment: before.environment, settles: before.settles } : null,
          },
        });
        return { instanceId: instance ? String(instance.id) : null, proposalId };
      });
    },

    /** Sets the rules, or proposes them; a dry run only tells what would change. @throws BAD_USER_INPUT */
    async setRules(call: Call, { rules: given, reason, dryRun }: EnvironmentRulesChange) {
      const change: EnvironmentGroundsChange = { kind: "RULES", reason, rules: rulesOf(given) };
      return db.transaction(async (db) => {
        await lockClassification(db);
        const outcome = dryRun
          ? { ...(await proposals.preview(db, change)), superseded: [], proposalId: null }
          : await proposals.change(db, call, change);
        const { version } = await classification.findRules(db);
        const { changed, proposalId, superseded, ...rest } = describe(outcome);
        const applied = !dryRun && proposalId === null;
        await audit.record(db, call, {
          resourceId: String(version),
          result: { dryRun: dryRun ?? false, version, changed, proposalId, superseded },
        });
        return { applied, changed, proposalId, ...rest };
      });
    },

    /**
     * Proposes other tags of an instance, which loosen something.
     * @returns the id of the proposal
     * @throws BAD_USER_INPUT, NOT_FOUND, PRODUCTION_PROTECTED, FAILED_PRECONDITION, also where they loosen nothing
     */
    async proposeTags(call: Call, input: TagProposal): Promise<string> {
      setInstanceTags.check(input);
      return db.transaction(async (db) => {
        await lockClassification(db);
        const instance = await requireInstance(db, input.instanceId);
        const facts = instance as unknown as InstanceFacts;
        const fault = assessOperability(facts, "SET_INSTANCE_TAGS");
        if (fault) throw fault;
        const { id: instanceId } = instance;
        const change = { kind: "TAGS" as const, reason: input.reason, instanceId, ...requireTagChangeOf(facts, input) };
        const { proposalId, superseded } = await proposals.change(db, call, change);
        await audit.record(db, call, {
          resourceId: proposalId,
          result: { instanceId: String(instanceId), superseded },
        });
        return proposalId!;
      });
    },

    decide: proposals.decide,
    expire: proposals.expire,
  };
}
