/** The module of analytics metrics and performance logs. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.model.js";
import { analyticsMetricMutations, performanceLogMutations } from "./telemetry.mutations.js";

export { AnalyticsMetric, PerformanceLog };

export const telemetryModule = (deps: RowsDeps): Module => ({
  types: [AnalyticsMetric, PerformanceLog],
  mutations: { ...analyticsMetricMutations(deps), ...performanceLogMutations(deps) },
});
