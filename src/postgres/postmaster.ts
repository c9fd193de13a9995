/** Finds the postmaster of a data directory by its postmaster.pid, and removes stale lock files. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { isServerProcess, readServerProcessFile } from "./processes.js";

/** A running PostgreSQL server, as its postmaster.pid describes it. */
export type Postmaster = {
  readonly pid: number;
  /** Differs for every start of a server. */
  readonly run: string;
  /** False while the server starts, recovers or stops. */
  readonly isReady: boolean;
  readonly port: number;
  /** The folder of its Unix socket. */
  readonly socketDir: string;
};

/** @returns the server that runs in this data directory. A file that a dead server left, or a reused pid, counts as none. */
export async function findPostmaster(dataDir: string): Promise<Postmaster | undefined> {
  const file = await readServerProcessFile(dataDir);
  const [pidLine, , startedAt, port, socketDir, , , status] = file.split("\n");
  const pid = Number(pidLine);
  if (!(await isServerProcess(pid, dataDir))) return undefined;
  const isReady = status?.trim() === "ready" || status?.trim() === "standby";
  return { pid, run: `${pid} of ${startedAt}`, isReady: isReady, port: Number(port), socketDir: socketDir ?? "" };
}

/**
 * Removes a lock file that a crash left empty, or whose pid now belongs to another program: PostgreSQL would take that program
 * for a running server and refuse to start. A lock whose pid is gone is left to PostgreSQL, which first checks for surviving
 * backends.
 */
export async function clearStalePostmaster(file: string, dataDir: string): Promise<void> {
  const before = readLockFile(file);
  if (before === undefined) return;
  const pid = Math.abs(Number.parseInt(before, 10));
  if (Number.isNaN(pid)) {
    // A server creates its lock file empty and fills it at once, so only an old empty file is stale.
    if (Date.now() - statSync(file).mtimeMs < EMPTY_LOCK_IS_STALE_AFTER_MS) return;
  } else if (!isAlive(pid) || (await isServerProcess(pid, dataDir))) {
    return;
  }
  // Another process may have removed it meanwhile, and its server may have written a new one.
  if (readLockFile(file) === before) unlinkSync(file);
}

const EMPTY_LOCK_IS_STALE_AFTER_MS = 1_000;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function readLockFile(file: string): string | undefined {
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
