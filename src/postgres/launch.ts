/** Launches `postgres` once: detached, in a session of its own, with its output in the cluster's log. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { OS_USER_ENV, type OsUser } from "./os-user.js";
import { NotAFileError, withFile } from "./owned-file.js";

export type LaunchAttempt = {
  readonly pid: number;
  readonly hasEnded: () => boolean;
  /** @returns what was logged since this attempt began */
  readonly lastWords: () => Promise<string>;
};

type LaunchOptions = {
  readonly bin: string;
  /** The working directory. */
  readonly folder: string;
  readonly user: OsUser;
  readonly logFile: string;
  readonly args: readonly string[];
};

const LOG_ROTATES_AT_BYTES = 10 * 1024 * 1024;
const LAST_WORDS_BYTES = 65_536;

/** @returns the last lines that were logged since the size of the log was `begin` */
const readLogSince = (logFile: string, begin: number): Promise<string> =>
  withFile(logFile, async (file) => {
    const { size } = await file.stat();
    const start = Math.max(begin, size - LAST_WORDS_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LAST_WORDS_BYTES), 0, LAST_WORDS_BYTES, start);
    return buffer.subarray(0, bytesRead).toString();
  });

/** Resolves when the process has begun to run, long before it accepts connections. */
export async function launch({ bin, folder, user, logFile, args }: LaunchOptions): Promise<LaunchAttempt> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }));
  if (size > LOG_ROTATES_AT_BYTES) await rename(logFile, `${logFile}.1`);
  // The database's user owns the folder, so links are not followed.
  const flags =
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const log = await open(logFile, flags, 0o600);
  try {
    const stats = await log.stat();
    // A hard link to somebody else's file would give that file to the database's user.
    if (!stats.isFile() || stats.nlink > 1) throw new NotAFileError(`${logFile} is no file of its own.`);
    await log.chown(user.uid, user.gid);
    const begin = stats.size;
    const child = spawn(join(bin, "postgres"), args, {
      uid: user.uid,
      gid: user.gid,
      cwd: folder,
      env: OS_USER_ENV,
      // In a session of its own the server does not get the signals that are sent to Postern's process group.
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    await once(child, "spawn");
    child.unref();
    return {
      pid: child.pid!,
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      lastWords: () => readLogSince(logFile, begin),
    };
  } finally {
    await log.close();
  }
}
