/** The key that signs access tokens. */
import { pgTable, text, varchar } from "drizzle-orm/pg-core";
import { moment } from "../db/columns.js";

/** The key that signs access tokens, where configuration gives none. One row. */
export const signingKeys = pgTable("signing_keys", {
  id: varchar({ length: 64 }).primaryKey(),
  privateKey: text().notNull(),
  createdAt: moment().notNull().defaultNow(),
});
