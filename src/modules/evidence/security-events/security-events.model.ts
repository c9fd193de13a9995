/** The type SecurityEvent, as staff read it. */
import { securityEvents } from "../../../audit/audit.table.js";
import { declareType, field, one } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { EVENT_STATUSES } from "../../../values/event-statuses.js";
import { actorJsonField, User } from "../../identity/users/index.js";

export const SecurityEventStatus = enumTypeOf(
  "SecurityEventStatus",
  EVENT_STATUSES,
  "The outcome of a security event.",
  {
    SUCCESS: "What was tried was done.",
    FAILURE: "What was tried was refused, or failed.",
    WARNING: "It looks like an attack or a mistake.",
  },
);

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
    eventStatus: field(securityEvents.eventStatus, "The outcome of the event.", { enumeration: SecurityEventStatus }),
    ipAddress: field(securityEvents.ipAddress, "The address it came from."),
    userId: field(securityEvents.userId, "The id of the user it concerns, even if the account was deleted."),
    userAgent: field(securityEvents.userAgent, "The user agent of the program that called."),
    location: field(securityEvents.location, "The location of the address, where it is known."),
    metadata: field(securityEvents.metadata, "Other details of the event."),
    reportedBy: actorJsonField(
      securityEvents.reportedBy,
      "Who reported it through the API: type, id, email and role as they were then. Null where Postern recorded it by itself.",
    ),
    createdAt: field(securityEvents.createdAt, "When the event was recorded."),
  },
  relations: {
    user: one(
      () => User,
      securityEvents.userId,
      "The user it concerns; null where none is known or the account was deleted.",
    ),
  },
});
