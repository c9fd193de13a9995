/** THE permission map: every root field, who may call it, and what the audit log calls it. What is not here is refused. */
import { anyone, can, mayOperate, type ShieldRule, signedIn } from "./rules.js";

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
  operation: can("operations:read"),
  operations: can("operations:read"),
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

export const MUTATIONS: Readonly<Record<string, MutationAccess>> = {
  signIn: door,
  refreshSession: door,
  signOut: door,
  createOrganization: audited(can("organizations:write"), "organization.create"),
  updateOrganization: audited(can("organizations:write"), "organization.update"),
  deleteOrganization: audited(can("organizations:write"), "organization.delete"),
  createUser: audited(can("users:write"), "user.create"),
  // Everybody may change the own profile; the service decides whose and what.
  updateUser: audited(can("profile:write"), "user.update"),
  deleteUser: audited(can("users:write"), "user.delete"),
  createScan: audited(can("scans:write"), "scan.create"),
  updateScan: audited(can("scans:write"), "scan.update"),
  deleteScan: audited(can("scans:write"), "scan.delete"),
  createVulnerability: audited(can("vulnerabilities:write"), "vulnerability.create"),
  createVulnerabilities: audited(can("vulnerabilities:write"), "vulnerability.create-many"),
  updateVulnerability: audited(can("vulnerabilities:write"), "vulnerability.update"),
  deleteVulnerability: audited(can("vulnerabilities:write"), "vulnerability.delete"),
  createChatSession: audited(can("chat-sessions:write"), "chat-session.create"),
  updateChatSession: audited(can("chat-sessions:write"), "chat-session.update"),
  deleteChatSession: audited(can("chat-sessions:write"), "chat-session.delete"),
  createAnalyticsMetric: audited(can("metrics:write"), "analytics-metric.create"),
  updateAnalyticsMetric: audited(can("metrics:write"), "analytics-metric.update"),
  deleteAnalyticsMetric: audited(can("metrics:write"), "analytics-metric.delete"),
  createPerformanceLog: audited(can("performance-logs:write"), "performance-log.create"),
  updatePerformanceLog: audited(can("performance-logs:write"), "performance-log.update"),
  deletePerformanceLog: audited(can("performance-logs:write"), "performance-log.delete"),
  setEnvironmentMapping: audited(can("environment-mappings:write"), "environment-mapping.set"),
  createSnapshot: operation,
  rebootInstance: operation,
  modifyBackupWindow: operation,
  cancelOperation: audited(can("operations:run"), "operation.cancel"),
  recordSecurityEvent: audited(can("security-events:record"), "security-event.record"),
};

/** @returns what the audit log calls a mutation, or null where it keeps no record of it */
export const actionOf = (mutation: string): string | null => MUTATIONS[mutation]?.action ?? null;

/** @returns what the audit log calls a mutation that was refused or failed */
export const failureOf = (mutation: string): string | null => MUTATIONS[mutation]?.failure ?? actionOf(mutation);
