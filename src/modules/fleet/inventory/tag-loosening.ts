/** Says what other tags of an instance loosen, and so take two administrators. */
import { isStricterEnvironment } from "../../../values/environments.js";
import type { Tag } from "../../../values/tags.js";
import type { Classification } from "./classifier.js";
import { loosenedTags } from "./environment-grounds.js";
import type { EnvironmentRules } from "./environment-rules.js";

/** An instance with its tags, by itself and among its siblings. */
export interface TaggedInstance {
  readonly identifier: string;
  readonly tags: readonly Tag[];
  readonly own: Classification;
  readonly counting: Classification;
}

function loosenedOf(before: TaggedInstance, after: TaggedInstance, rules: EnvironmentRules): string[] {
  const { identifier } = after;
  const [own, counting] = (["own", "counting"] as const).map((which) => {
    const [{ environment: from }, { environment: to }] = [before[which], after[which]];
    return isStricterEnvironment(from, to) ? to : null;
  });
  // Also where only a sibling still keeps it stricter.
  const looser = counting ?? own;
  const isConflictGone =
    before.own.conflict && !after.own.conflict && !isStricterEnvironment(after.own.environment, before.own.environment);
  return [
    ...loosenedTags(before.tags, after.tags, rules),
    ...(looser ? [`${identifier} would count as ${looser}.`] : []),
    ...(isConflictGone ? [`The conflict about ${identifier} would be gone.`] : []),
  ];
}

/**
 * @param before the instance and its siblings @param after the same, in the same order, with other tags of one
 * @returns sentences that are the same whenever the same is loosened: whoever agrees on some agrees on none that comes later
 */
export const loosenedByTags = (
  before: readonly TaggedInstance[],
  after: readonly TaggedInstance[],
  rules: EnvironmentRules,
): readonly string[] => before.flatMap((instance, at) => loosenedOf(instance, after[at]!, rules));
