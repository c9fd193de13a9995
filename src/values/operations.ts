/** The types of operations on instances, and the statuses that an operation goes through. */
export const OPERATION_TYPES = [
  "CREATE_SNAPSHOT",
  "REBOOT_INSTANCE",
  "MODIFY_BACKUP_WINDOW",
  "DELETE_SNAPSHOT",
  "RESTORE_SNAPSHOT",
] as const;
export type OperationType = (typeof OPERATION_TYPES)[number];

/** Whether an operation concerns a snapshot, so that it works even when the snapshot's instance is gone. */
export const isOfSnapshot = (type: OperationType): type is "DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT" =>
  type === "DELETE_SNAPSHOT" || type === "RESTORE_SNAPSHOT";

/** All statuses. The state machine of operations says which may follow which. */
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
