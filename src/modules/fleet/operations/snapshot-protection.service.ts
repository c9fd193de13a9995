/** Protects snapshots and what is restored from them: each is as protected as its source was when it was taken, or is now. */
import type { Db } from "../../../db/client.js";
import { AppError, productionProtected } from "../../../errors.js";
import type { OperationRequest, ProviderFailure, ProviderSnapshotName } from "../../../providers/provider.js";
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
  { instanceId, parameters }: Pick<StoredOperation, "instanceId" | "parameters">,
  restoredId: string,
): Promise<void> {
  await inventory.lockEnvironments(db);
  const source = await inventory.require(db, String(instanceId));
  const { snapshotId, snapshotUid } = parameters as ProviderSnapshotName;
  const snapshot = await findNamedSnapshot(db, source.id, snapshotId, snapshotUid);
  const environments = [source.environment, ...(snapshot?.environment ? [snapshot.environment] : [])];
  if (environments.every(isOperableEnvironment)) return;
  await inventory.storeProductionCopy(db, source.provider, restoredId);
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
