/** Makes private folders for the database's user, elsewhere when that user cannot reach the wanted place. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, mkdir, open, readdir, realpath, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type OsUser, runAsOsUser } from "./os-user.js";

/** As root, Postern keeps here what the database's user could not reach elsewhere. */
export const ROOT_DATA_FOLDER = "/var/lib/postern";

type DataFolder = {
  /** The absolute path of the wanted data folder, or of its stand-in below /var/lib/postern. */
  readonly dataDir: string;
  /** The folder in it that was asked for, as an absolute path without symbolic links. The database's user owns it, with mode 0700. */
  readonly path: string;
};

/**
 * Makes a folder `name` inside the data folder `wanted` (absolute or relative) that `user` can write to. As root, when that
 * user cannot get there (a parent folder of mode 700), it makes it in /var/lib/postern/<basename>-<hash> instead.
 * Existing data stays where it is and an Error says so, because otherwise a parent's changed mode would make data look lost.
 */
export async function chooseFolder(wanted: string, name: string, user: OsUser): Promise<DataFolder> {
  const { here, away } = placesOf(wanted);
  const path = join(here, name);
  const used = await isUsed(path);
  const mayMove = process.getuid?.() === 0;

  if (mayMove && !used && (await isUsed(join(away, name)))) return relocate(away, name, user);
  const created = await makeIn(here, name, user).catch((error) => error as Error);
  if (!(created instanceof Error)) return { dataDir: here, path: created };
  if (mayMove && !used) return relocate(away, name, user);
  throw new Error(
    `The user ${user.name}, who runs the database, cannot use the folder ${path}: ${created.message} ` +
      `Make it and all folders above it accessible to ${user.name}, or choose another data folder.`,
    { cause: created },
  );
}

/** @returns what chooseFolder chose at an earlier start; null where there was none @throws Error where this user may not look */
export async function findFolder(wanted: string, name: string): Promise<DataFolder | null> {
  const { here, away } = placesOf(wanted);
  for (const dataDir of process.getuid?.() === 0 ? [here, away] : [here]) {
    const path = join(dataDir, name);
    const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
      throw error;
    });
    if (names.length > 0) return { dataDir, path };
  }
  return null;
}

const placesOf = (wanted: string) => {
  const here = resolve(wanted);
  const hash = createHash("sha256").update(here).digest("hex").slice(0, 8);
  return { here, away: join(ROOT_DATA_FOLDER, `${basename(here)}-${hash}`) };
};

/** Creates the folder if it is missing, and makes it private to `user`. @throws Error when it is somebody else's or no folder */
export async function makePrivateFolder(path: string, user: OsUser): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  // Owner and mode are set through the open handle, so that the user cannot put something else in its place meanwhile.
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const folder = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw /^(ENOTDIR|ELOOP)$/.test(error.code ?? "") ? new Error(`${path} is not a folder.`) : error;
  });
  try {
    const { uid } = await folder.stat();
    if (uid !== user.uid && uid !== process.getuid?.()) throw new Error(`${path} belongs to the user id ${uid}.`);
    await folder.chown(user.uid, user.gid);
    await folder.chmod(0o700);
  } finally {
    await folder.close();
  }
}

async function isUsed(path: string): Promise<boolean> {
  return (await readdir(path).catch(() => [])).length > 0;
}

async function relocate(away: string, name: string, user: OsUser): Promise<DataFolder> {
  // The umask may be strict, and the database's user passes through here.
  if (await mkdir(ROOT_DATA_FOLDER, { recursive: true })) await chmod(ROOT_DATA_FOLDER, 0o755);
  return { dataDir: away, path: await makeIn(away, name, user) };
}

/** Makes `dataDir/name`; after a failure nothing that it created remains. An existing data folder keeps its owner and mode. */
async function makeIn(dataDir: string, name: string, user: OsUser): Promise<string> {
  const path = join(dataDir, name);
  const first = await mkdir(dataDir, { recursive: true });
  try {
    if (first) await makePrivateFolder(dataDir, user);
    await makePrivateFolder(path, user);
    const real = await realpath(path);
    await runAsOsUser(user, "/bin/sh", ["-c", 'cd -- "$0" && : > ".probe-$$" && rm ".probe-$$"', real]);
    return real;
  } catch (error) {
    await removeEmpty(path, first ?? path);
    throw error;
  }
}

/** Removes `path` and the folders above it up to `last`, as long as they are empty; others may use them already. */
async function removeEmpty(path: string, last: string): Promise<void> {
  const removed = await rmdir(path).then(
    () => true,
    () => false,
  );
  if (removed && path !== last) await removeEmpty(dirname(path), last);
}
