/** THE permission map: every root field, who may call it, and what the audit log calls it. What is not here is refused. */
import type { Permission } from "../../auth/permissions.js";
import { anyone, can, holdsAny, mayOperate, type ShieldRule, signedIn } from "./rules.js";

export const QUERIES: Readonly<Record<string, ShieldRule>> = {
  viewer: signedIn,
  organization: can("organizations:read"),
  organizations: can("organizations:read"),
  user: can("users:read"),
  users: can("users:read"),
  scan: can("scans:read"),
  scans: can("scans:read"),
  vulnerability: can("vulnerabilities:read"),
  vulnerabilities: can("vulnerabilities:read"),
  chatSession: can("chat-sessions:read"),
  chatSessions: can("chat-sessions:read"),
  analyticsMetric: can("metrics:read"),
  analyticsMetrics: can("metrics:read"),
  performanceLog: can("performance-logs:read"),
  performanceLogs: can("performance-logs:read"),
  instance: can("instances:read"),
  instances: can("instances:read"),
  snapshot: can("instances:read"),
  snapshots: can("instances:read"),
  operation: can("operations:read"),
  operations: can("operations:read"),
  finding: can("findings:read"),
  findings: can("findings:read"),
  auditLog: can("audit-logs:read", "operation-audit-logs:read"),
  auditLogs: can("audit-logs:read", "operation-audit-logs:read"),
  securityEvent: can("security-events:read"),
  securityEvents: can("security-events:read"),
};

interface MutationAccess {
  readonly rule: ShieldRule;
  /** `<resource>.<verb>` in the audit log; null where the service leaves a security event instead. */
  readonly action: string | null;
  /** What the audit log calls it where it was refused or failed, if not the same. */
  readonly failure?: string;
}

const audited = (rule: ShieldRule, action: string): MutationAccess => ({ rule, action });
/** A change to an instance: its environment decides too, before the service does again. */
const operation: MutationAccess = {
  rule: mayOperate,
  action: "operation.requested",
  failure: "operation.refused",
};
/** Signing in and out: the service itself decides, and records security events. */
const door: MutationAccess = { rule: anyone, action: null };

/** The six verbs over the rows of a type. */
const rowsOf = (one: string, many: string, rule: ShieldRule, resource: string): Record<string, MutationAccess> => ({
  [`create${one}`]: audited(rule, `${resource}.create`),
  [`create${many}`]: audited(rule, `${resource}.create-many`),
  [`update${one}`]: audited(rule, `${resource}.update`),
  [`update${many}`]: audited(rule, `${resource}.update-many`),
  [`delete${one}`]: audited(rule, `${resource}.delete`),
  [`delete${many}`]: audited(rule, `${resource}.delete-many`),
});

export const MUTATIONS: Readonly<Record<string, MutationAccess>> = {
  signIn: door,
  refreshSession: door,
  signOut: door,
  ...rowsOf("Organization", "Organizations", can("organizations:write"), "organization"),
  upsertOrganization: audited(can("organizations:write"), "organization.upsert"),
  ...rowsOf("User", "Users", can("users:write"), "user"),
  upsertUser: audited(can("users:write"), "user.upsert"),
  // Everybody may change the own profile; the service decides whose and what.
  updateUser: audited(can("profile:write"), "user.update"),
  ...rowsOf("Scan", "Scans", can("scans:write"), "scan"),
  ...rowsOf("Vulnerability", "Vulnerabilities", can("vulnerabilities:write"), "vulnerability"),
  ...rowsOf("ChatSession", "ChatSessions", can("chat-sessions:write"), "chat-session"),
  ...rowsOf("AnalyticsMetric", "AnalyticsMetrics", can("metrics:write"), "analytics-metric"),
  ...rowsOf("PerformanceLog", "PerformanceLogs", can("performance-logs:write"), "performance-log"),
  setEnvironmentMapping: audited(can("environment-mappings:write"), "environment-mapping.set"),
  createSnapshot: operation,
  deleteSnapshot: operation,
  restoreSnapshot: operation,
  rebootInstance: operation,
  modifyBackupWindow: operation,
  cancelOperation: audited(can("operations:run"), "operation.cancel"),
  recordSecurityEvent: audited(can("security-events:record"), "security-event.record"),
};

/** @returns whether the permissions of an actor let it call a mutation, where nothing else decides */
export const mayCall = (mutation: string, permissions: ReadonlySet<Permission>): boolean => {
  const rule = MUTATIONS[mutation]?.rule;
  return rule !== undefined && holdsAny(rule, permissions);
};

/** @returns what the audit log calls a mutation, or null where it keeps no record of it */
export const actionOf = (mutation: string): string | null => MUTATIONS[mutation]?.action ?? null;

/** @returns what the audit log calls a mutation that was refused or failed */
export const failureOf = (mutation: string): string | null => MUTATIONS[mutation]?.failure ?? actionOf(mutation);
