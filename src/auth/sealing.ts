/** Seals the secrets that the database keeps, so that a dump of it holds none in clear: AES-256-GCM. */
import { createCipheriv, createDecipheriv, hash, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
/** What GCM is made for. */
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** How a sealed text begins, so that none is taken for one in clear. */
const FORM = "sealed1";
/** The file in `DATA_DIR` that keeps the key where the configuration gives none. */
export const KEY_FILE = "secrets.key";

/** @returns the name of a key, which tells nothing of it */
const idOf = (key: Buffer): string =>
  hash("sha256", Buffer.concat([Buffer.from("postern secrets key "), key])).slice(0, 8);

/** A sealed secret does not open. The message says what to do. */
export class SealingError extends Error {
  constructor(
    /** Whether a key is missing, or the secret itself is no good. */
    readonly kind: "configuration" | "data",
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

export interface Sealing {
  /** The id of the key that seals. */
  readonly keyId: string;
  /** How all texts begin that this key has sealed. */
  readonly prefix: string;
  /** @param place the table, column and row that keep it: copied elsewhere, it does not open */
  seal(secret: string, place: string): string;
  /** @throws SealingError where it was sealed with a key that is not given, for another place, or was changed */
  open(sealed: string, place: string): string;
}

/** @returns whether a stored text is sealed */
export const isSealed = (stored: string): boolean => stored.startsWith(`${FORM}.`);

/** @param keys each as `isSecretsKey` takes it; the first one seals, and all open */
export function createSealing(keys: readonly string[]): Sealing {
  const byId = new Map(
    keys.map((text) => {
      const key = Buffer.from(text, "base64");
      return [idOf(key), key];
    }),
  );
  const [[keyId, current]] = byId.entries() as unknown as [[string, Buffer]];
  const prefix = `${FORM}.${keyId}.`;
  return {
    keyId,
    prefix,

    seal(secret, place) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, current, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(place));
      const body = Buffer.concat([iv, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `${prefix}${body.toString("base64url")}`;
    },

    open(sealed, place) {
      if (!isSealed(sealed))
        throw new SealingError("data", `The secret in ${place} is not sealed. Restart Postern, which seals it.`);
      const [, id = "", text = ""] = sealed.split(".");
      const key = byId.get(id);
      if (!key)
        throw new SealingError(
          "configuration",
          `A secret of this database is sealed with the key ${id}, which is not given. Add that key to SECRETS_KEY, behind the others and a comma, or bring back its file ${KEY_FILE} in DATA_DIR.`,
        );
      const body = Buffer.from(text, "base64url");
      try {
        const decipher = createDecipheriv(ALGORITHM, key, body.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
        decipher.setAAD(Buffer.from(place)).setAuthTag(body.subarray(-TAG_BYTES));
        const opened = [decipher.update(body.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()];
        return Buffer.concat(opened).toString("utf8");
      } catch (error) {
        throw new SealingError(
          "data",
          `The sealed secret in ${place} was changed, or belongs to another row. Restore it from a backup.`,
          error,
        );
      }
    },
  };
}
