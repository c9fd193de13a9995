/** The inputs and mutations of analytics metrics and performance logs. */

import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, finite, idText, momentText, nullable, text } from "../../../values/checked.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.model.js";

const analyticsMetricInputs = rowInputs(AnalyticsMetric, {
  create: { organizationId: idText, metricType: text(100), value: finite, recordedAt: absent(momentText) },
  update: { metricType: text(100).optional(), value: finite.optional(), recordedAt: momentText.optional() },
});

const responseTimeMs = finite.min(0, "A response time is 0 or more.");

const performanceLogInputs = rowInputs(PerformanceLog, {
  create: {
    organizationId: nullable(idText).describe(
      "The organization that owns the service. Staff may leave it out for the platform's own.",
    ),
    serviceName: text(100),
    endpoint: text(2048),
    responseTimeMs,
    timestamp: absent(momentText),
  },
  update: {
    serviceName: text(100).optional(),
    endpoint: text(2048).optional(),
    responseTimeMs: responseTimeMs.optional(),
    timestamp: momentText.optional(),
  },
});

export const analyticsMetricMutations = (deps: RowsDeps): Record<string, Mutation> =>
  rowMutations(
    analyticsMetricInputs,
    createRowService(deps, analyticsMetricInputs),
    {
      createAnalyticsMetric: "create",
      createAnalyticsMetrics: "createMany",
      updateAnalyticsMetric: "update",
      updateAnalyticsMetrics: "updateMany",
      deleteAnalyticsMetric: "delete",
      deleteAnalyticsMetrics: "deleteMany",
    },
    can("metrics:write"),
  );

export const performanceLogMutations = (deps: RowsDeps): Record<string, Mutation> =>
  rowMutations(
    performanceLogInputs,
    createRowService(deps, performanceLogInputs),
    {
      createPerformanceLog: "create",
      createPerformanceLogs: "createMany",
      updatePerformanceLog: "update",
      updatePerformanceLogs: "updateMany",
      deletePerformanceLog: "delete",
      deletePerformanceLogs: "deleteMany",
    },
    can("performance-logs:write"),
  );
