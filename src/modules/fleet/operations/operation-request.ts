/** An operation, as it is stored -> what the provider is asked. */
import type { OperationRequest } from "../../../providers/provider.js";
import type { OperationType } from "../../../values/operations.js";

interface Stored {
  readonly id: bigint;
  readonly type: OperationType;
  readonly parameters: unknown;
}

/** @returns what the provider is asked for an operation; the same for each asking */
export const requestOf = ({ id, type, parameters }: Stored, providerId: string): OperationRequest =>
  ({ operationId: String(id), providerId, type, ...(parameters as object) }) as OperationRequest;
