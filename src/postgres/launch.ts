/** One try to run `postgres`: detached, in a session of its own, with its words in the cluster's log. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { BARE_ENV, type OsUser } from "./os-user.js";
import { NotAFileError, withFile } from "./owned-file.js";

export type Attempt = {
  readonly pid: number;
  readonly hasEnded: () => boolean;
  /** What was logged since this try began. */
  readonly lastWords: () => Promise<string>;
};

export type LaunchOptions = {
  readonly bin: string;
  /** The working directory. */
  readonly folder: string;
  readonly user: OsUser;
  readonly logFile: string;
  readonly args: readonly string[];
};

const LOG_ROTATES_AT_BYTES = 10 * 1024 * 1024;
const LAST_WORDS_BYTES = 65_536;

/** The end of what was logged since, as far as anybody reads. */
const wordsSince = (logFile: string, begin: number): Promise<string> =>
  withFile(logFile, async (file) => {
    const { size } = await file.stat();
    const start = Math.max(begin, size - LAST_WORDS_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LAST_WORDS_BYTES), 0, LAST_WORDS_BYTES, start);
    return buffer.subarray(0, bytesRead).toString();
  });

/** Resolves when the process has begun to run, long before it accepts connections. */
export async function launch({ bin, folder, user, logFile, args }: LaunchOptions): Promise<Attempt> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }));
  if (size > LOG_ROTATES_AT_BYTES) await rename(logFile, `${logFile}.1`);
  // The folder is the database user's: what that user may have put there is not followed.
  const flags =
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const log = await open(logFile, flags, 0o600);
  try {
    const found = await log.stat();
    // Another name of a file that belongs to somebody else would give that away.
    if (!found.isFile() || found.nlink > 1) throw new NotAFileError(`${logFile} is no file of its own.`);
    await log.chown(user.uid, user.gid);
    const begin = found.size;
    const child = spawn(join(bin, "postgres"), args, {
      uid: user.uid,
      gid: user.gid,
      cwd: folder,
      env: BARE_ENV,
      // A session of its own: what is sent to Postern's process group does not reach it.
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    await once(child, "spawn");
    child.unref();
    return {
      pid: child.pid!,
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      lastWords: () => wordsSince(logFile, begin),
    };
  } finally {
    await log.close();
  }
}
