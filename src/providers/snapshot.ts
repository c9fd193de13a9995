/** Snapshots of instances, as their provider sees them. */
import type { Tag } from "../values/tags.js";

export interface SnapshotDescription {
  /** Differs for every snapshot, while an identifier can be used again after a snapshot is deleted. */
  readonly uid: string;
  readonly identifier: string;
  /** The ARN, or the path of a local snapshot. */
  readonly arn: string;
  /** `creating`, `available`, `deleting`, `failed`, ... */
  readonly status: string;
  readonly sizeBytes: number | null;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly tags: readonly Tag[];
  /** Whether it was taken in the backup window; it is then removed when its retention is over. */
  readonly automated: boolean;
}

/** A snapshot and the instance that it is of; null where nobody knows that any more. */
export interface ScopeSnapshot {
  readonly providerId: string | null;
  readonly snapshot: SnapshotDescription;
}

/** Names a snapshot. With `snapshotUid`, a later snapshot with the same identifier is not meant. */
export interface ProviderSnapshotName {
  readonly snapshotId: string;
  readonly snapshotUid?: string | undefined;
}
