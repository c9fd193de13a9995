/** Idempotency keys: whoever sends a call again with the same key gets what the first one has made. */
import { createHmac } from "node:crypto";
import type { Call } from "../../audit/call.js";
import type { Db } from "../../db/client.js";
import { conflict } from "../../errors.js";
import type { IdempotencyKey } from "./rows.js";
import { claimKey, findKey } from "./rows.store.js";

/**
 * @param secret keys what is kept of the input, which may hold passwords @param input all that makes it another call
 * @returns undefined where the call has no key, or nobody whose it could be
 */
export function keyOf(
  secret: string,
  { actor, action }: Pick<Call, "actor" | "action">,
  input: unknown,
  key: string | undefined,
): IdempotencyKey | undefined {
  if (key === undefined || actor.kind !== "user") return undefined;
  const hmac = createHmac("sha256", secret).update(JSON.stringify([action, input]));
  return { userId: actor.userId, key, action, fingerprint: hmac.digest("hex") };
}

/** @returns the ids of what the call with this key made; undefined where there is no such key @throws CONFLICT where it was another call */
export async function findMade(db: Db, key: IdempotencyKey): Promise<string[] | undefined> {
  const found = await findKey(db, key);
  if (!found) return undefined;
  if (found.fingerprint === key.fingerprint) return found.ids;
  const message = "This idempotency key was used for something else. Use another key for another call.";
  throw conflict(message, undefined, "idempotencyKey");
}

/**
 * Draws the id of an operation that is to be made with this key in the same transaction; whoever claims the key meanwhile waits for its end.
 * @returns the id, and whether it was made before @throws CONFLICT where the key stands for another call
 */
export async function claimOperation(
  db: Db,
  key: IdempotencyKey,
): Promise<{ readonly id: string; readonly isMade: boolean }> {
  for (;;) {
    const drawn = await claimKey(db, key);
    if (drawn !== null) return { id: drawn, isMade: false };
    const [made] = (await findMade(db, key)) ?? [];
    if (made !== undefined) return { id: made, isMade: true };
  }
}
