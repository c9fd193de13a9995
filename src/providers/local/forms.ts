/** The forms of what a local instance is configured with, for instance.json and for the configuration alike. */
import { z } from "zod";
import { BACKUP_WINDOW, MAINTENANCE_WINDOW } from "../../values/windows.js";

export const backupWindowForm = z.string().regex(BACKUP_WINDOW);

export const maintenanceWindowForm = z.string().regex(MAINTENANCE_WINDOW);

export const tagsForm = z.array(z.object({ key: z.string().min(1).max(128), value: z.string().max(256) })).max(50);

export const maxConnectionsForm = z.number().int().min(20).max(1000);

export const autoFailoverForm = z.object({
  afterSeconds: z.number().int().min(5).max(3600),
  maxLagBytes: z.number().int().min(0),
});
