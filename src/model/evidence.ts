/** What staff read of audit records and security events. */
import { auditLogs, securityEvents } from "../db/tables/index.js";
import { declareType, field, one } from "../engine/declaration.js";
import { SecurityEventStatus } from "./enums.js";
import { User } from "./organizations.js";

export const AuditLog = declareType({
  name: "AuditLog",
  plural: "auditLogs",
  description: "Who did what, to what, with what result. Nothing changes a record.",
  table: auditLogs,
  read: ["audit-logs:read", "operation-audit-logs:read"],
  scope: { kind: "staff" },
  narrowing: { unless: "audit-logs:read", column: auditLogs.resourceType, equals: "operation" },
  newestBy: "timestamp",
  fields: {
    id: field(auditLogs.id, "Decimal text of the key."),
    actor: field(auditLogs.actor, "Who asked: type, id, email and role as they were then."),
    action: field(auditLogs.action, "What was asked for, such as `scan.create`."),
    resourceType: field(auditLogs.resourceType, "What kind of thing it was about."),
    resourceId: field(auditLogs.resourceId, "Which one, where one is known.", { kind: "opaqueId" }),
    parameters: field(auditLogs.parameters, "What was asked, secrets left out."),
    result: field(auditLogs.result, "What came of it; the error code where it failed."),
    success: field(auditLogs.success, "Whether it was done."),
    durationSeconds: field(auditLogs.durationSeconds, "How long it took, in seconds."),
    timestamp: field(auditLogs.timestamp, "When it was recorded."),
    requestId: field(auditLogs.requestId, "The request it came with.", { kind: "opaqueId" }),
  },
  relations: {},
});

export const SecurityEvent = declareType({
  name: "SecurityEvent",
  plural: "securityEvents",
  description: "A record of something security-relevant that happened.",
  table: securityEvents,
  read: ["security-events:read"],
  scope: { kind: "staff" },
  newestBy: "createdAt",
  fields: {
    id: field(securityEvents.id, "Decimal text of the key."),
    eventType: field(securityEvents.eventType, "What happened, in the words of the OWASP Logging Vocabulary."),
    eventStatus: field(securityEvents.eventStatus, "How it turned out.", { enumeration: SecurityEventStatus }),
    ipAddress: field(securityEvents.ipAddress, "Where it came from."),
    userId: field(securityEvents.userId, "The id of the account it concerns, also where the account is gone."),
    userAgent: field(securityEvents.userAgent, "The program that called."),
    location: field(securityEvents.location, "Where that address is, as far as known."),
    metadata: field(securityEvents.metadata, "What else is known of it."),
    reportedBy: field(
      securityEvents.reportedBy,
      "Who recorded it through the API: type, id, email and role as they were then. Null where Postern itself saw it.",
    ),
    createdAt: field(securityEvents.createdAt, "When it was recorded."),
  },
  relations: {
    user: one(() => User, securityEvents.userId, "Whom it concerns; null where no account is known or it is gone."),
  },
});
