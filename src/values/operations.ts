/** What can be done to an instance, and how that can stand. */
export const OPERATION_TYPES = [
  "CREATE_SNAPSHOT",
  "REBOOT_INSTANCE",
  "MODIFY_BACKUP_WINDOW",
  "DELETE_SNAPSHOT",
  "RESTORE_SNAPSHOT",
] as const;
export type OperationType = (typeof OPERATION_TYPES)[number];

/** What is done to a snapshot, whatever has become of its instance. */
export const isOfSnapshot = (type: OperationType): type is "DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT" =>
  type === "DELETE_SNAPSHOT" || type === "RESTORE_SNAPSHOT";

/** Which may follow which, the state machine of operations says. */
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
