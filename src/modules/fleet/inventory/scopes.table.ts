/** The table of scopes: accounts in one region, as discovery last found them. */
import { index, integer, jsonb, pgEnum, pgTable, unique, varchar } from "drizzle-orm/pg-core";
import { id, moment } from "../../../db/columns.js";

export const scopeState = pgEnum("scope_state", ["PENDING", "LISTED", "FAILING", "REMOVED"]);

/** One row for each scope that a provider ever had. One that is configured no more stays, because its instances refer to it. */
export const scopes = pgTable(
  "scopes",
  {
    id: id(),
    provider: varchar({ length: 20 }).notNull(),
    accountId: varchar({ length: 64 }).notNull(),
    region: varchar({ length: 64 }),
    name: varchar({ length: 255 }),
    state: scopeState().notNull().default("PENDING"),
    /** When the last look began that listed all of its instances. */
    lastSuccessAt: moment(),
    /** Why the last look failed; null once one has succeeded. */
    lastError: jsonb(),
    /** Since when every look has failed. */
    failingSince: moment(),
    instanceCount: integer().notNull().default(0),
    /** When the last look began that listed all of its snapshots. */
    snapshotsListedAt: moment(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [
    unique("scopes_key").on(t.provider, t.accountId, t.region).nullsNotDistinct(),
    index("scopes_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
  ],
);
