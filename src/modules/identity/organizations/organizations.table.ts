/** The table of organizations, which are the tenants. */
import { sql } from "drizzle-orm";
import { index, pgTable, text, uniqueIndex, varchar } from "drizzle-orm/pg-core";
import { id, moment, revision } from "../../../db/columns.js";

export const organizations = pgTable(
  "organizations",
  {
    id: id(),
    name: text().notNull(),
    domain: varchar({ length: 253 }).notNull(),
    subscriptionTier: varchar({ length: 50 }).notNull().default("FREE"),
    createdAt: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    uniqueIndex("organizations_domain_key").on(sql`lower(${t.domain})`),
    index("organizations_domain_idx").on(t.domain),
    index("organizations_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
  ],
);
