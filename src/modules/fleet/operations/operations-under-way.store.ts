/** The statement that lists the operations that have not come to their end. */
import { desc, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { operations } from "./operations.table.js";

/** More of them are not listed. */
const MAX_OPEN = 1000;

/** @returns the ids of the newest operations that wait, run, or may still end after their time, the oldest of them first */
export async function listOpenOperations(db: Db): Promise<string[]> {
  const rows = await db
    .select({ id: operations.id })
    .from(operations)
    // The condition of an index, word by word.
    .where(
      sql`${operations.status} in ('QUEUED', 'RUNNING') or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null)`,
    )
    .orderBy(desc(operations.id))
    .limit(MAX_OPEN);
  return rows.map(({ id }) => String(id)).reverse();
}
