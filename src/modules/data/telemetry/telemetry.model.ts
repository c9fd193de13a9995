/** What a client reads of analytics metrics and performance logs. */
import { declareType, field, one, version } from "../../../engine/declare.js";
import { Organization } from "../../identity/organizations/index.js";
import { analyticsMetrics, performanceLogs } from "./telemetry.table.js";

export const AnalyticsMetric = declareType({
  name: "AnalyticsMetric",
  plural: "analyticsMetrics",
  description: "One measured value of an organization.",
  table: analyticsMetrics,
  read: ["metrics:read"],
  scope: { kind: "organization", column: analyticsMetrics.organizationId },
  newestBy: "recordedAt",
  fields: {
    id: field(analyticsMetrics.id, "Decimal text of the key."),
    metricType: field(analyticsMetrics.metricType, "What was measured."),
    value: field(analyticsMetrics.value, "The measured value, a finite number."),
    recordedAt: field(analyticsMetrics.recordedAt, "When it was measured."),
    version: version(analyticsMetrics.version),
  },
  relations: {
    organization: one(() => Organization, analyticsMetrics.organizationId, "Whose value it is."),
  },
});

export const PerformanceLog = declareType({
  name: "PerformanceLog",
  plural: "performanceLogs",
  description: "How long one call of a service took.",
  table: performanceLogs,
  read: ["performance-logs:read"],
  scope: { kind: "organization", column: performanceLogs.organizationId },
  newestBy: "timestamp",
  fields: {
    id: field(performanceLogs.id, "Decimal text of the key."),
    serviceName: field(performanceLogs.serviceName, "Which service answered."),
    endpoint: field(performanceLogs.endpoint, "What was called."),
    responseTimeMs: field(performanceLogs.responseTimeMs, "How long it took, in milliseconds."),
    timestamp: field(performanceLogs.timestamp, "When it was called."),
    version: version(performanceLogs.version),
  },
  relations: {},
});
