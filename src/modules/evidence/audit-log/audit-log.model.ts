/** The type AuditLog, as staff read it. */
import { auditLogs } from "../../../audit/audit.table.js";
import { declareType, field, one } from "../../../engine/declare.js";
import { checkedJsonObject } from "../../../values/checked.js";
import { actorField, actorJsonField, User } from "../../identity/users/index.js";

export const AuditLog = declareType({
  name: "AuditLog",
  plural: "auditLogs",
  description: "A record of who did what, to what, with what result. Records never change.",
  table: auditLogs,
  read: ["audit-logs:read", "operation-audit-logs:read"],
  scope: { kind: "staff" },
  narrowing: { unless: "audit-logs:read", column: auditLogs.resourceType, equals: "operation" },
  newestBy: "timestamp",
  fields: {
    id: field(auditLogs.id, "Decimal text of the key."),
    actor: actorJsonField(auditLogs.actor, "Who called: type, id, email and role as they were then."),
    actorInfo: actorField(auditLogs.actor, "Who called, as `actor` says it."),
    action: field(auditLogs.action, "The action that was called, such as `scan.create`."),
    resourceType: field(auditLogs.resourceType, "The kind of resource, such as `scan`."),
    resourceId: field(auditLogs.resourceId, "The id of the resource, where it is known.", { kind: "opaqueId" }),
    parameters: field(auditLogs.parameters, "The input of the call, without secrets.", {
      contained: checkedJsonObject,
    }),
    result: field(auditLogs.result, "The result of the call, or its error where it failed.", {
      contained: checkedJsonObject,
    }),
    success: field(auditLogs.success, "Whether the action was done; null where that is not known."),
    durationSeconds: field(auditLogs.durationSeconds, "How long the action took, in seconds."),
    timestamp: field(auditLogs.timestamp, "When the action was recorded."),
    requestId: field(auditLogs.requestId, "The id of the request that called.", { kind: "opaqueId" }),
  },
  relations: {
    user: one(
      () => User,
      auditLogs.userId,
      "The user who called, as the account is now; null where no user did or the account was deleted.",
    ),
  },
});
