/** The table of discovery runs. */
import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, uniqueIndex, varchar } from "drizzle-orm/pg-core";
import { id, moment } from "../../../db/columns.js";

/** One look at all scopes of a provider. */
export const discoveryRuns = pgTable(
  "discovery_runs",
  {
    id: id(),
    provider: varchar({ length: 20 }).notNull(),
    requestedBy: jsonb().notNull(),
    startedAt: moment().notNull().defaultNow(),
    endedAt: moment(),
    /** The worker that does the run. Others may take it over after `leaseUntil`, which a living worker extends. */
    worker: varchar({ length: 36 }),
    leaseUntil: moment(),
    /** What was found in each scope that was looked at so far. The counts below are their sums. */
    scopes: jsonb().notNull().default([]),
    found: integer().notNull().default(0),
    new: integer().notNull().default(0),
    changed: integer().notNull().default(0),
    gone: integer().notNull().default(0),
    calls: integer().notNull().default(0),
    failedScopes: integer().notNull().default(0),
  },
  (t) => [
    // A provider is looked at by one worker at a time, whichever replicas claim its runs.
    uniqueIndex("discovery_runs_one_open_key").on(t.provider).where(sql`${t.endedAt} is null`),
    index("discovery_runs_started_at_idx").on(t.startedAt.desc(), t.id.desc()),
    index("discovery_runs_provider_idx").on(t.provider, t.startedAt.desc(), t.id.desc()),
  ],
);
