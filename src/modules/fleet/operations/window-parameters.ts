/** Makes the parameters of an operation that changes a backup window. */
import type { ProviderCluster } from "../../../providers/provider.js";
import { requireBackupWindow } from "../../../values/windows.js";

const AT_ONCE_ON_RDS = "RDS applies a backup window as soon as possible, and does not wait for the maintenance window.";

/** @returns the window as it is stored, and what people should know of it @throws BAD_USER_INPUT */
export function windowParameters(
  input: { readonly backupWindow: string; readonly applyImmediately?: boolean | null | undefined },
  {
    provider,
    maintenanceWindow,
    cluster,
  }: { readonly provider: string; readonly maintenanceWindow: string | null; readonly cluster: unknown },
) {
  // The backup window of a member is its cluster's.
  const { maintenanceWindow: ofCluster = maintenanceWindow } = (cluster ?? {}) as Partial<ProviderCluster>;
  const { window, warnings } = requireBackupWindow(input.backupWindow, ofCluster);
  const applyImmediately = input.applyImmediately ?? false;
  const all = [...warnings, ...(provider === "aws-rds" && !applyImmediately ? [AT_ONCE_ON_RDS] : [])];
  return { backupWindow: window.text, applyImmediately, ...(all.length > 0 && { warnings: all }) };
}
