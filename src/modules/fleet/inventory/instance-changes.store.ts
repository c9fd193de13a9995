/** The statement that keeps the history of instances short. A trigger writes it. */
import { lt, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import { instanceChanges } from "./instance-changes.table.js";

/** Deletes changes after 400 days, so that a year can be compared with the one before. */
export async function deleteOldInstanceChanges(db: Db): Promise<void> {
  await db.delete(instanceChanges).where(lt(instanceChanges.at, sql`now() - interval '400 days'`));
}
