/** The variables of keys: the one that signs access tokens, and those that seal secrets. */
import { z } from "zod";
import { isSecretsKey } from "../values/secrets-key.js";
import { listVariable, secretVariable, variables } from "../values/variables.js";

const MAX_SECRETS_KEYS = 10;
const EXPECTED = "is 32 bytes in base64, as `openssl rand -base64 32` makes them";

export const keysVariables = variables(
  {
    ACCESS_TOKEN_PRIVATE_KEY: secretVariable(
      z.string().startsWith("-----BEGIN PRIVATE KEY-----", "is an Ed25519 key as PKCS #8 PEM"),
    ).describe("Signs access tokens: an Ed25519 key as PKCS #8 PEM. Without it a key is kept in the database."),
    SECRETS_KEY: secretVariable(
      listVariable.pipe(
        z
          .array(z.string())
          .refine((keys) => keys.length > 0 && keys.every(isSecretsKey), EXPECTED)
          .max(MAX_SECRETS_KEYS, `names at most ${MAX_SECRETS_KEYS} keys`),
      ),
    ).describe(
      "Seals the secrets in the database: 32 bytes in base64. Older keys, which only open, follow behind commas. Needed beside `DATABASE_URL` in production; elsewhere a key is kept in `DATA_DIR` without it.",
    ),
  },
  (env) => ({
    /** PKCS #8 PEM. */
    accessTokenPrivateKey: env.ACCESS_TOKEN_PRIVATE_KEY as string | undefined,
    /** The first one seals, and all open; undefined where the data folder keeps the key. */
    secretsKeys: env.SECRETS_KEY as readonly string[] | undefined,
  }),
);
