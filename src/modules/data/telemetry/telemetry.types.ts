/** What a client sends to create and change analytics metrics and performance logs. */

import { writeTypes } from "../../../engine/types/write-types.js";
import { absent, finite, idText, moment, nullable, text } from "../../../values/checked.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.model.js";

export const analyticsMetricWrites = writeTypes(AnalyticsMetric, {
  create: { organizationId: idText, metricType: text(100), value: finite, recordedAt: absent(moment) },
  update: { metricType: text(100).optional(), value: finite.optional(), recordedAt: moment.optional() },
});

const responseTimeMs = finite.min(0, "A response time is 0 or more.");

export const performanceLogWrites = writeTypes(PerformanceLog, {
  create: {
    organizationId: nullable(idText).describe("Whose service it is; staff may leave it out for the platform's own."),
    serviceName: text(100),
    endpoint: text(2048),
    responseTimeMs,
    timestamp: absent(moment),
  },
  update: {
    serviceName: text(100).optional(),
    endpoint: text(2048).optional(),
    responseTimeMs: responseTimeMs.optional(),
    timestamp: moment.optional(),
  },
});
