/** The mutations that request and cancel operations. */
import { can, type MutationRule, operable } from "../../../auth/rules.js";
import { type Mutation, type MutationPayload, mutation } from "../../../engine/mutation.js";
import type { OperationDeclaration } from "../../../values/operations/declaration.js";
import { OPERATION_DECLARATIONS, type OperationType } from "../../../values/operations/declarations.js";
import { CancelOperationInput, operationRequestInput } from "./operations.inputs.js";
import { Operation } from "./operations.model.js";
import type { OperationsService } from "./operations.service.js";

/** The door checks the environment of the instance, and the service checks it again under a lock. */
const operation: MutationRule = { rule: operable, action: "operation.requested", failure: "operation.refused" };

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
    ...operation,
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

  cancelOperation: mutation({
    rule: can("operations:run"),
    action: "operation.cancel",
    description: "Cancels an operation that has not begun.",
    input: { schema: CancelOperationInput, what: "The operation to cancel." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.cancel(call, input) } }),
  }),
});
