/** The inputs and mutations of analytics metrics and performance logs. */

import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, checkedId, checkedMoment, checkedNumber, checkedText, nullable } from "../../../values/checked.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.model.js";

const analyticsMetricInputs = rowInputs(AnalyticsMetric, {
  create: {
    organizationId: checkedId,
    metricType: checkedText(100),
    value: checkedNumber,
    recordedAt: absent(checkedMoment),
  },
  update: {
    metricType: checkedText(100).optional(),
    value: checkedNumber.optional(),
    recordedAt: checkedMoment.optional(),
  },
});

const responseTimeMs = checkedNumber.min(0, "A response time is 0 or more.");

const performanceLogInputs = rowInputs(PerformanceLog, {
  create: {
    organizationId: nullable(checkedId).describe(
      "The organization that owns the service. Staff may leave it out for the platform's own.",
    ),
    serviceName: checkedText(100),
    endpoint: checkedText(2048),
    responseTimeMs,
    timestamp: absent(checkedMoment),
  },
  update: {
    serviceName: checkedText(100).optional(),
    endpoint: checkedText(2048).optional(),
    responseTimeMs: responseTimeMs.optional(),
    timestamp: checkedMoment.optional(),
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
