/** The inputs that request, repeat and cancel bulk operations. */
import { z } from "zod";
import { filterType } from "../../../engine/types/filter-type.js";
import { idempotencyKeyInput } from "../../../engine/types/row-inputs.js";
import { inputObject, showAs } from "../../../values/inputs.js";
import type { OperationDeclaration } from "../../../values/operations/declaration.js";
import { Instance } from "../inventory/index.js";

/** The most instances of one bulk operation. */
export const MAX_BULK_PARTS = 500;

const COUNT = `Give the number of instances that you expect, 1 to ${MAX_BULK_PARTS}.`;

const expectedCount = z
  .number()
  .int()
  .min(1, COUNT)
  .max(MAX_BULK_PARTS, COUNT)
  .describe(
    `How many instances you expect, at most ${MAX_BULK_PARTS}. If they are another number, it is FAILED_PRECONDITION with the \`count\`, and nothing is done.`,
  );

const stopAtFirstFailure = z
  .boolean()
  .nullish()
  .describe(
    "Whether parts that have not been requested are skipped once one has failed or timed out; false unless given.",
  );

/** The fields that all bulk requests share. */
const shared = {
  filter: showAs(
    { type: () => filterType(Instance) },
    z.custom<Readonly<Record<string, unknown>>>((value) => value !== undefined),
  ).describe("Selects instances among those that are not gone; `{}` selects all of them."),
  expectedCount,
  dryRun: z
    .boolean()
    .nullish()
    .describe("Whether to answer only what would become of each instance now, in `preview`; nothing is changed then."),
  stopAtFirstFailure,
  idempotencyKey: idempotencyKeyInput,
};
export type BulkRequestInput = z.output<z.ZodObject<typeof shared>>;

/** @returns the input that requests operations of a type on many instances */
export function bulkRequestInput({ mutation: { input }, bulk }: OperationDeclaration) {
  const { name, description, without = [] } = bulk!;
  const own = Object.fromEntries(Object.entries(input.fields).filter(([field]) => !without.includes(field)));
  return inputObject(`${name.charAt(0).toUpperCase()}${name.slice(1)}Input`, description, { ...shared, ...own });
}

const bulkOperationId = showAs({ scalar: "ID" }, z.string());

export const RetryBulkOperationInput = inputObject("RetryBulkOperationInput", "The bulk operation to repeat.", {
  bulkOperationId: bulkOperationId.describe("The id of a bulk operation that has ended."),
  expectedCount,
  stopAtFirstFailure,
  idempotencyKey: idempotencyKeyInput,
});
export type RetryBulkOperationInput = z.output<typeof RetryBulkOperationInput>;

export const CancelBulkOperationInput = inputObject("CancelBulkOperationInput", "The bulk operation to cancel.", {
  bulkOperationId: bulkOperationId.describe("The id of a bulk operation that has not ended."),
});
