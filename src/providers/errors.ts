/** Says why a provider could not do what an operation asked of it, with the code of AWS where it has one. */
import type { ProviderFailure } from "./provider.js";

export type FailureCode =
  | "DBInstanceNotFound"
  | "DBInstanceAlreadyExists"
  | "InvalidDBInstanceState"
  | "InvalidParameterValue"
  | "DBSnapshotAlreadyExists"
  | "DBSnapshotNotFound"
  /** The snapshot is being restored or deleted. */
  | "InvalidDBSnapshotState"
  | "SnapshotQuotaExceeded"
  | "StorageFull"
  | "DBParameterGroupNotFound"
  /** The provider does not take these together, such as an instance and a parameter group of another family. */
  | "InvalidParameterCombination"
  /** There is no room for a class. */
  | "InsufficientDBInstanceCapacity"
  /** No standby can take over. */
  | "StandbyUnavailable"
  /** A failover would lose replication slots, and the request does not accept that. */
  | "ReplicationSlotLoss"
  /** The primary has failed during the operation, and is rebooted or failed over. */
  | "PrimaryLost"
  /** PostgreSQL would not start with its configuration files. */
  | "InvalidConfiguration"
  /** PostgreSQL does not start, or does not answer after it was started. */
  | "StartFailed"
  /** The instance has come to a status from which it does not stop by itself. */
  | "StopFailed"
  /** This provider cannot copy the instance. */
  | "NotSupported"
  /** The provider never stops an instance of this kind. */
  | "NotStoppable"
  /** Postern ended while the operation ran, and it was rolled back. */
  | "Interrupted"
  /** A password, a rule of pg_hba.conf, a role or the permissions of a file keep Postern out. */
  | "AccessDenied"
  /** Connections, slots, memory or open files are used up. */
  | "ResourcesExhausted"
  /** Somebody cancelled the operation, and nothing of it is left. */
  | "CancelRequested"
  /** Somebody ended Postern's session or statement. */
  | "Cancelled"
  | "DataDamaged"
  | "InternalFailure";

/** Ends an operation as failed. The message tells a DBA what is wrong and what to do, and holds no secrets. */
export class OperationFailureError extends Error implements ProviderFailure {
  constructor(
    readonly code: FailureCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = "OperationFailureError";
  }
}
