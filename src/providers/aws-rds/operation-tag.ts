/** The tag by which Postern finds again what an operation has made, after a crash. */
import type { Tag } from "../provider.js";

const OPERATION_TAG = "postern:operation";

/** @returns the tags as RDS takes them, with that of the operation in place of an earlier one's */
export const tagsWithOperation = (tags: readonly Tag[], operationId: string) => [
  ...tags.filter(({ key }) => key !== OPERATION_TAG).map(({ key, value }) => ({ Key: key, Value: value })),
  { Key: OPERATION_TAG, Value: operationId },
];

export const hasTagOfOperation = (tags: readonly Tag[], operationId: string): boolean =>
  tags.some(({ key, value }) => key === OPERATION_TAG && value === operationId);

/**
 * What is older has the number of an operation of another Postern.
 * @param createdAt null where AWS does not say it yet
 */
export const isMadeByOperation = (
  { tags, createdAt }: { readonly tags: readonly Tag[]; readonly createdAt: Date | null },
  operationId: string,
  sinceMs: number,
): boolean => hasTagOfOperation(tags, operationId) && (createdAt === null || createdAt.getTime() > sinceMs);
