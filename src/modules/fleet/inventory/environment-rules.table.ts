/** The table of the rules that administrators have set. The newest version counts; before the first the configuration does. */
import { index, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { id, moment } from "../../../db/columns.js";

export const environmentRules = pgTable(
  "environment_rules",
  {
    id: id(),
    version: integer().notNull().unique(),
    rules: jsonb().notNull(),
    reason: text().notNull(),
    createdBy: jsonb().notNull(),
    /** The second administrator; null where they needed none. */
    confirmedBy: jsonb(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [index("environment_rules_created_at_idx").on(t.createdAt.desc(), t.id.desc())],
);
