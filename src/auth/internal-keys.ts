/** The keys that Postern uses for itself. They are kept in the database for all replicas, and apart from the key that signs access tokens. */
import { hash, randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { internalKeys } from "./internal-keys.table.js";
import { sealedColumn } from "./sealed-column.js";
import type { Sealing } from "./sealing.js";

/** Each with a key of its own, so that one that is replaced spoils nothing else. */
const PURPOSES = ["cursors", "device tokens", "idempotency keys", "rate limits", "refresh tokens"] as const;

export type InternalKeys = Readonly<Record<(typeof PURPOSES)[number], string>>;

export const SEALED_INTERNAL_KEYS = sealedColumn(internalKeys.purpose, internalKeys.sealedKey);
const { placeOf } = SEALED_INTERNAL_KEYS;

type Row = Pick<typeof internalKeys.$inferSelect, "purpose" | "sealedKey">;
const FIELDS = { purpose: internalKeys.purpose, sealedKey: internalKeys.sealedKey };

const listInternalKeys = (db: Db): Promise<Row[]> => db.select(FIELDS).from(internalKeys);

/** @returns the keys that the database has now: these, or those of a replica that was quicker */
const insertInternalKeys = (db: Db, rows: readonly Row[]): Promise<Row[]> =>
  db
    .insert(internalKeys)
    .values([...rows])
    // This writes nothing new, but waits for the other replica's insert and returns its rows.
    .onConflictDoUpdate({ target: internalKeys.purpose, set: { sealedKey: sql`${internalKeys.sealedKey}` } })
    .returning(FIELDS);

/**
 * @param derivedFrom the private key from which a release before has derived them; undefined where there was none
 * @throws UNAVAILABLE, SealingError
 */
export async function loadInternalKeys(
  db: Db,
  sealing: Sealing,
  derivedFrom: string | undefined,
): Promise<InternalKeys> {
  const rows = await listInternalKeys(db);
  const missing = PURPOSES.filter((name) => !rows.some(({ purpose }) => purpose === name));
  // Releases before this table derived them from that key, and what was made with them stays good.
  const make = (purpose: string) =>
    derivedFrom !== undefined && rows.length === 0
      ? hash("sha256", `${purpose} ${derivedFrom}`)
      : randomBytes(32).toString("hex");
  if (missing.length > 0) {
    const made = missing.map((purpose) => ({
      purpose,
      sealedKey: sealing.seal(make(purpose), placeOf(purpose)),
    }));
    rows.push(...(await insertInternalKeys(db, made)));
  }
  const opened = rows.map(({ purpose, sealedKey }) => [purpose, sealing.open(sealedKey, placeOf(purpose))]);
  return Object.fromEntries(opened) as InternalKeys;
}
