/** Takes automated snapshots in backup windows, reports missed ones, and deletes them when their retention is over. */
import { randomUUID } from "node:crypto";
import type { AuditService, SecurityService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { Provider } from "../../../providers/provider.js";
import { isWithinWindow, lastWindowStart, parseBackupWindow } from "../../../values/windows.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { findBackupState, listExpiredSnapshots } from "./backups.store.js";
import type { OperationsService } from "./operations.service.js";
import { findScheduledNow } from "./scheduled-operations.store.js";

export interface BackupsDeps {
  readonly db: Db;
  readonly log: Log;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly inventory: InventoryService;
  readonly operations: Pick<OperationsService, "automatedSnapshot">;
  /** Whether a backup that was missed in its window is taken later. */
  readonly catchUp: boolean;
}

/** Statuses in which a backup can be taken. */
const READY = new Set(["available", "storage-optimization"]);
const MISSED = "backup_missed";
const BY = { type: "system", name: "schedule" };

export function createBackups({ db, log, audit, security, inventory, operations, catchUp }: BackupsDeps) {
  /** Snapshots that could not be deleted. */
  const undeletable = new Set<bigint>();

  async function backUp(instance: StoredInstance, now: Date): Promise<void> {
    if (!instance.backupWindow || !instance.backupRetentionDays) {
      await inventory.resolveFinding(db, instance.id, MISSED);
      return;
    }
    const window = parseBackupWindow(instance.backupWindow);
    const since = lastWindowStart(window, now);
    const isOpen = isWithinWindow(window, now);
    // A window that had ended when it began to count does not miss a backup.
    if (!isOpen && since.getTime() < Date.parse(instance.backupWindowSince)) return;
    const { isTaken, isUnderWay, fault } = await findBackupState(db, instance.id, since);
    if (isTaken) await inventory.resolveFinding(db, instance.id, MISSED);
    if (isTaken || isUnderWay) return;
    if (!isOpen || fault !== null) await reportMissed(instance, since, fault);
    if (READY.has(instance.status) && (isOpen || catchUp)) await operations.automatedSnapshot(instance.id, since);
  }

  /** Records a missed backup in the audit log, as a security event and as a finding, once for each window. */
  async function reportMissed(instance: StoredInstance, since: Date, fault: string | null): Promise<void> {
    const openedAt = since.toISOString();
    const cause =
      fault !== null
        ? `It failed: ${fault}`
        : READY.has(instance.status)
          ? "Postern or the instance was not there during the window."
          : `The instance is ${instance.status}.`;
    const remedy = catchUp
      ? "It is taken as soon as that is possible: see that the instance is available, and that there is room for snapshots."
      : "Take a snapshot by hand, or see that the next window finds the instance available.";
    const detail = `The backup of the window that opened at ${openedAt} was not taken. ${cause} ${remedy}`;
    const isNew = await db.transaction(async (db) => {
      const finding = { kind: MISSED, severity: "WARNING", subject: openedAt, detail } as const;
      if (!(await inventory.openFinding(db, instance.id, finding))) return false;
      const requestId = randomUUID();
      const metadata = {
        instanceId: String(instance.id),
        identifier: instance.identifier,
        windowOpenedAt: openedAt,
        cause,
      };
      await audit.recordFor(db, {
        actor: BY,
        action: "instance.missBackup",
        resourceId: String(instance.id),
        parameters: { identifier: instance.identifier, windowOpenedAt: openedAt },
        result: { cause },
        success: false,
        durationSeconds: null,
        requestId,
      });
      const origin = { ipAddress: null, userAgent: null, requestId };
      await security.record(db, { eventType: MISSED, eventStatus: "FAILURE", origin, metadata });
      return true;
    });
    if (isNew) log.warn({ instance: instance.identifier, cause }, "a backup was missed");
  }

  async function deleteExpired(provider: Provider, instance: StoredInstance, now: Date): Promise<void> {
    if (!instance.backupRetentionDays) return;
    const days = instance.backupRetentionDays;
    const before = new Date(now.getTime() - days * 86_400_000);
    for (const snapshot of await listExpiredSnapshots(db, instance.id, before)) {
      const parameters = { instanceId: String(instance.id), snapshotId: snapshot.identifier, retentionDays: days };
      const record = (success: boolean | null, result: unknown) =>
        audit.recordNow({
          actor: { type: "system", name: "retention" },
          action: "snapshot.expire",
          resourceId: String(snapshot.id),
          parameters,
          result,
          success,
          durationSeconds: null,
          requestId: null,
        });
      // The first record tells what was about to happen if Postern is killed before the second. A failure is recorded once, not every minute.
      const isNew = !undeletable.has(snapshot.id);
      if (isNew) await record(null, null);
      try {
        const { identifier: snapshotId, uid: snapshotUid } = snapshot;
        await provider.deleteSnapshot(instance.providerId, { snapshotId, snapshotUid });
      } catch (error) {
        if (isNew) await record(false, { code: "UNAVAILABLE" });
        undeletable.add(snapshot.id);
        throw error;
      }
      await record(true, null);
      undeletable.delete(snapshot.id);
      log.info(
        { instance: instance.identifier, snapshot: snapshot.identifier },
        "automated snapshot removed, its retention is over",
      );
    }
  }

  return {
    /** Takes due snapshots and deletes expired ones, for each instance of a provider that does not do so by itself. */
    async run(provider: Provider): Promise<void> {
      if (provider.takesAutomatedSnapshots) return;
      const now = await findScheduledNow(db);
      for (const instance of await inventory.list(provider)) {
        if (instance.vanishedAt !== null) continue;
        await backUp(instance, now)
          .then(() => deleteExpired(provider, instance, now))
          .catch((error) =>
            log.warn({ err: error, instance: instance.identifier }, "scheduled backup failed; it is tried again"),
          );
      }
      await inventory.refreshSnapshots(provider);
    },
  };
}
