/** One try to run `postgres`: detached, in a session of its own, with its words in the cluster's log. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { BARE_ENV, type OsUser } from "./os-user.js";

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

/** Resolves when the process has begun to run, long before it accepts connections. */
export async function launch({ bin, folder, user, logFile, args }: LaunchOptions): Promise<Attempt> {
  const { size } = await stat(logFile).catch(() => ({ size: 0 }));
  if (size > LOG_ROTATES_AT_BYTES) await rename(logFile, `${logFile}.1`);
  // The folder is the database user's: what that user may have put there is not followed.
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const log = await open(logFile, flags, 0o600);
  try {
    await log.chown(user.uid, user.gid);
    const begin = (await log.stat()).size;
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
      lastWords: async () => (await readFile(logFile)).subarray(begin).toString(),
    };
  } finally {
    await log.close();
  }
}
