/** Reads and writes files in folders of the database's user. Postern may be root, so it follows no links and waits for no pipes there. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { OsUser } from "./os-user.js";

/** The path leads to something that is no file, or that belongs to another user. */
export class NotAFileError extends Error {}

/** Whether Postern itself lacks memory or file handles, which says nothing about the file. */
const isOutOfResources = (error: NodeJS.ErrnoException): boolean =>
  /^(EMFILE|ENFILE|ENOMEM|EAGAIN)$/.test(error.code ?? "");

/** Makes a handler for catch(): a file that cannot be read counts as `instead`, unless Postern itself lacks resources. */
export const unlessOutOfResources =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (isOutOfResources(error)) throw error;
    return instead;
  };

/** @param uid the user who must own the file; given where its contents are shown to others @throws NotAFileError, and the operating system's error */
export async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>, uid?: number): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new NotAFileError(`${path} is no file.`);
    if (uid !== undefined && stats.uid !== uid) throw new NotAFileError(`${path} belongs to the user id ${stats.uid}.`);
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Reads at most `maxBytes` from the beginning of a file. */
export const readOwnedFileStart = (path: string, maxBytes: number, uid?: number): Promise<Buffer> =>
  withFile(
    path,
    async (file) => {
      const buffer = Buffer.alloc(maxBytes);
      const { bytesRead } = await file.read(buffer, 0, maxBytes, 0);
      return buffer.subarray(0, bytesRead);
    },
    uid,
  );

/** Makes a new file for the database's user. The owner is set through the open handle, whatever has the name by then. @throws EEXIST */
export async function writeOwned(path: string, text: string | Buffer, owner: OsUser): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    if (process.getuid?.() === 0) await file.chown(owner.uid, owner.gid);
    await file.sync();
  } finally {
    await file.close();
  }
}
