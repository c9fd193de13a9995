/** The statements about row changes, except the poll. */
import { lt, sql } from "drizzle-orm";
import type { Db } from "../../db/client.js";
import { purge } from "../../db/purge.js";
import { rowChanges } from "./row-changes.table.js";

/** Deletes changes after an hour. A poll that comes later than half of that finds out that it may have missed some. */
export const deleteOldRowChanges = (db: Db): Promise<void> =>
  purge(db, rowChanges, lt(rowChanges.changedAt, sql`now() - interval '1 hour'`));
