/** The table of rate limits that replicas share. */
import { boolean, index, integer, pgTable, varchar } from "drizzle-orm/pg-core";
import { moment } from "../db/columns.js";

/** How many points a key has taken in its window. */
export const rateLimits = pgTable(
  "rate_limits",
  {
    /** The HMAC-SHA-256 of the limit and of whom it limits, so that neither addresses nor accounts can be read here. */
    key: varchar({ length: 64 }).primaryKey(),
    points: integer().notNull(),
    endsAt: moment().notNull(),
    /** Whether the window's security event is recorded. */
    reported: boolean().notNull().default(false),
  },
  (t) => [index("rate_limits_ends_at_idx").on(t.endsAt)],
);
