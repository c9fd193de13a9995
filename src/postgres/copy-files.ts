/** Copying a folder of a live cluster: in chunks, owned by the database's user, never filling the disk. Syncing is the caller's. */
import { constants } from "node:fs";
import { open, readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { makePrivate } from "./folder.js";
import type { OsUser } from "./os-user.js";

export type CopyOptions = {
  /** Who owns the copy. */
  readonly owner: OsUser;
  /** The copy stops rather than leave less than this on the file system. */
  readonly minFreeBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
};

/** The copy would leave too little on the disk. One that is full all the same says ENOSPC. */
export class StorageFullError extends Error {}

/** The cluster is one that this kind of copy cannot hold. */
export class NotCopyableError extends Error {}

/** Paths relative to one folder: parents before what is in them. */
export type Tree = { readonly folders: readonly string[]; readonly files: readonly string[]; readonly bytes: number };

const CHUNK_BYTES = 512 * 1024;
/** As many as libuv has threads. */
const AT_ONCE = 4;
const SPACE_CHECKED_EVERY_BYTES = 32 * 1024 * 1024;

/**
 * @param keep told each relative path; false leaves out a file, and of a folder the contents (the folder itself stays)
 * @throws NotCopyableError on a symbolic link, which may lead anywhere
 */
export async function listTree(root: string, keep: (path: string) => boolean): Promise<Tree> {
  const folders: string[] = [];
  const files: string[] = [];
  let bytes = 0;
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        folders.push(path);
        if (keep(path)) await visit(path);
      } else if (entry.isSymbolicLink()) {
        throw new NotCopyableError(
          `${path} in the data folder is a symbolic link, which a copy cannot follow. Stop the instance, and put what it leads to in its place.`,
        );
      } else if (entry.isFile() && keep(path)) {
        files.push(path);
        bytes += await stat(join(root, path)).then(({ size }) => size, ignoreGone(0));
      }
    }
  };
  await visit("");
  return { folders, files, bytes };
}

/**
 * Copies a tree into the folder `to`, which it makes. A file that vanishes meanwhile is left out: the WAL accounts for it.
 * @returns bytes written @throws StorageFullError, and the signal's reason
 */
export async function copyTree(from: string, tree: Tree, to: string, options: CopyOptions): Promise<number> {
  await requireSpace(join(to, ".."), tree.bytes + options.minFreeBytes);
  for (const folder of ["", ...tree.folders]) await makePrivate(join(to, folder), options.owner);
  const waiting = [...tree.files].reverse();
  let done = 0;
  let checkedAt = 0;
  const onChunk = async (bytes: number): Promise<void> => {
    done += bytes;
    options.onProgress?.(done, tree.bytes);
    if (done - checkedAt < SPACE_CHECKED_EVERY_BYTES) return;
    checkedAt = done;
    await requireSpace(to, options.minFreeBytes);
  };
  let failed = false;
  const work = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let path = waiting.pop(); path !== undefined && !failed; path = waiting.pop()) {
      await copyFile(join(from, path), join(to, path), buffer, options, onChunk);
    }
  };
  // All workers have ended, whatever failed, before the caller removes what they wrote.
  const results = await Promise.allSettled(
    Array.from({ length: AT_ONCE }, () =>
      work().catch((error) => {
        failed = true;
        throw error;
      }),
    ),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return done;
}

/** @throws StorageFullError */
async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  const [needed, free] = [bytes, bavail * bsize].map((size) => Math.ceil(size / 1024 / 1024));
  throw new StorageFullError(`${needed} MiB of free disk space are needed, and ${free} MiB are left.`);
}

async function copyFile(
  from: string,
  to: string,
  buffer: Buffer,
  { owner, signal }: CopyOptions,
  onChunk: (bytes: number) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    ignoreGone(undefined),
  );
  if (!source) return;
  try {
    const target = await open(to, "wx", 0o600);
    try {
      if (process.getuid?.() === 0) await target.chown(owner.uid, owner.gid);
      // What is appended from now on comes from the WAL.
      const { size } = await source.stat();
      for (let position = 0; position < size; ) {
        signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - position), position);
        if (bytesRead === 0) break;
        for (let written = 0; written < bytesRead; ) {
          written += (await target.write(buffer, written, bytesRead - written, position + written)).bytesWritten;
        }
        position += bytesRead;
        await onChunk(bytesRead);
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

const ignoreGone =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === "ENOENT") return instead;
    throw error;
  };
