/** What a copy of an instance becomes: with which tags, and never less protected than its source. */
import { failedPrecondition } from "../../../errors.js";
import type { Tag } from "../../../providers/provider.js";
import { ENVIRONMENTS, type Environment } from "../../../values/environments.js";
import { type Classification, classify, type Subject } from "./classifier.js";
import type { EnvironmentRules } from "./environment-rules.js";

const MAX_TAGS = 50;
/** Of providers, who set them themselves. */
const RESERVED = /^(aws|rds):/i;

const rank = (environment: Environment) => ENVIRONMENTS.indexOf(environment);

/**
 * @param copy its identifier, and what it has of its source @param floors what its source counts as
 * @returns the tags of both; where they differ, the source's
 * @throws FAILED_PRECONDITION where they are too many, or it would be less protected than its source or than the snapshot's tags say
 */
export function tagsOfCopy<S extends Subject>(
  copy: S,
  snapshotTags: readonly Tag[],
  floors: readonly Environment[],
  rules: EnvironmentRules,
  classified: (copy: S) => Classification,
): readonly Tag[] {
  const byKey = new Map([...snapshotTags, ...copy.tags].map((tag) => [tag.key, tag]));
  const tags = [...byKey.values()].filter(({ key }) => !RESERVED.test(key));
  if (tags.length > MAX_TAGS) {
    const message = `The new instance would have ${tags.length} tags of its source and of the snapshot, and ${MAX_TAGS} are allowed.`;
    throw failedPrecondition("too many tags", message);
  }
  const { evidence } = classify({ identifier: "", tags: snapshotTags, accountId: null }, rules);
  const told = evidence.find(({ method }) => method === "TAG")?.environment;
  const counts = classified({ ...copy, tags }).environment;
  const floor = [...floors, ...(told ? [told] : [])].find((one) => rank(one) < rank(counts));
  if (!floor) return tags;
  throw failedPrecondition(
    "less protected",
    `The new instance would count as ${counts}, and what it is a copy of as ${floor}. Choose an identifier that names no environment, or ${floor}.`,
  );
}
