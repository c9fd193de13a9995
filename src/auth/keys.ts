/** The keys that all replicas share. They are loaded before anything starts that needs one. */
import type { Db } from "../db/client.js";
import { StartFault } from "../start-fault.js";
import { type InternalKeys, loadInternalKeys } from "./internal-keys.js";
import { createSealing, type Sealing, SealingError } from "./sealing.js";
import { loadSecretsKeys } from "./secrets-keys.js";
import { findSigningKey, makeSigningKey } from "./signing-key.js";

interface Keys {
  readonly sealing: Sealing;
  /** An Ed25519 private key, PKCS #8, PEM. */
  readonly privateKey: string;
  readonly internal: InternalKeys;
}

interface KeysOptions {
  /** The keys of `SECRETS_KEY`; undefined where the data folder keeps one. */
  readonly secretsKeys: readonly string[] | undefined;
  readonly dataDir: string;
  /** The signing key of the configuration, which wins over the one in the database. */
  readonly accessTokenPrivateKey: string | undefined;
}

/** @throws StartFault where a secret does not open, UNAVAILABLE */
export async function loadKeys(db: Db, { secretsKeys, dataDir, accessTokenPrivateKey }: KeysOptions): Promise<Keys> {
  const sealing = createSealing(await loadSecretsKeys(secretsKeys, dataDir));
  try {
    const known = accessTokenPrivateKey ?? (await findSigningKey(db, sealing));
    // A replica that finds a key made by another one finds the internal keys too, because those are made first.
    const internal = await loadInternalKeys(db, sealing, known);
    return { sealing, internal, privateKey: known ?? (await makeSigningKey(db, sealing)) };
  } catch (error) {
    if (error instanceof SealingError) throw new StartFault(error.kind, error.message, error);
    throw error;
  }
}
