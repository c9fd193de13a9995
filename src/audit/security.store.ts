/** The statements of security events. */
import type { Db } from "../db/client.js";
import { fromPostgres } from "../db/postgres-errors.js";
import { securityEvents } from "./audit.table.js";

export type NewSecurityEvent = typeof securityEvents.$inferInsert;

/** @returns the ids, in the order of the events */
export async function insertSecurityEvents(db: Db, events: NewSecurityEvent[]): Promise<string[]> {
  try {
    const rows = await db.insert(securityEvents).values(events).returning({ id: securityEvents.id });
    return rows.map(({ id }) => String(id));
  } catch (error) {
    throw fromPostgres(error);
  }
}
