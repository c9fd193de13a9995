/** Measurements: analytics metrics and performance logs. */
import { can } from "../../../auth/rules.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.model.js";
import { analyticsMetricWrites, performanceLogWrites } from "./telemetry.types.js";

export const telemetryModule = (deps: RowsDeps): Module => ({
  types: [AnalyticsMetric, PerformanceLog],
  mutations: {
    ...rowMutations(analyticsMetricWrites, can("metrics:write")),
    ...rowMutations(performanceLogWrites, can("performance-logs:write")),
  },
  resolvers: [analyticsMetricWrites, performanceLogWrites].flatMap((writes) =>
    writeResolvers(writes, createRowService(deps, writes)),
  ),
});
