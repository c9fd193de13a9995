/** The readable model: every declared type, and which of them have root fields. */
import type { TypeDeclaration } from "../engine/declaration.js";
import { ChatSession } from "./chat.js";
import { AuditLog, SecurityEvent } from "./evidence.js";
import { Finding, Instance, Operation, Snapshot } from "./fleet.js";
import { Organization, User } from "./organizations.js";
import { Scan, Vulnerability } from "./scans.js";
import { AnalyticsMetric, PerformanceLog } from "./telemetry.js";

export * from "./chat.js";
export * from "./enums.js";
export * from "./evidence.js";
export * from "./fleet.js";
export { InstanceMember, LogTail } from "./fleet-objects.js";
export * from "./organizations.js";
export * from "./scans.js";
export * from "./telemetry.js";

/** The types that have root fields of their own: one row by its id, and the list of all. */
export const rootFields: readonly TypeDeclaration[] = [
  Organization,
  User,
  Scan,
  Vulnerability,
  ChatSession,
  AnalyticsMetric,
  PerformanceLog,
  Instance,
  Snapshot,
  Operation,
  Finding,
  AuditLog,
  SecurityEvent,
];

/** Every declared type: those with root fields, and those that only relations lead to. */
export const declaredTypes: readonly TypeDeclaration[] = [
  ...new Set(rootFields.flatMap((type) => [type, ...Object.values(type.relations).map((relation) => relation.to())])),
];
