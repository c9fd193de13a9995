/** The tables of sessions and refresh tokens. */
import { sql } from "drizzle-orm";
import { bigint, index, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { moment, reference } from "../../../db/columns.js";
import { users } from "../users/users.table.js";

/** A session is one sign-in with all its refresh tokens, and ends as a whole. */
export const sessions = pgTable(
  "sessions",
  {
    id: uuid().primaryKey(),
    // The key as clients know it. Tokens and events name the session by its id.
    key: bigint({ mode: "bigint" }).notNull().unique("sessions_key_key").generatedByDefaultAsIdentity(),
    // A session outlives its user, because replicas must still learn that it was revoked.
    userId: reference().references(() => users.id, { onDelete: "set null" }),
    createdAt: moment().notNull().defaultNow(),
    // The last sign-in or refresh: requests in between write nothing.
    lastUsedAt: moment().notNull().defaultNow(),
    // When it ends unless it is refreshed before.
    expiresAt: moment().notNull(),
    // When it ends however often it is refreshed. The release before does not write it, and so has the default.
    endsAt: moment().notNull().default(sql`now() + interval '30 days'`),
    revokedAt: moment(),
    // The address and user agent of the client that renewed the session last.
    ipAddress: varchar({ length: 45 }),
    userAgent: text(),
  },
  (t) => [
    index("sessions_user_idx").on(t.userId, t.createdAt.desc(), t.key.desc()),
    index("sessions_created_at_idx").on(t.createdAt.desc(), t.key.desc()),
    index("sessions_revoked_at_idx").on(t.revokedAt).where(sql`${t.revokedAt} is not null`),
    index("sessions_expires_at_idx").on(t.expiresAt),
  ],
);

/** Only SHA-256 hashes of refresh tokens are stored. A used token that comes back later counts as stolen. */
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
