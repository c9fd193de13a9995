/** The statements of idempotency keys, beyond the one that makes rows with a key. */
import { and, eq } from "drizzle-orm";
import type { Db } from "../../db/client.js";
import { fromPostgres } from "../../db/postgres-errors.js";
import type { Key } from "../../db/rows.js";
import { idempotencyKeys } from "../../db/tables/index.js";

/** @returns what a user's key stands for, and the ids of what was made with it, or null */
export async function findKey(db: Db, { userId, key }: Key): Promise<{ fingerprint: string; ids: string[] } | null> {
  const rows = await db
    .select({ fingerprint: idempotencyKeys.fingerprint, ids: idempotencyKeys.ids })
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.userId, BigInt(userId)), eq(idempotencyKeys.key, key)))
    .catch((error) => Promise.reject(fromPostgres(error)));
  const [found] = rows;
  return found ? { fingerprint: found.fingerprint, ids: found.ids as string[] } : null;
}
