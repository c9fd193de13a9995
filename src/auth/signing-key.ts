/** The private key that signs access tokens. Where the configuration gives none, one is made and kept in the database for all replicas. */
import { generateKeyPairSync, hash } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Db } from "../db/client.js";
import { signingKeys } from "./signing-key.table.js";

/** The id of the only row, so that the second replica to insert a key gets a conflict. */
const ID = "access-tokens";

async function findSigningKey(db: Db): Promise<string | undefined> {
  const [row] = await db.select({ privateKey: signingKeys.privateKey }).from(signingKeys).where(eq(signingKeys.id, ID));
  return row?.privateKey;
}

/** @returns the key that the database has now: this one, or that of a replica that was quicker */
async function insertSigningKey(db: Db, privateKey: string): Promise<string> {
  const rows = await db
    .insert(signingKeys)
    .values({ id: ID, privateKey })
    // This writes nothing new, but waits for the other replica's insert and returns its row.
    .onConflictDoUpdate({ target: signingKeys.id, set: { privateKey: signingKeys.privateKey } })
    .returning({ privateKey: signingKeys.privateKey });
  return rows[0]!.privateKey;
}

async function makeSigningKey(db: Db): Promise<string> {
  const { privateKey } = generateKeyPairSync("ed25519");
  return insertSigningKey(db, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
}

/** The keys that all replicas share. */
interface SigningKeys {
  /** An Ed25519 private key, PKCS #8, PEM. */
  readonly privateKey: string;
  /** @returns a key derived from the private key, a different one for each purpose */
  derive(purpose: string): string;
}

/**
 * @param configured the key of the configuration, which wins over the one in the database
 * @throws UNAVAILABLE
 */
export async function loadSigningKeys(db: Db, configured?: string): Promise<SigningKeys> {
  const privateKey = configured ?? (await findSigningKey(db)) ?? (await makeSigningKey(db));
  return { privateKey, derive: (purpose) => hash("sha256", `${purpose} ${privateKey}`) };
}
