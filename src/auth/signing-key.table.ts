/** The table of the key that signs access tokens. */
import { pgTable, text, varchar } from "drizzle-orm/pg-core";
import { moment } from "../db/columns.js";

/** It has one row, or none where the configuration gives the key. */
export const signingKeys = pgTable("signing_keys", {
  id: varchar({ length: 64 }).primaryKey(),
  privateKey: text().notNull(),
  createdAt: moment().notNull().defaultNow(),
});
