/** The private key that signs access tokens where configuration gives none: made once, kept in the database, the same for all replicas. */
import { generateKeyPairSync } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { fromPostgres } from "../db/postgres-errors.js";
import { signingKeys } from "./signing-key.table.js";

/** The id of the only row: whoever comes second meets it. */
const ID = "access-tokens";

async function findSigningKey(db: Db): Promise<string | undefined> {
  const [row] = await db
    .select({ privateKey: signingKeys.privateKey })
    .from(signingKeys)
    .where(eq(signingKeys.id, ID))
    .catch((error) => Promise.reject(fromPostgres(error)));
  return row?.privateKey;
}

/** @returns the key that is kept: this one, or that of a replica that was quicker */
async function insertSigningKey(db: Db, privateKey: string): Promise<string> {
  const rows = await db
    .insert(signingKeys)
    .values({ id: ID, privateKey })
    // Writes nothing new, but waits for the other replica's insert and returns its row.
    .onConflictDoUpdate({ target: signingKeys.id, set: { privateKey: signingKeys.privateKey } })
    .returning({ privateKey: signingKeys.privateKey })
    .catch((error) => Promise.reject(fromPostgres(error)));
  return rows[0]!.privateKey;
}

/**
 * @param configured the key that configuration gives; wins over the one in the database
 * @returns an Ed25519 private key, PKCS#8, PEM
 * @throws UNAVAILABLE
 */
export async function loadSigningKey(db: Db, configured?: string): Promise<string> {
  const known = configured ?? (await findSigningKey(db));
  if (known) return known;
  const { privateKey } = generateKeyPairSync("ed25519");
  return insertSigningKey(db, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
}
