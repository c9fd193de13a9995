/** The mutations that request and cancel operations. */
import { can, type MutationRule, operable, operableAgain } from "../../../auth/rules.js";
import { type Mutation, type MutationPayload, mutation } from "../../../engine/mutation.js";
import type { OperationDeclaration } from "../../../values/operations/declaration.js";
import { OPERATION_DECLARATIONS, type OperationType } from "../../../values/operations/declarations.js";
import { CancelOperationInput, operationRequestInput, RetryOperationInput } from "./operations.inputs.js";
import { Operation } from "./operations.model.js";
import type { OperationsService } from "./operations.service.js";

/** The door checks the environment of the instance, and the service checks it again under a lock. */
const request: MutationRule = { rule: operable, action: "operation.requested", failure: "operation.refused" };

const OperationPayload: MutationPayload = {
  name: "OperationPayload",
  description: "The operation.",
  fields: {
    operation: { row: Operation, description: "The operation as it is now. Poll `operation(id)` to follow it." },
  },
};

const requestOf = (operations: OperationsService, declaration: OperationDeclaration<OperationType>): Mutation => {
  const { description, what } = declaration.mutation;
  return mutation({
    ...request,
    description,
    input: { schema: operationRequestInput(declaration), what },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.request(call, declaration, input) } }),
  });
};

export const operationMutations = (operations: OperationsService): Record<string, Mutation> => ({
  ...Object.fromEntries(
    OPERATION_DECLARATIONS.map((declaration) => [declaration.mutation.name, requestOf(operations, declaration)]),
  ),

  retryOperation: mutation({
    ...request,
    rule: operableAgain,
    description:
      "Requests again what an operation on a non-production instance was to do and has not done: the same of the same instance, with a new name where one was generated. All checks of a request count. While another retry of the operation has not come to its end, or where one has succeeded, it is a CONFLICT.",
    input: { schema: RetryOperationInput, what: "The operation to repeat." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.retry(call, input) } }),
  }),

  cancelOperation: mutation({
    rule: can("operations:run"),
    action: "operation.cancel",
    description:
      "Cancels an operation. One that has not begun is CANCELLED at once. One that runs goes on with `cancelRequestedAt` until its provider has ended it and removed what is half done: then it is CANCELLED, or it ends as it ended before. What a provider cannot cancel is FAILED_PRECONDITION. An automated backup that is cancelled is taken later, as one that failed.",
    input: { schema: CancelOperationInput, what: "The operation to cancel." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.cancel(call, input) } }),
  }),
});
