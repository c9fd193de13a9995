/** What AWS asks of backup and maintenance windows. */
import { BACKUP_WINDOW, maintenanceWindowOf, parseBackupWindow, windowsOverlap } from "../../values/windows.js";
import { invalidValue } from "./aws-fault.js";

const DAY_MINUTES = 1440;

/** @returns the window in lower case @throws InvalidParameterValue */
export function checkBackupWindow(text: string): string {
  if (!BACKUP_WINDOW.test(text))
    throw invalidValue(
      `Invalid backup window format: ${text}. Should be specified as a range hh24:mi-hh24:mi (24H Clock UTC). Example: 04:00-04:30.`,
    );
  try {
    return parseBackupWindow(text).text;
  } catch {
    throw invalidValue("The backup window must be at least 30 minutes.");
  }
}

/** @returns the window in lower case @throws InvalidParameterValue */
export function checkMaintenanceWindow(text: string): string {
  const window = maintenanceWindowOf(text);
  if (!window)
    throw invalidValue(
      `Invalid maintenance window format: ${text}. Should be specified as a range ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15.`,
    );
  if (window.lengthMinutes < 30) throw invalidValue("The maintenance window must be at least 30 minutes.");
  if (window.lengthMinutes >= DAY_MINUTES) throw invalidValue("Maintenance window must be less than 24 hours.");
  return window.text;
}

/** @throws InvalidParameterValue where they overlap */
export function requireApart(backupWindow: string, maintenanceWindow: string): void {
  const maintenance = maintenanceWindowOf(maintenanceWindow);
  if (maintenance && windowsOverlap(parseBackupWindow(backupWindow), maintenance))
    throw invalidValue("The backup window and maintenance window must not overlap.");
}
