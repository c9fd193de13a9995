/** The statement that lists the operations that have not come to their end. */
import { sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { operations } from "./operations.table.js";

/** More of them are not listed. */
const MAX_OPEN = 1000;

/** @returns the ids of the newest operations that wait, for their turn or their time, run, or may still end late, the oldest of them first */
export async function listOpenOperations(db: Db): Promise<string[]> {
  // Each part has the condition of an index, word by word. It is read alone, so that no other index is walked in search of the newest.
  const rows = await db.execute(
    sql`with open as materialized (
        select ${operations.id} from ${operations}
        where ${operations.status} in ('QUEUED', 'RUNNING') or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null)
        union all
        select ${operations.id} from ${operations} where ${operations.status} = 'SCHEDULED' and ${operations.runAt} is not null
      )
      select id::text from (select id from open order by id desc limit ${sql.raw(`${MAX_OPEN}`)}) newest order by newest.id`,
  );
  return (rows as unknown as { id: string }[]).map(({ id }) => id);
}
