/** The table in which triggers note the rows of live types that were written, each with the transaction that wrote it. */
import { sql } from "drizzle-orm";
import { customType, index, pgTable, primaryKey, varchar } from "drizzle-orm/pg-core";
import { moment, reference } from "../../db/columns.js";

/** The number of a transaction, which never comes again. */
const xid8 = customType<{ data: string }>({ dataType: () => "xid8" });

/** What was written lately. Rows older than an hour are deleted. */
export const rowChanges = pgTable(
  "row_changes",
  {
    xid: xid8().notNull().default(sql`pg_current_xact_id()`),
    /** The name of the table. */
    source: varchar({ length: 63 }).notNull(),
    rowId: reference().notNull(),
    changedAt: moment().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.xid, t.source, t.rowId] }), index("row_changes_changed_at_idx").on(t.changedAt)],
);
