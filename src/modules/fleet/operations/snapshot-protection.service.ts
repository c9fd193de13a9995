/** Protects snapshots and what is restored from them: each is as protected as its source was when it was taken, or is now. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { AppError, productionProtected } from "../../../errors.js";
import type { OperationRequest, ProviderFailure } from "../../../providers/provider.js";
import { isOperableEnvironment } from "../../../values/environments.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { findNamedSnapshot } from "./identifiers.store.js";
import type { StoredOperation } from "./operations.store.js";

/**
 * Notes what a restore has made, where its snapshot is of production: its source was that when it was seen first, or has become it while the
 * restore ran. Joins the transaction that ends the restore, which holds no lock of a row yet.
 */
export async function protectRestored(
  db: Db,
  inventory: InventoryService,
  { id, instanceId }: Pick<StoredOperation, "id" | "instanceId">,
  restoredId: string,
): Promise<void> {
  await inventory.lockEnvironments(db);
  if (!(await inventory.isRestoreOfProduction(db, id))) return;
  const { provider } = await inventory.require(db, String(instanceId));
  await inventory.storeProductionCopy(db, provider, restoredId);
}

/** As above, for an operation that has failed. @returns what is written of it: that its provider was asked, and may have made something */
export async function protectUnseen(
  db: Db,
  inventory: InventoryService,
  { id, type }: Pick<StoredOperation, "id" | "type">,
  isNothingMade = false,
): Promise<{ readonly mayHaveRestored?: SQL }> {
  if (type !== "RESTORE_SNAPSHOT" || isNothingMade) return {};
  await inventory.lockEnvironments(db);
  return (await inventory.isRestoreOfProduction(db, id)) ? { mayHaveRestored: sql`intent is not null` } : {};
}

/** @param source as it is now @returns why the operation may not begin, or null where it may, or is on no snapshot */
export async function snapshotProtectionOf(
  db: Db,
  inventory: Pick<InventoryService, "requireCopyTags">,
  source: StoredInstance,
  request: OperationRequest,
): Promise<ProviderFailure | null> {
  if (request.type !== "DELETE_SNAPSHOT" && request.type !== "RESTORE_SNAPSHOT") return null;
  const { snapshotId, snapshotUid } = request;
  const { environment = null } = (await findNamedSnapshot(db, source.id, snapshotId, snapshotUid)) ?? {};
  if (environment !== null && !isOperableEnvironment(environment)) {
    const { code, message } = productionProtected();
    return { code, message };
  }
  if (request.type === "DELETE_SNAPSHOT") return null;
  const { identifier, tags } = request;
  return inventory.requireCopyTags(db, { ...source, tags }, identifier, { tags: [], environment }).then(
    () => null,
    (error) => {
      if (error instanceof AppError && error.code === "FAILED_PRECONDITION")
        return { code: "LessProtected", message: error.message };
      throw error;
    },
  );
}
