/** Reads and writes JSON files that are always whole, and that survive a power failure once they are written. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "../../durability.js";
import { withFile } from "../../postgres/owned-file.js";

/** Replaces the file as a whole or not at all. */
export async function writeDurableJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    // `wx` fails on an existing file, so a link that the database's user has put there is not followed.
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** @returns the value in the file, or undefined where there is no file @throws Error when it is no JSON, or `check` refuses it */
export async function readDurable<T>(path: string, check: { parse(value: unknown): T }): Promise<T | undefined> {
  const text = await withFile(path, (file) => file.readFile("utf8")).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  return text === undefined ? undefined : check.parse(JSON.parse(text));
}
