/** The sessions and refresh tokens of those who signed in. */
import { sql } from "drizzle-orm";
import { index, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { moment, reference } from "../../../db/columns.js";
import { users } from "../users/users.table.js";

/** One sign-in: a family of refresh tokens, ended as a whole. */
export const sessions = pgTable(
  "sessions",
  {
    id: uuid().primaryKey(),
    // A session outlives its user: replicas must still learn that it was revoked.
    userId: reference().references(() => users.id, { onDelete: "set null" }),
    createdAt: moment().notNull().defaultNow(),
    expiresAt: moment().notNull(),
    revokedAt: moment(),
    // Of the client that renewed the session last.
    ipAddress: varchar({ length: 45 }),
    userAgent: text(),
  },
  (t) => [
    index("sessions_user_idx").on(t.userId),
    index("sessions_revoked_at_idx").on(t.revokedAt).where(sql`${t.revokedAt} is not null`),
    index("sessions_expires_at_idx").on(t.expiresAt),
  ],
);

/** Refresh tokens, stored as SHA-256 only. A row with `usedAt` that comes back later is a stolen token. */
export const refreshTokens = pgTable(
  "refresh_tokens",
  {
    tokenHash: varchar({ length: 64 }).primaryKey(),
    sessionId: uuid()
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    createdAt: moment().notNull().defaultNow(),
    expiresAt: moment().notNull(),
    usedAt: moment(),
  },
  (t) => [index("refresh_tokens_session_idx").on(t.sessionId)],
);
