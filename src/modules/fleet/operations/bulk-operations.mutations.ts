/** The mutations that request, repeat and cancel bulk operations. */
import { can, type MutationRule } from "../../../auth/rules.js";
import { type Mutation, type MutationPayload, mutation } from "../../../engine/mutation.js";
import { embeddedType } from "../../../engine/types/object-type.js";
import type { OperationDeclaration } from "../../../values/operations/declaration.js";
import { OPERATION_DECLARATIONS, type OperationType } from "../../../values/operations/declarations.js";
import type { BulkCancellation } from "./bulk-cancellation.service.js";
import { bulkRequestInput, CancelBulkOperationInput, RetryBulkOperationInput } from "./bulk-operations.inputs.js";
import { BulkOperation, BulkPreviewPart } from "./bulk-operations.model.js";
import type { BulkRequests } from "./bulk-requests.service.js";

/** Only the service can say which instances a filter selects, so it alone checks their environments. */
const request = {
  rule: can("operations:run"),
  action: "bulk-operation.requested",
  // A refused request for many is a refused request for operations, and counts among them.
  failure: "operation.refused",
  tier: "bulk",
} as const satisfies MutationRule & Pick<Mutation, "tier">;

const BulkOperationPayload: MutationPayload = {
  name: "BulkOperationPayload",
  description: "The bulk operation.",
  fields: {
    bulkOperation: {
      row: BulkOperation,
      nullable: true,
      description: "The bulk operation as it is now; null after a trial. Poll `bulkOperation(id)` to follow it.",
    },
    preview: {
      value: [embeddedType(BulkPreviewPart)],
      nullable: true,
      description: "After a trial, what would become of each instance now, in the order of their ids; else null.",
    },
  },
};

const requestOf = (bulk: BulkRequests, declaration: OperationDeclaration<OperationType>): [string, Mutation] => {
  const { name, description } = declaration.bulk!;
  const run = mutation({
    ...request,
    description: `${description} Where one of them is PRODUCTION, all is PRODUCTION_PROTECTED, and nothing is done.`,
    input: { schema: bulkRequestInput(declaration), what: "Which instances, and what to do." },
    payload: BulkOperationPayload,
    async run(call, input) {
      const { id, preview } = await bulk.request(call, declaration, input);
      return { bulkOperation: id === null ? null : { id }, preview };
    },
  });
  return [name, run];
};

export const bulkOperationMutations = (bulk: BulkRequests & BulkCancellation): Record<string, Mutation> => ({
  ...Object.fromEntries(
    OPERATION_DECLARATIONS.flatMap((declaration) => (declaration.bulk ? [requestOf(bulk, declaration)] : [])),
  ),

  retryBulkOperation: mutation({
    ...request,
    description:
      "Requests the failed parts of a bulk operation again: those that are FAILED, and those that have timed out and were settled as FAILED, unless a repetition of them has succeeded. All checks of a request count. While another retry of it runs, it is a CONFLICT.",
    input: { schema: RetryBulkOperationInput, what: "The bulk operation, and how many of its parts have failed." },
    payload: BulkOperationPayload,
    run: async (call, input) => ({ bulkOperation: { id: await bulk.retry(call, input) }, preview: null }),
  }),

  cancelBulkOperation: mutation({
    rule: can("operations:run"),
    action: "bulk-operation.cancel",
    description:
      "Skips the parts of a bulk operation that have not been requested, and cancels operations of it that have not begun. What runs goes on.",
    input: { schema: CancelBulkOperationInput, what: "The bulk operation to cancel." },
    payload: BulkOperationPayload,
    run: async (call, input) => ({ bulkOperation: { id: await bulk.cancel(call, input) }, preview: null }),
  }),
});
