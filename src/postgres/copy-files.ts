/** Copies a folder of a live cluster in chunks, for the database's user, without filling the disk. The caller syncs the copy. */
import { constants } from "node:fs";
import { open, readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateFolder } from "./folder.js";
import type { OsUser } from "./os-user.js";

export type CopyOptions = {
  readonly owner: OsUser;
  /** The copy fails rather than leave less than this on the file system. */
  readonly minFreeBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
};

/** The copy would leave too little room on the disk. A disk that is really full still fails with ENOSPC. */
export class CopyStorageFullError extends Error {}

/** A copy cannot hold what this cluster has. */
export class NotCopyableError extends Error {}

/** The paths below one folder, relative to it; a folder stands before its contents. */
type FileTree = {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly bytes: number;
};

const CHUNK_BYTES = 512 * 1024;
/** libuv has four threads for files, so more copies at once would only wait. */
const WORKERS = 4;
const SPACE_CHECKED_EVERY_BYTES = 32 * 1024 * 1024;

/**
 * Lists what is in a folder, at any depth.
 * @param isIncluded is asked about each relative path; false leaves out a file, or the contents of a folder
 * @throws NotCopyableError on a symbolic link, which may lead anywhere
 */
export async function listFileTree(root: string, isIncluded: (path: string) => boolean): Promise<FileTree> {
  const folders: string[] = [];
  const files: string[] = [];
  let bytes = 0;
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        folders.push(path);
        if (isIncluded(path)) await visit(path);
      } else if (entry.isSymbolicLink()) {
        throw new NotCopyableError(
          `${path} in the data folder is a symbolic link, which a copy cannot follow. Stop the instance, and put what it leads to in its place.`,
        );
      } else if (entry.isFile() && isIncluded(path)) {
        files.push(path);
        bytes += await stat(join(root, path)).then(({ size }) => size, ignoreGone(0));
      }
    }
  };
  await visit("");
  return { folders, files, bytes };
}

/**
 * Copies a tree into the folder `to`, which it makes. It leaves out a file that vanishes meanwhile: the WAL accounts for it.
 * @returns bytes written @throws CopyStorageFullError, and the signal's reason
 */
export async function copyTree(from: string, tree: FileTree, to: string, options: CopyOptions): Promise<number> {
  await requireSpace(join(to, ".."), tree.bytes + options.minFreeBytes);
  for (const folder of ["", ...tree.folders]) await makePrivateFolder(join(to, folder), options.owner);
  const pending = [...tree.files].reverse();
  let doneBytes = 0;
  let checkedAtBytes = 0;
  const onChunk = async (bytes: number): Promise<void> => {
    doneBytes += bytes;
    options.onProgress?.(doneBytes, tree.bytes);
    if (doneBytes - checkedAtBytes < SPACE_CHECKED_EVERY_BYTES) return;
    checkedAtBytes = doneBytes;
    await requireSpace(to, options.minFreeBytes);
  };
  let hasFailed = false;
  const work = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let path = pending.pop(); path !== undefined && !hasFailed; path = pending.pop()) {
      await copyFile(join(from, path), join(to, path), buffer, options, onChunk);
    }
  };
  // All workers must have ended, even after a failure, before the caller removes what they wrote.
  const results = await Promise.allSettled(
    Array.from({ length: WORKERS }, () =>
      work().catch((error) => {
        hasFailed = true;
        throw error;
      }),
    ),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return doneBytes;
}

/** @throws CopyStorageFullError */
async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  const [needed, free] = [bytes, bavail * bsize].map((size) => Math.ceil(size / 1024 / 1024));
  throw new CopyStorageFullError(`${needed} MiB of free disk space are needed, and ${free} MiB are left.`);
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
      // The WAL holds what is appended from now on.
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
