/** Makes what was written survive a power failure. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Syncs what was created, renamed or removed in one folder. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Syncs the whole file system of this path, which is far quicker than syncing a thousand copied files one by one. */
export async function syncFileSystem(path: string): Promise<void> {
  // Only Linux can sync a single file system.
  await (process.platform === "linux" ? execute("sync", ["-f", path]) : execute("sync"));
}
