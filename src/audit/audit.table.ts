/** The tables of the audit log and of security events. Neither has a foreign key to users, so that evidence outlives them. */
import { sql } from "drizzle-orm";
import {
  boolean,
  check,
  doublePrecision,
  index,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import { id, moment, reference } from "../db/columns.js";
import { EVENT_STATUSES } from "../values/event-statuses.js";

/** Set in records that belong to no change. It is unique, so that a record that is written twice is kept once. */
const recordId = () => uuid();

/** For so long audit records are kept. */
export const AUDIT_LOG_DAYS = 90;

/** Append-only: a trigger refuses every update, and every delete before the retention time is over. */
export const auditLogs = pgTable(
  "audit_logs",
  {
    id: id(),
    userId: reference(),
    actor: jsonb().notNull(),
    action: varchar({ length: 100 }).notNull(),
    resourceType: varchar({ length: 100 }).notNull(),
    resourceId: text(),
    parameters: jsonb(),
    result: jsonb(),
    success: boolean(),
    durationSeconds: doublePrecision(),
    requestId: varchar({ length: 36 }),
    timestamp: moment().notNull().defaultNow(),
    recordId: recordId(),
  },
  (t) => [
    uniqueIndex("audit_logs_record_key").on(t.recordId).where(sql`${t.recordId} is not null`),
    index("audit_logs_timestamp_idx").on(t.timestamp.desc(), t.id.desc()),
    index("audit_logs_resource_idx").on(t.resourceType, t.resourceId),
    index("audit_logs_refused_operations_idx").on(t.timestamp).where(sql`${t.action} = 'operation.refused'`),
    index("audit_logs_user_idx").on(t.userId),
  ],
);

export const securityEvents = pgTable(
  "security_events",
  {
    id: id(),
    eventType: varchar({ length: 50 }).notNull(),
    eventStatus: varchar({ length: 20 }).notNull(),
    ipAddress: varchar({ length: 45 }),
    userId: reference(),
    userAgent: text(),
    location: jsonb(),
    metadata: jsonb(),
    /** Who recorded it through the API, as the audit log describes actors. */
    reportedBy: jsonb(),
    createdAt: moment().notNull().defaultNow(),
    recordId: recordId(),
  },
  (t) => [
    uniqueIndex("security_events_record_key").on(t.recordId).where(sql`${t.recordId} is not null`),
    index("security_events_event_type_idx").on(t.eventType, t.createdAt.desc(), t.id.desc()),
    index("security_events_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
    index("idx_security_events_ip").on(t.ipAddress),
    index("idx_security_events_user").on(t.userId),
    check(
      "security_events_status",
      sql`${t.eventStatus} in (${sql.raw(EVENT_STATUSES.map((status) => `'${status}'`).join(", "))})`,
    ),
  ],
);

/** The identity of this database, in one row. It tells to which database the records in a folder belong. */
export const installations = pgTable("installations", {
  id: uuid().primaryKey().defaultRandom(),
});
