/** The keys that all replicas share. They are loaded before anything starts that needs one. */
import type { Db } from "../db/client.js";
import { StartFault } from "../start-fault.js";
import { type InternalKeys, loadInternalKeys } from "./internal-keys.js";
import { createSealing, type Sealing, SealingError } from "./sealing.js";
import { loadSecretsKeys } from "./secrets-keys.js";
import { findSigningKey, makeSigningKey, sealSigningKey } from "./signing-key.js";

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
    const found = await findSigningKey(db, sealing);
    // A release that has kept its key in clear has derived the others from it.
    const derivedFrom = accessTokenPrivateKey ?? (found?.isClear ? found.privateKey : undefined);
    const internal = await loadInternalKeys(db, sealing, derivedFrom);
    if (found?.isClear) await sealSigningKey(db, sealing, found.privateKey);
    const privateKey = accessTokenPrivateKey ?? found?.privateKey ?? (await makeSigningKey(db, sealing));
    return { sealing, internal, privateKey };
  } catch (error) {
    if (error instanceof SealingError) throw new StartFault(error.kind, error.message, error);
    throw error;
  }
}
