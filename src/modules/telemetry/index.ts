/** Measurements: analytics metrics and performance logs. */
import { writeResolvers } from "../../wire/write-resolver.js";
import { createRowService, type RowsDeps } from "../rows/index.js";
import { analyticsMetricWrites, performanceLogWrites } from "./telemetry.types.js";

export const telemetryResolvers = (deps: RowsDeps) =>
  [analyticsMetricWrites, performanceLogWrites].flatMap((writes) =>
    writeResolvers(writes, createRowService(deps, writes)),
  );
