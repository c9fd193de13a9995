/** The grounds on which environments are decided beside the facts: the rules and the mappings, and how a change alters them. */
import type { InstanceDescription } from "../../../providers/provider.js";
import { type Environment, isStricterEnvironment } from "../../../values/environments.js";
import { type Classification, type ClassifierMapping, classify } from "./classifier.js";
import { type EnvironmentRules, loosensEnvironmentRules } from "./environment-rules.js";

/** The newest mapping of an instance or an account. */
export interface EnvironmentGroundsMapping {
  readonly instanceId: bigint | null;
  readonly accountId: string | null;
  /** Null where the mapping was taken back. */
  readonly environment: Environment | null;
  readonly settles: string | null;
}

export interface EnvironmentGrounds {
  readonly rules: EnvironmentRules;
  readonly mappings: readonly EnvironmentGroundsMapping[];
}

/** A mapping that is set or taken back, or other rules. */
export type EnvironmentGroundsChange = { readonly reason: string } & (
  | { readonly kind: "MAPPING"; readonly mapping: EnvironmentGroundsMapping }
  | { readonly kind: "RULES"; readonly rules: EnvironmentRules }
);

/** @returns the grounds as they would be after the change */
export function environmentGroundsAfter(
  grounds: EnvironmentGrounds,
  change: EnvironmentGroundsChange,
): EnvironmentGrounds {
  if (change.kind === "RULES") return { ...grounds, rules: change.rules };
  const { mapping } = change;
  const others = grounds.mappings.filter(
    ({ instanceId, accountId }) => instanceId !== mapping.instanceId || accountId !== mapping.accountId,
  );
  return { ...grounds, mappings: [...others, mapping] };
}

/**
 * Whether a change takes two administrators whatever is known today: with some facts, such as those that are left once a tag has gone, or
 * those of an instance that nobody has seen yet, something would count as less than PRODUCTION that counts as PRODUCTION without the
 * change. Where nothing speaks it is PRODUCTION, so each new voice below it is such a change. A settlement that two have agreed on counts
 * as long as nothing but its facts contradicts, whoever took the others away.
 */
export function loosensEnvironments(grounds: EnvironmentGrounds, change: EnvironmentGroundsChange): boolean {
  if (change.kind === "RULES") return loosensEnvironmentRules(grounds.rules, change.rules);
  const { instanceId, accountId, environment, settles } = change.mapping;
  if (environment === "PRODUCTION") return false;
  const mapped = grounds.mappings.find(
    (mapping) => mapping.instanceId === instanceId && mapping.accountId === accountId,
  )?.environment;
  if (environment === null) return mapped === "PRODUCTION";
  // Whoever agreed on a mapping that is as loose has agreed on this one.
  return !mapped || settles !== null || isStricterEnvironment(mapped, environment);
}

const asMapping = (row: EnvironmentGroundsMapping | undefined): ClassifierMapping | undefined =>
  row?.environment ? { environment: row.environment, settles: row.settles } : undefined;

/** The facts of an instance that decide its environment. */
export type EnvironmentFacts = Pick<InstanceDescription, "identifier" | "tags" | "accountId" | "cluster">;

/** Classifies without siblings. @param id the instance whose mapping counts; undefined for one that does not exist */
export function classifyByGrounds(
  facts: EnvironmentFacts,
  id: bigint | undefined,
  { rules, mappings }: EnvironmentGrounds,
): Classification {
  const byInstance = mappings.find((mapping) => id !== undefined && mapping.instanceId === id);
  const byAccount = mappings.find(({ accountId }) => accountId !== null && accountId === facts.accountId);
  return classify({ ...facts, instanceMapping: asMapping(byInstance), accountMapping: asMapping(byAccount) }, rules);
}
