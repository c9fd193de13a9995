/** The inputs that request and cancel operations. */
import { z } from "zod";
import { idempotencyKeyInput } from "../../../engine/types/row-inputs.js";
import { checkedMoment, checkedText, nullable } from "../../../values/checked.js";
import { MAX_INPUT_IDENTIFIER } from "../../../values/identifiers.js";
import { inputObject, showAs } from "../../../values/inputs.js";
import type { OperationDeclaration } from "../../../values/operations/declaration.js";

const WAIT = "Wait 0 to 300 seconds.";
const waitedSeconds = z.number().int().min(0, WAIT).max(300, WAIT).nullish();
const waitSeconds = waitedSeconds.describe(
  "How many seconds to wait for the end before answering, 0 to 300; 0 unless given. The answer comes earlier if the operation has ended and the instance was refreshed, and at once where it is scheduled.",
);

/** The fields that all requests share. */
const shared = {
  instanceId: showAs({ scalar: "ID" }, checkedText(MAX_INPUT_IDENTIFIER)).describe(
    "The instance: its id, or its identifier where that is unique in the fleet.",
  ),
  waitSeconds,
  runAt: nullable(checkedMoment).describe(
    "When to begin, at most 90 days ahead; at once unless given. Until then the operation is SCHEDULED, and can be cancelled; the instance may have any status. If it cannot begin within 15 minutes (configuration) of its time, it becomes EXPIRED. A generated name carries this time.",
  ),
  inMaintenanceWindow: z
    .boolean()
    .nullish()
    .describe(
      "Whether to begin when the maintenance window opens next, as it is now, which gives `runAt` of the operation; instead of `runAt`. A member of a cluster without one of its own has the cluster's.",
    ),
  idempotencyKey: idempotencyKeyInput,
};

/** The checked fields that all requests share. */
export type OperationRequestInput = z.output<z.ZodObject<typeof shared>>;

/** @returns the input that requests operations of a type */
export const operationRequestInput = ({ mutation: { input } }: OperationDeclaration) =>
  inputObject(input.name, input.description, { ...shared, ...input.fields });

export const CancelOperationInput = inputObject("CancelOperationInput", "The operation to cancel.", {
  operationId: showAs({ scalar: "ID" }, z.string()).describe(
    "The id of an operation that has not ended. One that runs can be cancelled where `availableOperations` says `cancellable`.",
  ),
  waitSeconds: waitedSeconds.describe(
    "How many seconds to wait for the end of one that runs before answering, 0 to 300; 0 unless given.",
  ),
});

export type CancelOperationInput = z.output<typeof CancelOperationInput>;

export const RetryOperationInput = inputObject("RetryOperationInput", "The operation to repeat.", {
  operationId: showAs({ scalar: "ID" }, z.string()).describe(
    "The id of an operation that is FAILED, EXPIRED or CANCELLED, or has timed out and was settled as FAILED.",
  ),
  waitSeconds,
  idempotencyKey: idempotencyKeyInput,
});
export type RetryOperationInput = z.output<typeof RetryOperationInput>;
