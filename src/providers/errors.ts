/** Why a provider could not do what an operation asked of it: codes as AWS names them, where it has one. */
import type { ProviderFailure } from "./provider.js";

export type FailureCode =
  | "DBInstanceNotFound"
  | "DBInstanceAlreadyExists"
  | "InvalidDBInstanceState"
  | "InvalidParameterValue"
  | "DBSnapshotAlreadyExists"
  | "DBSnapshotNotFound"
  /** It is being restored, or deleted. */
  | "InvalidDBSnapshotState"
  | "SnapshotQuotaExceeded"
  | "StorageFull"
  /** No standby that could take over. */
  | "StandbyUnavailable"
  /** A failover would lose replication slots, which nobody accepted. */
  | "ReplicationSlotLoss"
  /** The primary that it worked on has failed, and is rebooted, or its standby takes over. */
  | "PrimaryLost"
  /** PostgreSQL would not start with its files of settings. */
  | "InvalidConfiguration"
  /** PostgreSQL does not start, or does not answer after it was started. */
  | "StartFailed"
  /** The instance is one that this provider cannot copy. */
  | "NotSupported"
  /** Postern ended while the operation ran, and it was rolled back. */
  | "Interrupted"
  /** A password, a rule of pg_hba.conf, a role or a file keeps Postern out. */
  | "AccessDenied"
  /** Connections, slots, memory or open files are used up. */
  | "ResourcesExhausted"
  /** Somebody ended what Postern did there. */
  | "Cancelled"
  | "DataDamaged"
  | "InternalFailure";

/** Ends an operation as failed. The message is for a DBA: what is wrong and what to do, and no secrets. */
export class OperationFailure extends Error implements ProviderFailure {
  constructor(
    readonly code: FailureCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = "OperationFailure";
  }
}
