/** What runs in a data directory: its postmaster.pid, whether that process is really alive and ours, stale lock files. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { isPostmaster, readLockOf } from "./processes.js";

/** A running PostgreSQL server, as its postmaster.pid describes it. */
export type Postmaster = {
  readonly pid: number;
  /** Tells it from every other server that ever ran here. */
  readonly run: string;
  /** True once it accepts connections; until then it starts, recovers or stops. */
  readonly ready: boolean;
  readonly port: number;
  /** The folder of its Unix socket. */
  readonly socketDir: string;
};

/** The server that runs in this data directory, or undefined. Files left by a dead one, or a reused pid, count as none. */
export async function findPostmaster(dataDir: string): Promise<Postmaster | undefined> {
  const file = await readLockOf(dataDir);
  const [pidLine, , startedAt, port, socketDir, , , status] = file.split("\n");
  const pid = Number(pidLine);
  if (!(await isPostmaster(pid, dataDir))) return undefined;
  const ready = status?.trim() === "ready" || status?.trim() === "standby";
  return { pid, run: `${pid} of ${startedAt}`, ready, port: Number(port), socketDir: socketDir ?? "" };
}

/**
 * Removes a lock file whose pid now belongs to some other program than a PostgreSQL of this data directory, because PostgreSQL would take it for a running
 * server and refuse to start, and one that a crash left empty. PostgreSQL itself removes the lock of a pid that is
 * gone, and then checks for surviving backends first: so those are left to it.
 */
export async function clearStaleLock(file: string, dataDir: string): Promise<void> {
  const before = readLock(file);
  if (before === undefined) return;
  const pid = Math.abs(Number.parseInt(before, 10));
  if (Number.isNaN(pid)) {
    // A server creates its lock file empty and fills it at once: only an old one is a remnant.
    if (Date.now() - statSync(file).mtimeMs < EMPTY_LOCK_IS_STALE_AFTER_MS) return;
  } else if (!isTaken(pid) || (await isPostmaster(pid, dataDir))) {
    return;
  }
  // Another process may have cleared it in the meantime, and its server written its own.
  if (readLock(file) === before) unlinkSync(file);
}

const EMPTY_LOCK_IS_STALE_AFTER_MS = 1_000;

function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function readLock(file: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return fstatSync(fd).isFile() ? readFileSync(fd, "utf8") : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
