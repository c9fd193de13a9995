/** Tells what a change of the grounds would do, and whether it loosens anything, today or once facts change. */
import type { Db } from "../../../db/client.js";
import { limitExceeded } from "../../../errors.js";
import { type TagChange, tagsAfter } from "../../../values/tags.js";
import {
  type Assessment,
  type ClassificationChange,
  type ClassificationService,
  classificationFactsOf,
  clusterKeyOf,
} from "./classification.service.js";
import { type ClassifiedInstance, listClassifiedByAccount, listClassifiedByIds } from "./classification.store.js";
import {
  type EnvironmentGrounds,
  type EnvironmentGroundsChange,
  environmentGroundsAfter,
  loosensEnvironments,
} from "./environment-grounds.js";
import { loosenedByTags } from "./tag-loosening.js";

const MAX_SHOWN = 100;
const MAX_LEAVING = 500;

/** A change of what environments are decided by: of the grounds, or of the tags of an instance. */
export type ProposedChange =
  | EnvironmentGroundsChange
  | ({ readonly kind: "TAGS"; readonly reason: string; readonly instanceId: bigint } & TagChange);

export interface EnvironmentPreview {
  readonly grounds: EnvironmentGrounds;
  /** Those that the change may reach, with their siblings. */
  readonly instances: readonly ClassifiedInstance[];
  /** Those that leave PRODUCTION come first. */
  readonly changes: readonly ClassificationChange[];
  readonly leaving: readonly ClassificationChange[];
  /** What other tags loosen, as sentences. */
  readonly loosens: readonly string[];
  /** Whether another administrator confirms the change. */
  readonly isLoosening: boolean;
}

/** @returns the changes as clients see them: all that leave PRODUCTION, and others up to a limit */
export const proposedChangesOf = ({ changes, leaving }: Pick<EnvironmentPreview, "changes" | "leaving">) =>
  changes.slice(0, Math.max(MAX_SHOWN, Math.min(leaving.length, MAX_LEAVING))).map(({ before, after }) => ({
    instanceId: String(before.id),
    identifier: before.identifier,
    from: before.environment,
    to: after.environment,
  }));

/** @throws LIMIT_EXCEEDED where a proposal could not show all that leaves PRODUCTION */
export function requireShowable({ leaving }: Pick<EnvironmentPreview, "leaving">): void {
  if (leaving.length <= MAX_LEAVING) return;
  throw limitExceeded(
    "leaving",
    `${leaving.length} instances would leave PRODUCTION. One proposal takes out at most ${MAX_LEAVING}: take smaller steps, such as mappings of accounts or instances.`,
  );
}

/**
 * @param before by the grounds that count now @param after of the same instances, by the others
 * @returns those that leave PRODUCTION, also where only a sibling would still keep one there
 */
function looseningChanges(
  before: readonly Assessment[],
  after: readonly Assessment[],
): readonly ClassificationChange[] {
  const ownBefore = new Map(before.map(({ instance, own }) => [instance.id, own.environment]));
  return after.flatMap(({ instance, own, counting }) => {
    if (instance.environment === "PRODUCTION" && counting.environment !== "PRODUCTION") {
      return [{ before: instance, after: counting }];
    }
    const isLatent = ownBefore.get(instance.id) === "PRODUCTION" && own.environment !== "PRODUCTION";
    return isLatent ? [{ before: instance, after: own }] : [];
  });
}

function listAffected(db: Db, change: ProposedChange) {
  if (change.kind === "RULES") return listClassifiedByAccount(db, null);
  if (change.kind === "TAGS") return listClassifiedByIds(db, [change.instanceId]);
  const { instanceId, accountId } = change.mapping;
  return instanceId === null ? listClassifiedByAccount(db, accountId) : listClassifiedByIds(db, [instanceId]);
}

const taggedOf = ({ instance, own, counting }: Assessment) => {
  const { identifier, tags } = classificationFactsOf(instance);
  return { identifier, tags, own, counting };
};

const withTags = (instances: readonly ClassifiedInstance[], change: TagChange & { readonly instanceId: bigint }) =>
  instances.map((instance) =>
    instance.id === change.instanceId
      ? { ...instance, tags: tagsAfter(classificationFactsOf(instance).tags, change) }
      : instance,
  );

const loosenedBetween = (before: readonly Assessment[], after: readonly Assessment[], { rules }: EnvironmentGrounds) =>
  loosenedByTags(before.map(taggedOf), after.map(taggedOf), rules);

/** @returns what a change of its tags would loosen of each of these instances, judged as if no other changed */
export async function listLoosenedByTags(
  db: Db,
  classification: ClassificationService,
  instanceIds: readonly bigint[],
  change: TagChange,
): Promise<ReadonlyMap<bigint, readonly string[]>> {
  const grounds = await classification.findGrounds(db);
  const instances = await listClassifiedByIds(db, instanceIds);
  const clusters = Map.groupBy(instances, clusterKeyOf);
  const loosenedOf = (instance: ClassifiedInstance) => {
    const key = clusterKeyOf(instance);
    const family = key === null ? [instance] : clusters.get(key)!;
    const changed = withTags(family, { ...change, instanceId: instance.id });
    return loosenedBetween(classification.assess(family, grounds), classification.assess(changed, grounds), grounds);
  };
  const asked = new Set(instanceIds);
  return new Map(instances.filter(({ id }) => asked.has(id)).map((instance) => [instance.id, loosenedOf(instance)]));
}

/** @returns what the change would do */
export async function previewEnvironmentChange(
  db: Db,
  classification: ClassificationService,
  change: ProposedChange,
): Promise<EnvironmentPreview> {
  const current = await classification.findGrounds(db);
  const instances = await listAffected(db, change);
  const before = classification.assess(instances, current);
  const isOfTags = change.kind === "TAGS";
  const grounds = isOfTags ? current : environmentGroundsAfter(current, change);
  const changed = isOfTags ? withTags(instances, change) : instances;
  const after = classification.assess(changed, grounds);
  const leaving = looseningChanges(before, after);
  const loosens = isOfTags ? loosenedBetween(before, after, grounds) : [];
  const left = new Set(leaving.map(({ before }) => before.id));
  const others = after
    .filter(({ instance, counting }) => !left.has(instance.id) && counting.environment !== instance.environment)
    .map(({ instance, counting }) => ({ before: instance, after: counting }));
  const isLoosening = leaving.length > 0 || (isOfTags ? loosens.length > 0 : loosensEnvironments(current, change));
  return { grounds, instances, changes: [...leaving, ...others], leaving, loosens, isLoosening };
}
