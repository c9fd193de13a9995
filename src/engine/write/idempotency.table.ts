/** The table of idempotency keys. */
import { index, jsonb, pgTable, primaryKey, varchar } from "drizzle-orm/pg-core";
import { moment, reference } from "../../db/columns.js";

/** Idempotency keys with the ids of the rows that their calls made. They are kept for a day. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    /** The user who chose the key. */
    userId: reference().notNull(),
    key: varchar({ length: 100 }).notNull(),
    /** The action of the call, as the audit log names it. */
    action: varchar({ length: 100 }).notNull(),
    /** The HMAC-SHA-256 of the action and the whole input. */
    fingerprint: varchar({ length: 64 }).notNull(),
    /** The ids of the rows as decimal texts, in the order of the items. */
    ids: jsonb().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.key] }), index("idempotency_keys_created_at_idx").on(t.createdAt)],
);
