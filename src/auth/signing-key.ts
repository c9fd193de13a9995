/** The private key that signs access tokens. Where the configuration gives none, one is made and kept in the database for all replicas. */
import { generateKeyPairSync } from "node:crypto";
import { and, eq } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { sealedColumn } from "./sealed-column.js";
import { isSealed, type Sealing } from "./sealing.js";
import { signingKeys } from "./signing-key.table.js";

/** The id of the only row, so that the second replica to insert a key gets a conflict. */
const ID = "access-tokens";

export const SEALED_SIGNING_KEYS = sealedColumn(signingKeys.id, signingKeys.privateKey);
const PLACE = SEALED_SIGNING_KEYS.placeOf(ID);

async function findPrivateKey(db: Db): Promise<string | undefined> {
  const [row] = await db.select({ privateKey: signingKeys.privateKey }).from(signingKeys).where(eq(signingKeys.id, ID));
  return row?.privateKey;
}

/** @returns the key that the database has now: this one, or that of a replica that was quicker */
async function insertPrivateKey(db: Db, privateKey: string): Promise<string> {
  const rows = await db
    .insert(signingKeys)
    .values({ id: ID, privateKey })
    // This writes nothing new, but waits for the other replica's insert and returns its row.
    .onConflictDoUpdate({ target: signingKeys.id, set: { privateKey: signingKeys.privateKey } })
    .returning({ privateKey: signingKeys.privateKey });
  return rows[0]!.privateKey;
}

async function replacePrivateKey(db: Db, clear: string, sealed: string): Promise<void> {
  await db
    .update(signingKeys)
    .set({ privateKey: sealed })
    .where(and(eq(signingKeys.id, ID), eq(signingKeys.privateKey, clear)));
}

/** @returns the key of the database as PKCS #8 PEM, and whether it stands there in clear; undefined where there is none @throws UNAVAILABLE, SealingError */
export async function findSigningKey(db: Db, sealing: Sealing) {
  const stored = await findPrivateKey(db);
  if (stored === undefined) return undefined;
  const isClear = !isSealed(stored);
  return { privateKey: isClear ? stored : sealing.open(stored, PLACE), isClear };
}

/** Seals the key that releases before have kept in clear. */
export const sealSigningKey = (db: Db, sealing: Sealing, clear: string): Promise<void> =>
  replacePrivateKey(db, clear, sealing.seal(clear, PLACE));

/** Makes a key, unless another replica is quicker. @returns the key of the database as PKCS #8 PEM @throws UNAVAILABLE, SealingError */
export async function makeSigningKey(db: Db, sealing: Sealing): Promise<string> {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  return sealing.open(await insertPrivateKey(db, sealing.seal(pem, PLACE)), PLACE);
}
