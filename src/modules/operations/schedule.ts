/** What Postern does by itself: automated snapshots in backup windows, and their removal when their retention is over. */
import type { Db } from "../../db/client.js";
import type { Log } from "../../log.js";
import type { Provider } from "../../providers/provider.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import type { OperationsService } from "./operations.service.js";
import { listExpiredSnapshots } from "./operations.store.js";
import { isWithin, lastStart, parseBackupWindow } from "./windows.js";

export interface ScheduleDeps {
  readonly db: Db;
  readonly log: Log;
  readonly clock: { now(): Date };
  readonly inventory: InventoryService;
  readonly operations: Pick<OperationsService, "automatedSnapshot">;
}

/** Statuses in which a backup can be taken. */
const READY = new Set(["available", "storage-optimization"]);

export function createSchedule({ db, log, clock, inventory, operations }: ScheduleDeps) {
  async function backUp(instance: StoredInstance): Promise<void> {
    const now = clock.now();
    if (!instance.backupWindow || !instance.backupRetentionDays || !READY.has(instance.status)) return;
    const window = parseBackupWindow(instance.backupWindow);
    if (!isWithin(window, now)) return;
    await operations.automatedSnapshot(instance.id, lastStart(window, now));
  }

  async function expire(provider: Provider, instance: StoredInstance): Promise<void> {
    if (!instance.backupRetentionDays) return;
    const days = instance.backupRetentionDays;
    for (const identifier of await listExpiredSnapshots(
      db,
      instance.id,
      new Date(clock.now().getTime() - days * 86_400_000),
    )) {
      await provider.deleteSnapshot(instance.providerId, identifier);
      log.info(
        { instance: instance.identifier, snapshot: identifier },
        "automated snapshot removed, its retention is over",
      );
    }
  }

  return {
    /** Takes what is due and removes what is over, for each instance of a provider that leaves both to Postern. */
    async run(provider: Provider): Promise<void> {
      if (provider.takesAutomatedSnapshots) return;
      for (const instance of await inventory.list(provider)) {
        if (instance.vanishedAt !== null) continue;
        await backUp(instance)
          .then(() => expire(provider, instance))
          .catch((error) =>
            log.warn({ err: error, instance: instance.identifier }, "scheduled backup failed; it is tried again"),
          );
      }
      await inventory.refresh(provider);
    },
  };
}
