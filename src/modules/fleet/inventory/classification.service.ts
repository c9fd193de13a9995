/** Classifies stored instances by their facts, the stored mappings and the rules. */
import type { Db } from "../../../db/client.js";
import type { InstanceDescription } from "../../../providers/provider.js";
import { type Classification, type ClassifierMapping, classify } from "./classifier.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { listMappings, type StoredInstance, type StoredMapping, updateClassification } from "./inventory.store.js";

export type ClassificationFacts = Pick<InstanceDescription, "identifier" | "tags" | "accountId">;

export const classificationFactsOf = ({ identifier, tags, accountId }: StoredInstance): ClassificationFacts => ({
  identifier,
  tags: tags as ClassificationFacts["tags"],
  accountId,
});

export const classificationDisputeOf = ({ classification }: StoredInstance) =>
  (classification as Classification).dispute;

const asMapping = (row: StoredMapping | undefined): ClassifierMapping | undefined =>
  row?.environment ? { environment: row.environment, reason: row.reason, settles: row.settles } : undefined;

export type ClassificationOf = ReturnType<typeof createClassification>;

/** @returns a function that classifies an instance by its facts and the current mappings */
export const createClassification =
  (rules: EnvironmentRules) =>
  (facts: ClassificationFacts, id: bigint | undefined, mappings: readonly StoredMapping[]): Classification => {
    const byInstance = mappings.find((mapping) => id !== undefined && mapping.instanceId === id);
    const byAccount = mappings.find(({ accountId }) => accountId !== null && accountId === facts.accountId);
    return classify({ ...facts, instanceMapping: asMapping(byInstance), accountMapping: asMapping(byAccount) }, rules);
  };

/** Classifies stored instances by the current rules and mappings. @returns those whose environment has changed */
export async function reclassify(db: Db, classifyFacts: ClassificationOf, instances: readonly StoredInstance[]) {
  const mappings = await listMappings(db);
  const changed: { readonly before: StoredInstance; readonly after: Classification }[] = [];
  for (const before of instances) {
    const after = classifyFacts(classificationFactsOf(before), before.id, mappings);
    await updateClassification(db, before.id, after);
    if (after.environment !== before.environment) changed.push({ before, after });
  }
  return changed;
}
