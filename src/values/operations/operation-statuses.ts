/** The statuses that an operation goes through. The state machine of operations says which may follow which. */
export const OPERATION_STATUSES = [
  "PENDING_APPROVAL",
  "SCHEDULED",
  "QUEUED",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "CANCELLED",
  "REJECTED",
  "EXPIRED",
] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];
