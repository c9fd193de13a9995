/** Refreshes instances as operations have left them. A failure does no harm, because the schedule refreshes them again. */
import { setTimeout as delay } from "node:timers/promises";
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { InventoryService } from "../inventory/index.js";
import type { StoredOperation } from "./operations.store.js";

/** How long a provider that is silent holds up an end. The refresh itself goes on. */
const MAX_WAIT_MS = 3_000;

interface EndRefreshesDeps {
  readonly db: Db;
  readonly log: Log;
  readonly inventory: InventoryService;
}

export function createEndRefreshes({ db, log, inventory }: EndRefreshesDeps) {
  /** @param restoredId at the provider, where it is not the instance of the operation */
  async function refresh({ id, instanceId }: StoredOperation, restoredId?: string): Promise<void> {
    try {
      const instance = await inventory.require(db, String(instanceId));
      const provider = inventory.providerOf(instance);
      if (provider) await inventory.refreshInstance(provider, restoredId ?? instance.providerId);
    } catch (error) {
      log.warn({ err: error, operationId: String(id) }, "an instance is not refreshed at the end of its operation");
    }
  }

  return {
    /** What was restored is judged by its source, so that is waited for. */
    async beforeEnd(operation: StoredOperation): Promise<void> {
      const refreshing = refresh(operation);
      if (operation.type === "RESTORE_SNAPSHOT") await refreshing;
      else await Promise.race([refreshing, delay(MAX_WAIT_MS, undefined, { ref: false })]);
    },

    /** Refreshes what was restored, once its protection is written. */
    async ofRestored(operation: StoredOperation, result: unknown): Promise<void> {
      const restoredId =
        operation.type === "RESTORE_SNAPSHOT" && (result as { providerId?: string } | null)?.providerId;
      if (restoredId) await refresh(operation, restoredId);
    },
  };
}
