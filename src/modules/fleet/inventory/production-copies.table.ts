/** The table of what was restored from snapshots of production. */
import { pgTable, primaryKey, text, varchar } from "drizzle-orm/pg-core";
import { moment } from "../../../db/columns.js";

/** One row for each such instance. The restore may end before its provider lists the instance, so it refers to none. */
export const productionCopies = pgTable(
  "production_copies",
  {
    provider: varchar({ length: 20 }).notNull(),
    /** The provider's stable id of the instance. */
    providerId: text().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.provider, t.providerId] })],
);
