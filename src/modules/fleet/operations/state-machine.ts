/** The states of an operation: which status may follow which. */
import { failedPrecondition } from "../../../errors.js";
import { OPERATION_STATUSES, type OperationStatus } from "../../../values/operations/operation-statuses.js";

/** The statuses that may follow each status. One with an empty list is an end. */
const NEXT: Readonly<Record<OperationStatus, readonly OperationStatus[]>> = {
  PENDING_APPROVAL: ["QUEUED", "SCHEDULED", "REJECTED", "EXPIRED", "CANCELLED"],
  SCHEDULED: ["QUEUED", "CANCELLED", "EXPIRED"],
  QUEUED: ["RUNNING", "CANCELLED", "EXPIRED"],
  // The last two follow where its worker finds, before it asks the provider, that it must not begin any more.
  RUNNING: ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "EXPIRED"],
  SUCCEEDED: [],
  FAILED: [],
  // The work may still end in the background. Its end is recorded in `settlement`, and the status stays.
  TIMED_OUT: [],
  CANCELLED: [],
  REJECTED: [],
  EXPIRED: [],
};

/** The statuses of operations that have not begun, and can still be cancelled. */
const CANCELLABLE = OPERATION_STATUSES.filter((status) => status !== "RUNNING" && NEXT[status].includes("CANCELLED"));

export const isEndState = (status: OperationStatus): boolean => NEXT[status].length === 0;

/** @throws FAILED_PRECONDITION where the operation has begun or ended */
export function requireCancellable(status: OperationStatus): void {
  if (CANCELLABLE.includes(status)) return;
  throw failedPrecondition(
    status,
    status === "RUNNING"
      ? "This operation runs already: it cannot be cancelled any more. Wait for its end."
      : `This operation has ended: it is ${status}.`,
  );
}
