/** Tells what a change of the grounds would do, and whether it loosens anything, today or once facts change. */
import type { Db } from "../../../db/client.js";
import { limitExceeded } from "../../../errors.js";
import { type Assessment, type ClassificationChange, type ClassificationService } from "./classification.service.js";
import { type ClassifiedInstance, listClassifiedByAccount, listClassifiedByIds } from "./classification.store.js";
import {
  type EnvironmentGrounds,
  type EnvironmentGroundsChange,
  environmentGroundsAfter,
  loosensEnvironments,
} from "./environment-grounds.js";

const MAX_SHOWN = 100;
const MAX_LEAVING = 500;

export interface EnvironmentPreview {
  readonly grounds: EnvironmentGrounds;
  /** Those that the change may reach, with their siblings. */
  readonly instances: readonly ClassifiedInstance[];
  /** Those that leave PRODUCTION come first. */
  readonly changes: readonly ClassificationChange[];
  readonly leaving: readonly ClassificationChange[];
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

function listAffected(db: Db, change: EnvironmentGroundsChange) {
  if (change.kind === "RULES") return listClassifiedByAccount(db, null);
  const { instanceId, accountId } = change.mapping;
  return instanceId === null ? listClassifiedByAccount(db, accountId) : listClassifiedByIds(db, [instanceId]);
}

/** @returns what the change would do */
export async function previewEnvironmentChange(
  db: Db,
  classification: ClassificationService,
  change: EnvironmentGroundsChange,
): Promise<EnvironmentPreview> {
  const current = await classification.findGrounds(db);
  const grounds = environmentGroundsAfter(current, change);
  const instances = await listAffected(db, change);
  const after = classification.assess(instances, grounds);
  const leaving = looseningChanges(classification.assess(instances, current), after);
  const left = new Set(leaving.map(({ before }) => before.id));
  const others = after
    .filter(({ instance, counting }) => !left.has(instance.id) && counting.environment !== instance.environment)
    .map(({ instance, counting }) => ({ before: instance, after: counting }));
  const isLoosening = leaving.length > 0 || loosensEnvironments(current, change);
  return { grounds, instances, changes: [...leaving, ...others], leaving, isLoosening };
}
