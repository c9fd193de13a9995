/** Says whether an operation would begin in or near the windows of its instance. */
import type { InstanceFacts } from "../../../values/operations/declaration.js";
import { backupWindowOf, isNearWindow, maintenanceWindowOf } from "../../../values/windows.js";

export const PLAN_CLASHES = ["BACKUP_WINDOW", "MAINTENANCE_WINDOW", "OPERATION"] as const;

export interface PlanClash {
  readonly kind: (typeof PLAN_CLASHES)[number];
  readonly detail: string;
  readonly operationId: string | null;
}

/** How near to a window a beginning is told. */
export const NEAR_MINUTES = 30;

/** @param isWanted whether it is to begin in the maintenance window */
export function windowClashes(
  { backupWindow, maintenanceWindow, cluster }: Pick<InstanceFacts, "backupWindow" | "maintenanceWindow" | "cluster">,
  at: Date,
  isWanted: boolean,
): PlanClash[] {
  const backup = backupWindow === null ? null : backupWindowOf(backupWindow);
  const text = maintenanceWindow ?? cluster?.maintenanceWindow ?? null;
  const maintenance = text === null || isWanted ? null : maintenanceWindowOf(text);
  const near = (what: string, window: string) =>
    `It would begin in the ${what} window ${window}, or within ${NEAR_MINUTES} minutes of it.`;
  return [
    ...(backup && isNearWindow(backup, at, NEAR_MINUTES)
      ? [{ kind: "BACKUP_WINDOW" as const, detail: near("backup", backup.text), operationId: null }]
      : []),
    ...(maintenance && isNearWindow(maintenance, at, NEAR_MINUTES)
      ? [{ kind: "MAINTENANCE_WINDOW" as const, detail: near("maintenance", maintenance.text), operationId: null }]
      : []),
  ];
}
