/** The grounds on which environments are decided beside the facts: the rules and the mappings, and how a change alters them. */
import type { InstanceDescription } from "../../../providers/provider.js";
import { type Environment, isStricterEnvironment, strictestEnvironment } from "../../../values/environments.js";
import type { Tag } from "../../../values/tags.js";
import { type Classification, type ClassifierMapping, classifierTagsOf, classify } from "./classifier.js";
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

/** Whether something would say less than before of what it is for, or newly says that it is no production. Null says nothing. */
const isLooserVoice = (before: Environment | null, after: Environment | null): boolean => {
  if (after === null) return before === "PRODUCTION";
  return after !== "PRODUCTION" && (before === null || isStricterEnvironment(before, after));
};

/**
 * Whether a change takes two administrators whatever is known today: with some facts, such as those that are left once a tag has gone, or
 * those of an instance that nobody has seen yet, something would count as less than PRODUCTION that counts as PRODUCTION without the
 * change. Where nothing speaks it is PRODUCTION, so each new voice below it is such a change. A settlement that two have agreed on counts
 * as long as nothing but its facts contradicts, whoever took the others away.
 */
export function loosensEnvironments(grounds: EnvironmentGrounds, change: EnvironmentGroundsChange): boolean {
  if (change.kind === "RULES") return loosensEnvironmentRules(grounds.rules, change.rules);
  const { instanceId, accountId, environment, settles } = change.mapping;
  const mapped = grounds.mappings.find(
    (mapping) => mapping.instanceId === instanceId && mapping.accountId === accountId,
  )?.environment;
  const isSettlement = settles !== null && environment !== null && environment !== "PRODUCTION";
  // Whoever agreed on a mapping that is as loose has agreed on this one.
  return isSettlement || isLooserVoice(mapped ?? null, environment);
}

/**
 * As above of other tags of an instance: each key that names environments is a voice of its own, because the others may go.
 * @returns what takes two administrators, as sentences that are the same whenever the same tag says the same
 */
export function loosenedTags(before: readonly Tag[], after: readonly Tag[], rules: EnvironmentRules): string[] {
  const voicesOf = (tags: readonly Tag[]) =>
    new Map(
      classifierTagsOf({ tags, cluster: null }, rules).map(({ key, environments }) => [
        key,
        strictestEnvironment(environments),
      ]),
    );
  const [old, now] = [voicesOf(before), voicesOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [from, to] = [old.get(key) ?? null, now.get(key) ?? null];
    return isLooserVoice(from, to) ? [`The tag ${JSON.stringify(key)} would say ${to ?? "nothing"}.`] : [];
  });
}

const asMapping = (row: EnvironmentGroundsMapping | undefined): ClassifierMapping | undefined =>
  row?.environment ? { environment: row.environment, settles: row.settles } : undefined;

/** The facts of an instance that decide its environment. */
export type EnvironmentFacts = Pick<InstanceDescription, "identifier" | "tags" | "accountId" | "cluster"> & {
  readonly restoredFromProduction?: boolean;
};

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
