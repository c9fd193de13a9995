/** Handles idempotency keys: a call that comes again with its key is answered with the rows that the first call made. */
import { createHmac } from "node:crypto";
import type { Call } from "../../audit/call.js";
import type { Db } from "../../db/client.js";
import { conflict } from "../../errors.js";
import type { IdempotencyKey } from "./idempotency.store.js";
import { claimIdempotencyKey, findIdempotencyKey } from "./idempotency.store.js";

/**
 * @param secret the key of the fingerprint, because the input may hold passwords
 * @param input the input; a call with another input is another call
 * @returns undefined where the call has no key, or no user to whom the key could belong
 */
export function idempotencyKeyOf(
  secret: string,
  { actor, action }: Pick<Call, "actor" | "action">,
  input: unknown,
  key: string | undefined,
): IdempotencyKey | undefined {
  if (key === undefined || actor.kind !== "user") return undefined;
  const hmac = createHmac("sha256", secret).update(JSON.stringify([action, input]));
  return { userId: actor.userId, key, action, fingerprint: hmac.digest("hex") };
}

/** @returns the ids of the rows that the call with this key made; undefined where the key is new @throws CONFLICT where that was another call */
export async function findIdempotentIds(db: Db, key: IdempotencyKey): Promise<string[] | undefined> {
  const known = await findIdempotencyKey(db, key);
  if (!known) return undefined;
  if (known.fingerprint === key.fingerprint) return known.ids;
  const message = "This idempotency key was used for something else. Use another key for another call.";
  throw conflict(message, undefined, "idempotencyKey");
}

/**
 * Claims a key for an operation, or for a bulk operation, and draws its id. Another call with the key waits until the transaction has ended.
 * @returns the id, and whether an earlier call has made the operation @throws CONFLICT where the key belongs to another call
 */
export async function claimIdempotentOperation(
  db: Db,
  key: IdempotencyKey,
  table: "operations" | "bulk_operations" = "operations",
): Promise<{ readonly id: string; readonly isMade: boolean }> {
  for (;;) {
    const drawnId = await claimIdempotencyKey(db, key, table);
    if (drawnId !== null) return { id: drawnId, isMade: false };
    const [knownId] = (await findIdempotentIds(db, key)) ?? [];
    if (knownId !== undefined) return { id: knownId, isMade: true };
  }
}
