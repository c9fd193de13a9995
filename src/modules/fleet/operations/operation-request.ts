/** Turns a stored operation into the request to its provider. */
import type { OperationRequest } from "../../../providers/provider.js";
import type { OperationType } from "../../../values/operations/declarations.js";

interface Stored {
  readonly id: bigint;
  readonly type: OperationType;
  readonly parameters: unknown;
}

/** @returns the request, which is the same whenever the provider is asked */
export const requestOf = ({ id, type, parameters }: Stored, providerId: string): OperationRequest =>
  ({ operationId: String(id), providerId, type, ...(parameters as object) }) as OperationRequest;
