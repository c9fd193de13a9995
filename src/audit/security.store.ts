/** The statements of security events. */
import { sql } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { columnIdentifiers, recordsetColumns } from "../db/dialect.js";
import { securityEvents } from "./audit.table.js";

const { eventType, eventStatus, ipAddress, userId, userAgent, location, metadata, reportedBy } = securityEvents;
const COLUMNS = [eventType, eventStatus, ipAddress, userId, userAgent, location, metadata, reportedBy];

/** An event by column property; ids are decimal text. */
type NewSecurityEvent = Omit<typeof securityEvents.$inferInsert, "userId"> & { readonly userId: string | null };

/** Inserts events by a statement whose text is the same for any number of them. @returns the ids, in the order of the events */
export async function insertSecurityEvents(db: Db, events: readonly NewSecurityEvent[]): Promise<string[]> {
  const rows = await db.execute(sql`
    insert into ${securityEvents} (${columnIdentifiers(COLUMNS)})
    select given.* from json_to_recordset(${JSON.stringify(events)}::text::json) as given(${recordsetColumns(COLUMNS)})
    returning id::text`);
  return [...rows].map(({ id }) => String(id));
}
