/** The tables of analytics metrics and performance logs. */
import { sql } from "drizzle-orm";
import { check, doublePrecision, index, pgTable, text, varchar } from "drizzle-orm/pg-core";
import { id, moment, reference, revision } from "../../../db/columns.js";
import { organizations } from "../../identity/organizations/organizations.table.js";

/** JSON has no NaN and no infinities, so no row may hold one. */
const finite = (column: unknown) => sql`${column} > '-Infinity' and ${column} < 'Infinity'`;

export const analyticsMetrics = pgTable(
  "analytics_metrics",
  {
    id: id(),
    organizationId: reference()
      .notNull()
      .references(() => organizations.id),
    metricType: varchar({ length: 100 }).notNull(),
    value: doublePrecision().notNull(),
    recordedAt: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    index("analytics_metrics_organization_idx").on(t.organizationId, t.recordedAt.desc(), t.id.desc()),
    index("analytics_metrics_type_idx").on(t.metricType, t.recordedAt.desc(), t.id.desc()),
    index("analytics_metrics_recorded_at_idx").on(t.recordedAt.desc(), t.id.desc()),
    check("analytics_metrics_value_finite", finite(t.value)),
  ],
);

export const performanceLogs = pgTable(
  "performance_logs",
  {
    id: id(),
    /** Null for the platform's own services, which only staff see. */
    organizationId: reference().references(() => organizations.id),
    serviceName: varchar({ length: 100 }).notNull(),
    endpoint: text().notNull(),
    responseTimeMs: doublePrecision().notNull(),
    timestamp: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    index("performance_logs_organization_idx").on(t.organizationId, t.timestamp.desc(), t.id.desc()),
    index("performance_logs_service_idx").on(t.serviceName, t.timestamp.desc(), t.id.desc()),
    index("performance_logs_timestamp_idx").on(t.timestamp.desc(), t.id.desc()),
    check("performance_logs_response_time_finite", finite(t.responseTimeMs)),
  ],
);
