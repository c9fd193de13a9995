/** Organizations, the users, sessions and refresh tokens of those who sign in, and what Postern keeps about itself. */
import { sql } from "drizzle-orm";
import {
  check,
  index,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import { id, moment, reference, revision } from "./columns.js";

export const role = pgEnum("role", ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"]);

export const organizations = pgTable(
  "organizations",
  {
    id: id(),
    name: text().notNull(),
    domain: varchar({ length: 253 }).notNull(),
    subscriptionTier: varchar({ length: 50 }).notNull().default("FREE"),
    createdAt: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    uniqueIndex("organizations_domain_key").on(sql`lower(${t.domain})`),
    index("organizations_domain_idx").on(t.domain),
    index("organizations_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
  ],
);

export const users = pgTable(
  "users",
  {
    id: id(),
    email: varchar({ length: 254 }).notNull(),
    passwordHash: text().notNull(),
    fullName: text(),
    role: role().notNull(),
    organizationId: reference().references(() => organizations.id),
    createdAt: moment().notNull().defaultNow(),
    ...revision(),
  },
  (t) => [
    uniqueIndex("users_email_key").on(sql`lower(${t.email})`),
    index("users_email_idx").on(t.email),
    index("users_organization_idx").on(t.organizationId, t.createdAt.desc(), t.id.desc()),
    index("users_created_at_idx").on(t.createdAt.desc(), t.id.desc()),
    // A tenant without an organization must not exist: its row scope would be undefined.
    check(
      "users_tenant_has_organization",
      sql`${t.role} not in ('VIEWER', 'ANALYST') or ${t.organizationId} is not null`,
    ),
  ],
);

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

/** What was seeded once, and is not seeded again whatever has become of it. */
export const seeds = pgTable("seeds", {
  name: varchar({ length: 50 }).primaryKey(),
  createdAt: moment().notNull().defaultNow(),
});

/** What a creation with an idempotency key has made, so that whoever asks again gets the same rows. Kept for a day. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    /** Who chose the key. */
    userId: reference().notNull(),
    key: varchar({ length: 100 }).notNull(),
    /** What was called, as the audit log names it; the HMAC-SHA-256 of that and of its whole input. */
    action: varchar({ length: 100 }).notNull(),
    fingerprint: varchar({ length: 64 }).notNull(),
    /** Decimal texts, in the order of the items. */
    ids: jsonb().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.key] }), index("idempotency_keys_created_at_idx").on(t.createdAt)],
);

/** Which Postern this is: one row, made with the table. Tells whose the records are that wait in a folder. */
export const installations = pgTable("installations", {
  id: uuid().primaryKey().defaultRandom(),
});

/** The key that signs access tokens, where configuration gives none. One row. */
export const signingKeys = pgTable("signing_keys", {
  id: varchar({ length: 64 }).primaryKey(),
  privateKey: text().notNull(),
  createdAt: moment().notNull().defaultNow(),
});
