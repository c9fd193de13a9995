/** Removal of many rows without holding up anybody. */
import { type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Db } from "./client.js";

/** Rows of one statement: enough to keep up, few enough to lock nobody out. */
const BATCH = 1000;

/** Removes all rows for which a condition holds. Run twice at once it does no harm. */
export async function purge(db: Db, table: PgTable, condition: SQL): Promise<void> {
  for (let removed = BATCH; removed === BATCH; ) {
    const batch = sql`ctid = any (array(select ctid from ${table} where ${condition} limit ${BATCH}))`;
    const rows = await db.delete(table).where(batch).returning({ one: sql`1` });
    removed = rows.length;
  }
}
