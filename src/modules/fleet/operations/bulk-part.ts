/** Why a part of a bulk operation has no operation, and waits for none. */
export interface BulkPartFault {
  readonly code: string;
  readonly message: string;
}

/** A part that is not stored yet. */
export interface NewBulkPart {
  readonly instanceId: bigint;
  /** Null where it waits for its operation. */
  readonly fault: BulkPartFault | null;
}
