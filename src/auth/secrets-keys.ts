/** The keys that seal secrets: those of the configuration, and that of the data folder, which is made where there is no other. */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../durability.js";
import { StartFault } from "../start-fault.js";
import { readSecret } from "../values/secret-files.js";
import { isSecretsKey, makeSecretsKey } from "../values/secrets-key.js";
import { KEY_FILE } from "./sealing.js";

/** @returns the key in the file, or undefined where there is no file */
function readKey(path: string): string | undefined {
  let key: string;
  try {
    key = readSecret(path);
  } catch (error) {
    const { message, cause } = error as Error;
    if ((cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
    throw new StartFault("configuration", `The file ${path}, which keeps the key of secrets, ${message}.`, error);
  }
  if (isSecretsKey(key)) return key;
  throw new StartFault(
    "configuration",
    `The file ${path} holds no key. Bring back the one that was there: only that opens the secrets.`,
  );
}

/** Makes the file, unless another process is quicker. It is whole whenever it is there, also after a crash. */
async function writeKey(folder: string, path: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${makeSecretsKey()}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
}

/**
 * @param configured of `SECRETS_KEY`; undefined where it gives none
 * @param folder `DATA_DIR`
 * @returns the key that seals, and those that only open @throws StartFault
 */
export async function loadSecretsKeys(
  configured: readonly string[] | undefined,
  folder: string,
): Promise<readonly string[]> {
  const path = join(folder, KEY_FILE);
  const kept = readKey(path);
  if (configured) return kept === undefined ? configured : [...configured, kept];
  if (kept !== undefined) return [kept];
  await writeKey(folder, path).catch((error: Error) => {
    const advice = "Give Postern a DATA_DIR that it may write to, or SECRETS_KEY.";
    throw new StartFault(
      "resource",
      `The key of secrets cannot be kept in ${path}: ${error.message}. ${advice}`,
      error,
    );
  });
  return [readKey(path)!];
}
