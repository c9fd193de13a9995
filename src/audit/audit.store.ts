/** The statements of the audit log. */
import { lt, sql } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { purge } from "../db/purge.js";
import { AUDIT_LOG_DAYS, auditLogs } from "./audit.table.js";

export async function insertAuditLogs(db: Db, records: (typeof auditLogs.$inferInsert)[]): Promise<void> {
  await db.insert(auditLogs).values(records);
}

export const deleteOldAuditLogs = (db: Db): Promise<void> =>
  purge(db, auditLogs, lt(auditLogs.timestamp, sql`now() - ${sql.raw(`interval '${AUDIT_LOG_DAYS} days'`)}`));
