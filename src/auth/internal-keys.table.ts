/** The table of the keys that Postern uses for itself. */
import { pgTable, text, varchar } from "drizzle-orm/pg-core";
import { moment } from "../db/columns.js";

/** One row for each purpose, made by the first replica that needs it. */
export const internalKeys = pgTable("internal_keys", {
  purpose: varchar({ length: 64 }).primaryKey(),
  sealedKey: text().notNull(),
  createdAt: moment().notNull().defaultNow(),
});
