/** The readable model: every declared type, and the root fields that lead to it. */
import type { TypeDeclaration } from "../plan/declaration.js";
import type { RootFields } from "../wire/read-resolver.js";
import { ChatSession } from "./chat.js";
import { AuditLog, SecurityEvent } from "./evidence.js";
import { Instance, Operation } from "./fleet.js";
import { Organization, User } from "./organizations.js";
import { Scan, Vulnerability } from "./scans.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.js";

export * from "./chat.js";
export * from "./enums.js";
export * from "./evidence.js";
export * from "./fleet.js";
export * from "./organizations.js";
export * from "./scans.js";
export * from "./telemetry.js";

export const rootFields: readonly RootFields[] = [
  { type: Organization, one: "organization", many: "organizations" },
  { type: User, one: "user", many: "users" },
  { type: Scan, one: "scan", many: "scans" },
  { type: Vulnerability, one: "vulnerability", many: "vulnerabilities" },
  { type: ChatSession, one: "chatSession", many: "chatSessions" },
  { type: AnalyticsMetric, one: "analyticsMetric", many: "analyticsMetrics" },
  { type: PerformanceLog, one: "performanceLog", many: "performanceLogs" },
  { type: Instance, one: "instance", many: "instances" },
  { type: Operation, one: "operation", many: "operations" },
  { type: AuditLog, one: "auditLog", many: "auditLogs" },
  { type: SecurityEvent, one: "securityEvent", many: "securityEvents" },
];

/** Every declared type: those with root fields, and those that only relations lead to. */
export const declaredTypes: readonly TypeDeclaration[] = [
  ...new Set(
    rootFields.flatMap(({ type }) => [type, ...Object.values(type.relations).map((relation) => relation.to())]),
  ),
];
