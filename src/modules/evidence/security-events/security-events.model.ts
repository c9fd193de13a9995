/** What staff read of security events. */
import { securityEvents } from "../../../audit/audit.table.js";
import { declareType, field, one } from "../../../engine/declare.js";
import { enumOf } from "../../../engine/types/object-type.js";
import { EVENT_STATUSES } from "../../../values/event-statuses.js";
import { User } from "../../identity/users/index.js";

export const SecurityEventStatus = enumOf(
  "SecurityEventStatus",
  EVENT_STATUSES,
  "How what a security event records turned out.",
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
