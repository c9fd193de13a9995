/** Makes the parameters of an operation that changes a backup window. */
import { requireBackupWindow } from "../../../values/windows.js";

const AT_ONCE_ON_RDS = "RDS applies a backup window as soon as possible, and does not wait for the maintenance window.";

/** @returns the window as it is stored, and what people should know of it @throws BAD_USER_INPUT */
export function windowParameters(
  input: { readonly backupWindow: string; readonly applyImmediately?: boolean | null | undefined },
  { provider, maintenanceWindow }: { readonly provider: string; readonly maintenanceWindow: string | null },
) {
  const { window, warnings } = requireBackupWindow(input.backupWindow, maintenanceWindow);
  const applyImmediately = input.applyImmediately ?? false;
  const all = [...warnings, ...(provider === "aws-rds" && !applyImmediately ? [AT_ONCE_ON_RDS] : [])];
  return { backupWindow: window.text, applyImmediately, ...(all.length > 0 && { warnings: all }) };
}
