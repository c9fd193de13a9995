/** The statements that remove what is over. */
import { lt, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { auditLogs } from "../../../audit/audit.table.js";
import type { Db } from "../../../db/client.js";
import { fromPostgres } from "../../../db/postgres-errors.js";
import { idempotencyKeys } from "../../../engine/write/idempotency.table.js";
import { sessions } from "../../identity/sessions/sessions.table.js";

/** Rows of one statement: enough to keep up, few enough to lock nobody out. */
const BATCH = 1000;

async function remove(db: Db, table: PgTable, isOver: SQL): Promise<void> {
  for (let removed = BATCH; removed === BATCH; ) {
    const batch = sql`ctid = any (array(select ctid from ${table} where ${isOver} limit ${BATCH}))`;
    const rows = await db
      .delete(table)
      .where(batch)
      .returning({ one: sql`1` })
      .catch((error) => Promise.reject(fromPostgres(error)));
    removed = rows.length;
  }
}

/** Audit records are kept 90 days. */
export const deleteOldAuditLogs = (db: Db): Promise<void> =>
  remove(db, auditLogs, lt(auditLogs.timestamp, sql`now() - interval '90 days'`));

/** Idempotency keys are kept a day. */
export const deleteOldIdempotencyKeys = (db: Db): Promise<void> =>
  remove(db, idempotencyKeys, lt(idempotencyKeys.createdAt, sql`now() - interval '1 day'`));

/** A day longer than any of their tokens lives: replicas learn of revocations from these rows. */
export const deleteEndedSessions = (db: Db): Promise<void> =>
  remove(
    db,
    sessions,
    sql`${sessions.expiresAt} < now() - interval '1 day' or ${sessions.revokedAt} < now() - interval '1 day'`,
  );
