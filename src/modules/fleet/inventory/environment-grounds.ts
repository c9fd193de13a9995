/** The grounds on which environments are decided beside the facts: the rules and the mappings, and how a change alters them. */
import type { InstanceDescription } from "../../../providers/provider.js";
import type { Environment } from "../../../values/environments.js";
import { type Classification, type ClassifierMapping, classify } from "./classifier.js";
import type { EnvironmentRules } from "./environment-rules.js";

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
