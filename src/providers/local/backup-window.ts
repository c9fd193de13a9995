/** Changes backup windows: at once, or when the maintenance window comes. */
import { isWithinWindow, lastWindowStart, maintenanceWindowOf } from "../../values/windows.js";
import { OperationFailureError } from "../errors.js";
import { backupWindowForm } from "./forms.js";
import type { Host } from "./host.js";
import type { LocalInstance } from "./instance-file.js";
import type { EntryOutcome } from "./journal-entry.js";
import type { TaskRequestOf } from "./task.js";

/** Performs MODIFY_BACKUP_WINDOW, which may run twice. */
export async function modifyBackupWindow(
  host: Host,
  instance: LocalInstance,
  request: TaskRequestOf<"MODIFY_BACKUP_WINDOW">,
): Promise<EntryOutcome> {
  const form = backupWindowForm.safeParse(request.backupWindow);
  if (!form.success)
    throw new OperationFailureError("InvalidParameterValue", "A backup window is hh:mm-hh:mm, in UTC.");
  const window = form.data;
  const pending = { window, since: host.clock.now().toISOString() };
  const after = await host.instances.update(instance.providerId, (now) => {
    if (request.applyImmediately || window === now.backupWindow) {
      return { ...now, backupWindow: window, pendingBackupWindow: null };
    }
    return { ...now, pendingBackupWindow: pending };
  });
  if (!after) throw new OperationFailureError("DBInstanceNotFound", "The instance is gone.");
  const isPending = after.pendingBackupWindow !== null;
  return {
    message: isPending
      ? `The backup window becomes ${window} in the maintenance window.`
      : `The backup window is ${window}.`,
    result: { backupWindow: after.backupWindow, pendingBackupWindow: after.pendingBackupWindow?.window ?? null },
  };
}

/** Applies a pending backup window that is due, and reports it. @returns the changed instance, null where it is gone */
export function applyBackupWindowIfDue(host: Host, instance: LocalInstance, now: Date): Promise<LocalInstance | null> {
  if (!isDue(instance, now)) return Promise.resolve(instance);
  const { applying } = host;
  const { providerId } = instance;
  const application = applying.get(providerId) ?? apply(host, instance, now).finally(() => applying.delete(providerId));
  applying.set(providerId, application);
  return application;
}

/** The window stays pending until it is reported. After a kill in between it is applied again, which changes nothing, and reported. */
async function apply({ instances, report }: Host, { providerId }: LocalInstance, now: Date) {
  let from = "";
  const applied = await instances.update(providerId, (current) => {
    from = current.backupWindow;
    return isDue(current, now) ? { ...current, backupWindow: current.pendingBackupWindow!.window } : current;
  });
  const pending = applied?.pendingBackupWindow;
  if (!pending || !isDue(applied, now)) return applied;
  const result = { from, backupWindow: applied.backupWindow, requestedAt: pending.since };
  await report({ providerId, by: "maintenance", action: "instance.applyBackupWindow", result, success: true });
  return instances.update(providerId, (current) =>
    current.pendingBackupWindow?.since === pending.since ? { ...current, pendingBackupWindow: null } : current,
  );
}

/** Whether it is the maintenance window, or one has passed since the request while Postern was not running. */
function isDue({ pendingBackupWindow, maintenanceWindow }: LocalInstance, now: Date): boolean {
  const window = maintenanceWindowOf(maintenanceWindow);
  if (!pendingBackupWindow || !window) return false;
  return isWithinWindow(window, now) || Date.parse(pendingBackupWindow.since) < lastWindowStart(window, now).getTime();
}
