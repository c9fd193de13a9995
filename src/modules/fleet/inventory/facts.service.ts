/** Stored instances and mappings as the classifier looks at them. */
import type { Db } from "../../../db/client.js";
import type { InstanceDescription } from "../../../providers/provider.js";
import { type Classification, classify, type Mapping } from "./classifier.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { listMappings, type StoredInstance, type StoredMapping, updateClassification } from "./inventory.store.js";

export type Facts = Pick<InstanceDescription, "identifier" | "tags" | "accountId">;

export const factsOf = ({ identifier, tags, accountId }: StoredInstance): Facts => ({
  identifier,
  tags: tags as Facts["tags"],
  accountId,
});

export const disputeOf = ({ classification }: StoredInstance) => (classification as Classification).dispute;

const asMapping = (row: StoredMapping | undefined): Mapping | undefined =>
  row?.environment ? { environment: row.environment, reason: row.reason, settles: row.settles } : undefined;

export type Classify = ReturnType<typeof classifierBy>;

/** @returns what classifies by the facts and the mappings of now */
export const classifierBy =
  (rules: EnvironmentRules) =>
  (facts: Facts, id: bigint | undefined, mappings: readonly StoredMapping[]): Classification => {
    const byInstance = mappings.find((mapping) => id !== undefined && mapping.instanceId === id);
    const byAccount = mappings.find(({ accountId }) => accountId !== null && accountId === facts.accountId);
    return classify({ ...facts, instanceMapping: asMapping(byInstance), accountMapping: asMapping(byAccount) }, rules);
  };

/** Classifies stored instances by the rules and the mappings of now. @returns those whose environment is another one now */
export async function reclassify(db: Db, classified: Classify, instances: readonly StoredInstance[]) {
  const mappings = await listMappings(db);
  const changed: { readonly before: StoredInstance; readonly now: Classification }[] = [];
  for (const before of instances) {
    const now = classified(factsOf(before), before.id, mappings);
    await updateClassification(db, before.id, now);
    if (now.environment !== before.environment) changed.push({ before, now });
  }
  return changed;
}
