/** Decides the tags of a copy of an instance, which must not be less protected than its source. */
import { failedPrecondition } from "../../../errors.js";
import type { Tag } from "../../../providers/provider.js";
import { type Environment, isStricterEnvironment } from "../../../values/environments.js";
import { type Classification, type ClassifierSubject, classify } from "./classifier.js";
import type { EnvironmentRules } from "./environment-rules.js";

const MAX_TAGS = 50;
/** The prefixes of tags that providers set by themselves. */
const RESERVED = /^(aws|rds):/i;

/**
 * @param copy the facts of the source with the identifier of the copy
 * @param floors the environments of the source, which the copy must not fall below
 * @returns the tags of the snapshot and of the source, whose values win
 * @throws FAILED_PRECONDITION where they are too many, or where the copy would be less protected than its source or its snapshot's tags
 */
export function tagsOfCopy<S extends ClassifierSubject>(
  copy: S,
  snapshotTags: readonly Tag[],
  floors: readonly Environment[],
  rules: EnvironmentRules,
  classifyCopy: (copy: S) => Classification,
): readonly Tag[] {
  const byKey = new Map([...snapshotTags, ...copy.tags].map((tag) => [tag.key, tag]));
  const tags = [...byKey.values()].filter(({ key }) => !RESERVED.test(key));
  if (tags.length > MAX_TAGS) {
    const message = `The new instance would have ${tags.length} tags of its source and of the snapshot, and ${MAX_TAGS} are allowed.`;
    throw failedPrecondition("too many tags", message);
  }
  const { evidence } = classify({ identifier: "", tags: snapshotTags, accountId: null }, rules);
  const ofSnapshot = evidence.find(({ method }) => method === "TAG")?.environment;
  const ofCopy = classifyCopy({ ...copy, tags }).environment;
  const floor = [...floors, ...(ofSnapshot ? [ofSnapshot] : [])].find((source) =>
    isStricterEnvironment(source, ofCopy),
  );
  if (!floor) return tags;
  throw failedPrecondition(
    "less protected",
    `The new instance would count as ${ofCopy}, and what it is a copy of as ${floor}. Choose an identifier that names no environment, or ${floor}.`,
  );
}
