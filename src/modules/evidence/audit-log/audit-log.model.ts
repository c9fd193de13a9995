/** What staff read of audit records. */
import { auditLogs } from "../../../audit/audit.table.js";
import { declareType, field } from "../../../engine/declare.js";

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
