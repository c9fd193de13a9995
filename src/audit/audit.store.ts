/** The statements of the audit log. */
import type { Db } from "../db/client.js";
import { fromPostgres } from "../db/postgres-errors.js";
import { auditLogs } from "./audit.table.js";

export async function insertAuditLog(db: Db, record: typeof auditLogs.$inferInsert): Promise<void> {
  await db
    .insert(auditLogs)
    .values(record)
    .catch((error) => {
      throw fromPostgres(error);
    });
}
