/** Deletes many rows without blocking others. */
import { type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Db } from "./client.js";

/** Rows that one statement deletes: enough to keep up, and few enough not to block others. */
const BATCH = 1000;

/**
 * Deletes all rows for which a condition holds, but those that another transaction has locked: they wait for the next time, because
 * others lock rows in the order of their keys, and to wait for them in another order could end in a deadlock. It may run twice at once.
 */
export async function purge(db: Db, table: PgTable, condition: SQL): Promise<void> {
  for (let deleted = BATCH; deleted === BATCH; ) {
    const batch = sql`ctid = any (array(select ctid from ${table} where ${condition} limit ${BATCH} for update skip locked))`;
    const rows = await db.delete(table).where(batch).returning({ one: sql`1` });
    deleted = rows.length;
  }
}
