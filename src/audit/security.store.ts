/** The statements of security events. */
import type { Db } from "../db/client.js";
import { securityEvents } from "./audit.table.js";

type NewSecurityEvent = typeof securityEvents.$inferInsert;

/** @returns the ids, in the order of the events */
export async function insertSecurityEvents(db: Db, events: NewSecurityEvent[]): Promise<string[]> {
  const rows = await db.insert(securityEvents).values(events).returning({ id: securityEvents.id });
  return rows.map(({ id }) => String(id));
}
