/** The table of what was seeded. */
import { pgTable, varchar } from "drizzle-orm/pg-core";
import { moment } from "../db/columns.js";

/** Data that was seeded once is not seeded again, even if it was deleted. */
export const seeds = pgTable("seeds", {
  name: varchar({ length: 50 }).primaryKey(),
  createdAt: moment().notNull().defaultNow(),
});
