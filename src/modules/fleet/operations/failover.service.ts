/** Automatic failovers. Operations on the failed primary end as failed, and the standby takes over. */
import type { Db } from "../../../db/client.js";
import type { FailoverDue } from "../../../providers/provider.js";
import type { InventoryService } from "../inventory/index.js";
import type { Completion } from "./completion.service.js";
import { hasAutomaticFailoverUnderWay, listRunningBeforeFailover } from "./failover.store.js";
import type { OperationsService } from "./operations.service.js";
import type { Waiting } from "./waiting.service.js";

interface FailoverDeps {
  readonly db: Db;
  readonly inventory: InventoryService;
  readonly completion: Pick<Completion, "fail">;
  readonly waiting: Pick<Waiting, "wake">;
  readonly operations: Pick<OperationsService, "queueOwn">;
  readonly wake: (instanceId: bigint) => void;
}

const LOST = { code: "PrimaryLost", message: "The primary failed meanwhile, and its standby takes over." };

export function createFailovers({ db, inventory, completion, waiting, operations, wake }: FailoverDeps) {
  return {
    /** Queues the failover of an instance in any environment, unless one is under way or has just ended. */
    async begin(provider: string, { providerId, cause, since }: FailoverDue): Promise<void> {
      const instanceId = await inventory.idOf(provider, providerId);
      if (instanceId === null) return;
      const lost = await db.transaction(async (db) => {
        const instance = await inventory.require(db, String(instanceId), true);
        // This comes after the lock, so that only one replica begins it.
        if (await hasAutomaticFailoverUnderWay(db, instanceId)) return [];
        const running = await listRunningBeforeFailover(db, instanceId);
        for (const lost of running) await completion.fail(db, lost, LOST);
        const parameters = { forceFailover: true, automatic: true, cause, since };
        await operations.queueOwn(db, "REBOOT_INSTANCE", instance, "failover", parameters);
        return running;
      });
      for (const { id } of lost) waiting.wake(id);
      wake(instanceId);
    },
  };
}
