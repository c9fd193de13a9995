/** The table of the rules that administrators have set. The newest version counts; before the first the configuration does. */
import { integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "../../../db/columns.js";

export const environmentRules = pgTable("environment_rules", {
  version: integer().primaryKey(),
  rules: jsonb().notNull(),
  reason: text().notNull(),
  createdBy: jsonb().notNull(),
  /** The second administrator; null where they needed none. */
  confirmedBy: jsonb(),
  createdAt: moment().notNull().defaultNow(),
});
