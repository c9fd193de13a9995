/** Changes when automated snapshots are taken; of a member, those of its cluster. */
import { z } from "zod";
import { requireBackupWindow } from "../windows.js";
import { declareOperation, STARTING_STATUSES } from "./declaration.js";

const AT_ONCE_ON_RDS = "RDS applies a backup window as soon as possible, and does not wait for the maintenance window.";

const NO_RESTART = "Only the time of backups changes, and no server restarts.";

const fields = {
  backupWindow: z
    .string({ error: "Give the window as hh:mm-hh:mm in UTC, such as 03:00-03:30." })
    .describe(
      "`hh:mm-hh:mm`, UTC, at least 30 minutes. It may wrap midnight, and must not overlap the maintenance window.",
    ),
  applyImmediately: z.boolean().nullish().describe("Whether to change it at once, and not in the maintenance window."),
};

export const modifyBackupWindow = declareOperation(fields, {
  type: "MODIFY_BACKUP_WINDOW",
  description: "Changes when automated snapshots are taken.",
  mutation: {
    name: "modifyBackupWindow",
    description: "Moves the backup window of a non-production instance.",
    what: "The instance and its new window.",
    input: { name: "ModifyBackupWindowInput", description: "A new backup window." },
  },
  bulk: { name: "modifyBackupWindows", description: "Moves the backup window of many non-production instances." },
  lane: "servers",
  minutesByHand: 10,
  insteadOfCancelling: {
    local: "Wait for its end, and set the window that you want then.",
    "aws-rds": "Wait for its end, and set the window that you want then.",
  },
  statuses: {
    local: new Set([
      ...STARTING_STATUSES,
      ...["available", "storage-optimization", "backing-up", "rebooting", "modifying", "failed"],
    ]),
    // On RDS it changes in every status in which the instance runs.
    "aws-rds": new Set([
      ...["available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth"],
      ...["configuring-log-exports", "converting-to-vpc", "maintenance", "modifying", "moving-to-vpc", "rebooting"],
      ...["renaming", "resetting-master-credentials", "storage-full", "storage-initialization", "storage-optimization"],
      ...["upgrading"],
    ]),
  },
  parameters: z.object({
    backupWindow: z.string(),
    applyImmediately: z.boolean(),
    /** What people should know of it. */
    warnings: z.array(z.string()).readonly().optional(),
  }),
  concernsCluster: () => true,
  check: ({ backupWindow }) => void requireBackupWindow(backupWindow, null),
  async prepare(_context, { provider, maintenanceWindow, cluster }, input) {
    // The backup window of a member is its cluster's.
    const { maintenanceWindow: ofCluster = maintenanceWindow } = cluster ?? {};
    const { window, warnings } = requireBackupWindow(input.backupWindow, ofCluster);
    const applyImmediately = input.applyImmediately ?? false;
    const all = [...warnings, ...(provider === "aws-rds" && !applyImmediately ? [AT_ONCE_ON_RDS] : [])];
    return { backupWindow: window.text, applyImmediately, ...(all.length > 0 && { warnings: all }) };
  },
  plan: {
    local: () => ({ outage: "NONE", reason: NO_RESTART, calls: ["local:write-backup-window"] }),
    "aws-rds": ({ cluster }) => ({
      outage: "NONE",
      reason: NO_RESTART,
      calls: [cluster ? "rds:ModifyDBCluster" : "rds:ModifyDBInstance"],
    }),
  },
  guidance: {},
});
