/** The table of changes that would take instances out of PRODUCTION, or loosen tags, and wait for a second administrator. */
import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgEnum, pgTable, text, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference } from "../../../db/columns.js";
import { environment, instances } from "./inventory.table.js";

export const environmentProposalKind = pgEnum("environment_proposal_kind", ["MAPPING", "RULES", "TAGS"]);

export const environmentProposalStatus = pgEnum("environment_proposal_status", [
  "WAITING",
  "CONFIRMED",
  "REJECTED",
  "SUPERSEDED",
  "EXPIRED",
]);

export const environmentProposals = pgTable(
  "environment_proposals",
  {
    id: id(),
    kind: environmentProposalKind().notNull(),
    status: environmentProposalStatus().notNull().default("WAITING"),
    instanceId: reference().references(() => instances.id),
    accountId: varchar({ length: 64 }),
    /** Null where a mapping is taken back, and for rules. */
    environment: environment(),
    settles: text(),
    /** The rules as a whole; null for a mapping. */
    rules: jsonb(),
    /** The version in force when it was proposed. Only replicas of an older release leave it out. */
    rulesVersion: integer(),
    /** The change of tags, and what it loosens; null for a mapping and for rules. */
    tagChange: jsonb(),
    reason: text().notNull(),
    /** What it would change, as far as clients see it. */
    changes: jsonb().notNull(),
    changeCount: integer().notNull(),
    /** The environment of each instance that it takes out of PRODUCTION, by id. It covers no other. */
    covered: jsonb().notNull(),
    leavingCount: integer()
      .notNull()
      .generatedAlwaysAs(sql`jsonb_array_length(jsonb_path_query_array(covered, '$.keyvalue()'))`),
    createdBy: jsonb().notNull(),
    createdAt: moment().notNull().defaultNow(),
    expiresAt: moment().notNull(),
    decidedBy: jsonb(),
    decidedAt: moment(),
    /** What the administrator who decided said to it. */
    comment: text(),
  },
  (t) => [
    index("environment_proposals_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
    index("environment_proposals_instance_idx").on(t.instanceId, t.createdAt.desc(), t.id.desc()),
    check(
      "environment_proposals_subject",
      sql`(${t.kind} = 'RULES') = (${t.rules} is not null) and num_nonnulls(${t.instanceId}, ${t.accountId}, ${t.rules}) = 1`,
    ),
  ],
);
