/** Measurements: analytics metrics and performance logs. */
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { analyticsMetricWrites, performanceLogWrites } from "./telemetry.types.js";

export { AnalyticsMetric, PerformanceLog } from "./telemetry.model.js";

export const telemetryResolvers = (deps: RowsDeps) =>
  [analyticsMetricWrites, performanceLogWrites].flatMap((writes) =>
    writeResolvers(writes, createRowService(deps, writes)),
  );
