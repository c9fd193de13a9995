/** What an app has sealed in its database, as whoever has its folder opens it. */
import { join } from "node:path";
import { createSealing } from "../../src/auth/sealing.js";
import { SEALED_SIGNING_KEYS } from "../../src/auth/signing-key.js";
import { readSecret } from "../../src/values/secret-files.js";
import type { TestApp } from "./app.js";

/** @returns the private key that signs an app's access tokens, as PEM */
export async function signingKeyOf({ sql, folder }: TestApp): Promise<string> {
  const [row] = await sql`select id, private_key as sealed from signing_keys`;
  const sealing = createSealing([readSecret(join(folder, "secrets.key"))]);
  return sealing.open(row!.sealed, SEALED_SIGNING_KEYS.placeOf(row!.id));
}
