/** The states of an operation: which status may follow which. */
import { failedPrecondition } from "../../../errors.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import { insteadOfCancelling } from "../../../values/operations/operability.js";
import { OPERATION_STATUSES, type OperationStatus } from "../../../values/operations/operation-statuses.js";

/** The statuses that may follow each status. One with an empty list is an end. */
const NEXT: Readonly<Record<OperationStatus, readonly OperationStatus[]>> = {
  PENDING_APPROVAL: ["QUEUED", "SCHEDULED", "REJECTED", "EXPIRED", "CANCELLED"],
  SCHEDULED: ["QUEUED", "CANCELLED", "EXPIRED"],
  QUEUED: ["RUNNING", "CANCELLED", "EXPIRED"],
  // CANCELLED follows where its provider has ended it, too. Otherwise the last two follow where its worker finds, before it asks the provider,
  // that it must not begin any more.
  RUNNING: ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "EXPIRED"],
  SUCCEEDED: [],
  FAILED: [],
  // The work may still end in the background. Its end is recorded in `settlement`, and the status stays.
  TIMED_OUT: [],
  CANCELLED: [],
  REJECTED: [],
  EXPIRED: [],
};

/** The statuses of operations that have not begun: to cancel them asks nothing of a provider. */
const UNBEGUN = OPERATION_STATUSES.filter((status) => status !== "RUNNING" && NEXT[status].includes("CANCELLED"));

export const isEndState = (status: OperationStatus): boolean => NEXT[status].length === 0;

export const isUnbegun = (status: OperationStatus): boolean => UNBEGUN.includes(status);

/** @throws FAILED_PRECONDITION where an operation that has begun cannot be cancelled any more */
export function requireCancellable(
  { type, status, settledAt }: { type: OperationType; status: OperationStatus; settledAt: string | null },
  provider: string,
): void {
  const mayStillRun = status === "RUNNING" || (status === "TIMED_OUT" && settledAt === null);
  if (!mayStillRun) throw failedPrecondition(status, `This operation has ended: it is ${status}.`);
  const instead = insteadOfCancelling(provider, type);
  if (instead === null) return;
  throw failedPrecondition(status, `The provider ${provider} cannot cancel a ${type} that has begun. ${instead}`);
}

/** The ends after which the same may be asked for again. */
const RETRYABLE: readonly OperationStatus[] = ["FAILED", "EXPIRED", "CANCELLED"];

/** @throws FAILED_PRECONDITION where the operation has not ended, has done what was asked, or may still do it */
export function requireRetryable({ status, settlement }: { status: OperationStatus; settlement: unknown }): void {
  const settled = (settlement as { status?: OperationStatus } | null)?.status;
  const end = status === "TIMED_OUT" && settled ? settled : status;
  if (RETRYABLE.includes(end)) return;
  if (end === "TIMED_OUT") {
    throw failedPrecondition(end, "This operation has timed out, and may still end. Wait until `settledAt` is set.");
  }
  throw failedPrecondition(
    end,
    isEndState(end)
      ? `This operation is ${end}: there is nothing to repeat.`
      : `This operation is ${end}: wait for its end, or cancel it.`,
  );
}
