/** Files in folders of the database's user, used by Postern, who may be root: what that user has put there is not followed, nor waited for. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { OsUser } from "./os-user.js";

/** What is there is no file, or not the user's. */
export class NotAFileError extends Error {}

/** Postern itself is short of something: that says nothing of what it wanted to read. */
const isShortage = (error: NodeJS.ErrnoException): boolean => /^(EMFILE|ENFILE|ENOMEM|EAGAIN)$/.test(error.code ?? "");

/** For a catch: what cannot be read counts as `instead`, unless Postern itself is short of something. */
export const unlessShort =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (isShortage(error)) throw error;
    return instead;
  };

/** @param uid who must own it, where the contents go elsewhere @throws NotAFileError, and the error of the operating system */
export async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>, uid?: number): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new NotAFileError(`${path} is no file.`);
    if (uid !== undefined && found.uid !== uid) throw new NotAFileError(`${path} belongs to the user id ${found.uid}.`);
    return await work(file);
  } finally {
    await file.close();
  }
}

/** The beginning of a file, as far as it goes. */
export const readStart = (path: string, maxBytes: number, uid?: number): Promise<Buffer> =>
  withFile(
    path,
    async (file) => {
      const buffer = Buffer.alloc(maxBytes);
      const { bytesRead } = await file.read(buffer, 0, maxBytes, 0);
      return buffer.subarray(0, bytesRead);
    },
    uid,
  );

/** Makes a file that is not there yet, for the database's user. What is named so when it is given away is not asked for again. */
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
