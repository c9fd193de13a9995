/** What was seeded. */
import { pgTable, varchar } from "drizzle-orm/pg-core";
import { moment } from "../db/columns.js";

/** What was seeded once, and is not seeded again whatever has become of it. */
export const seeds = pgTable("seeds", {
  name: varchar({ length: 50 }).primaryKey(),
  createdAt: moment().notNull().defaultNow(),
});
