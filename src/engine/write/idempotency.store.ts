/** The statements about idempotency keys, except the one that inserts rows with a key. */
import { and, eq, lt, sql } from "drizzle-orm";
import type { Db } from "../../db/client.js";
import { purge } from "../../db/purge.js";
import { idempotencyKeys } from "./idempotency.table.js";

/** @returns the fingerprint of a user's key and the ids of the rows that were made with it, or null */
export async function findIdempotencyKey(
  db: Db,
  { userId, key }: IdempotencyKey,
): Promise<{ fingerprint: string; ids: string[] } | null> {
  const rows = await db
    .select({ fingerprint: idempotencyKeys.fingerprint, ids: idempotencyKeys.ids })
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.userId, BigInt(userId)), eq(idempotencyKeys.key, key)));
  const [found] = rows;
  return found ? { fingerprint: found.fingerprint, ids: found.ids as string[] } : null;
}

/** Claims a key for one row of a table. @returns the id that is drawn for the row, or null where the key is taken */
export async function claimIdempotencyKey(
  db: Db,
  { userId, ...key }: IdempotencyKey,
  table: "operations" | "bulk_operations",
): Promise<string | null> {
  const ids = sql`jsonb_build_array(nextval(pg_get_serial_sequence(${table}, 'id'))::text)`;
  const rows = await db
    .insert(idempotencyKeys)
    .values({ ...key, userId: BigInt(userId), ids })
    .onConflictDoNothing()
    .returning({ ids: idempotencyKeys.ids });
  return (rows[0]?.ids as string[] | undefined)?.[0] ?? null;
}

/** Deletes idempotency keys after a day. */
export const deleteOldIdempotencyKeys = (db: Db): Promise<void> =>
  purge(db, idempotencyKeys, lt(idempotencyKeys.createdAt, sql`now() - interval '1 day'`));

/** An idempotency key as its user chose it, and the call for which it stands. */
export interface IdempotencyKey {
  readonly userId: string;
  readonly key: string;
  readonly action: string;
  readonly fingerprint: string;
}
