/** Prepares operations on snapshots: deleting one, and restoring one as an instance that is not less protected than its source. */
import type { Db } from "../../../db/client.js";
import { badUserInput, conflict, failedPrecondition, notFound } from "../../../errors.js";
import type { Tag } from "../../../providers/provider.js";
import { INSTANCE_IDENTIFIER } from "../../../values/identifiers.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { lockOperationSnapshotIdentifiers } from "./operations.store.js";
import { findSnapshotToRestore, isRestoreIdentifierTaken } from "./restores.store.js";

/** The statuses of a snapshot that does not exist yet, or is about to be deleted. */
const PASSING = new Set(["creating", "deleting"]);

/** @returns the identifier unchanged @throws BAD_USER_INPUT, field `identifier` */
export function requireRestoreIdentifier(identifier: string): string {
  if (INSTANCE_IDENTIFIER.test(identifier)) return identifier;
  throw badUserInput(
    "identifier",
    "Give 1 to 63 letters, digits and hyphens: a letter first, no hyphen last, no two hyphens in a row.",
  );
}

/** @returns the snapshot of this instance @throws NOT_FOUND, FAILED_PRECONDITION */
async function requireSnapshot(db: Db, instance: StoredInstance, identifier: string) {
  const snapshot = await findSnapshotToRestore(db, instance.id, identifier);
  if (!snapshot) throw notFound("snapshot", undefined, "snapshotId");
  if (!PASSING.has(snapshot.status)) return snapshot;
  throw failedPrecondition(snapshot.status, `This snapshot is ${snapshot.status}. Try again when it is available.`);
}

/** The uid is part of it, because another snapshot may have the identifier when the operation begins. */
const snapshotKey = ({ identifier, uid }: { identifier: string; uid: string }) => ({
  snapshotId: identifier,
  snapshotUid: uid,
});

/** @returns the parameters of the operation */
export async function prepareSnapshotDeletion(db: Db, instance: StoredInstance, snapshotId: string) {
  return snapshotKey(await requireSnapshot(db, instance, snapshotId));
}

/** @returns the parameters of the operation @throws NOT_FOUND, FAILED_PRECONDITION, CONFLICT where the identifier is taken, whatever its case */
export async function prepareRestore(
  db: Db,
  inventory: InventoryService,
  source: StoredInstance,
  { snapshotId, identifier }: { snapshotId: string; identifier: string },
) {
  const snapshot = await requireSnapshot(db, source, snapshotId);
  if (snapshot.status !== "available") {
    throw failedPrecondition(snapshot.status, `This snapshot is ${snapshot.status}. Choose one that is available.`);
  }
  // Of two requests for one identifier, only one may get it.
  await lockOperationSnapshotIdentifiers(db);
  if (await isRestoreIdentifierTaken(db, identifier)) {
    throw conflict(`An instance ${identifier} exists already, or is being restored. Choose another identifier.`);
  }
  const tags = await inventory.requireCopyTags(db, source, identifier, snapshot.tags as Tag[]);
  const { backupWindow, maintenanceWindow, backupRetentionDays } = source;
  return {
    ...snapshotKey(snapshot),
    identifier,
    tags,
    backupWindow,
    maintenanceWindow,
    backupRetentionDays,
  };
}
