/** The type Session, as clients read it. */
import { declareType, derived, field, one } from "../../../engine/declare.js";
import { User } from "../users/index.js";
import { sessions } from "./sessions.table.js";

export const Session = declareType({
  name: "Session",
  plural: "sessions",
  description:
    "One sign-in, with everything that its refresh tokens continue. Users see their own sessions, SECURITY and ADMIN those of all. What has ended stays for a day: `filter: { endedAt: { isNull: true } }` leaves out what was ended, by whatever means.",
  table: sessions,
  read: ["sessions:read", "own-sessions:read"],
  scope: { kind: "user", column: sessions.userId, unless: "sessions:read" },
  newestBy: "createdAt",
  fields: {
    id: field(sessions.key, "Decimal text of the key."),
    current: derived(sessions.id, "Whether it is the session of the access token that asks.", {
      needs: { id: sessions.id },
      type: "boolean",
      derive: ({ id }, access) => id === access.sessionId,
    }),
    userAgent: field(sessions.userAgent, "The program that signed in or refreshed last, as it calls itself."),
    ipAddress: field(sessions.ipAddress, "The address from which it was signed in or refreshed last."),
    createdAt: field(sessions.createdAt, "When the user signed in."),
    lastUsedAt: field(
      sessions.lastUsedAt,
      "When it was last refreshed, or else opened. Calls in between are up to 15 minutes younger.",
    ),
    expiresAt: field(
      sessions.expiresAt,
      "When it ends if it is not refreshed before: 7 days after `lastUsedAt`, or 30 days after `createdAt`, whichever comes first.",
    ),
    endedAt: field(
      sessions.revokedAt,
      "When it was ended before its time: by signing out, by a revocation, by a change of the account, or because a refresh token came back. Null where it was not.",
    ),
  },
  relations: {
    user: one(
      () => User,
      sessions.userId,
      "Whose session it is; null where the account was deleted. Filter by `userId`, which an index serves.",
    ),
  },
});
