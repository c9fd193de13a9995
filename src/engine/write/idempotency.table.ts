/** What creations with an idempotency key have made. */
import { index, jsonb, pgTable, primaryKey, varchar } from "drizzle-orm/pg-core";
import { moment, reference } from "../../db/columns.js";

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
