/** The types AnalyticsMetric and PerformanceLog, as clients read them. */
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
    metricType: field(analyticsMetrics.metricType, "The kind of value, such as `active_users`."),
    value: field(analyticsMetrics.value, "The measured value, a finite number."),
    recordedAt: field(analyticsMetrics.recordedAt, "When the value was measured."),
    version: version(analyticsMetrics.version),
  },
  relations: {
    organization: one(
      () => Organization,
      analyticsMetrics.organizationId,
      "The organization that the value is about.",
      { name: "analyticsMetrics", description: "The metrics of the organization.", nullable: true },
    ),
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
    serviceName: field(performanceLogs.serviceName, "The service that was called."),
    endpoint: field(performanceLogs.endpoint, "The endpoint that was called."),
    responseTimeMs: field(performanceLogs.responseTimeMs, "The time until the service answered, in milliseconds."),
    timestamp: field(performanceLogs.timestamp, "When the service was called."),
    version: version(performanceLogs.version),
  },
  relations: {
    organization: one(
      () => Organization,
      performanceLogs.organizationId,
      "The organization that owns the service; null for the platform's own.",
      { name: "performanceLogs", description: "The performance logs of the organization's services.", nullable: true },
    ),
  },
});
