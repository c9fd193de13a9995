/** The files of a cluster's configuration that lie in its data directory: settings, rules for clients, and what they name. */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { write } from "./base-backup.js";
import { makePrivate } from "./folder.js";
import type { OsUser } from "./os-user.js";

export type Configuration = {
  /** By path relative to the data directory. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What belongs to it and was not read, with the reason: for people. */
  readonly leftOut: readonly string[];
};

/** What has a meaning of its own; all others are named by these. */
const ROOTS = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "server.crt", "server.key"];
/** Settings whose values are files. */
const NAMING =
  /^(hba_file|ident_file|ssl_cert_file|ssl_key_file|ssl_ca_file|ssl_crl_file|ssl_dh_params_file|krb_server_keyfile)$/i;
/** What belongs to one server's data, whatever names it: in the data of another it would be the end of that. */
const DATA =
  /^(base|global|pg_[a-z]+)(\/|$)|^(PG_VERSION|postmaster\..*|.*\.signal|backup_label.*|tablespace_map.*|.*\.(password|pgpass))$/;
const MAX_FILES = 100;
const MAX_FILE_BYTES = 1024 * 1024;

/** What lies elsewhere on the machine is left there, where every server finds it. @throws Error when a file cannot be read */
export async function readConfiguration(dataDir: string): Promise<Configuration> {
  const files = new Map<string, Buffer>();
  const leftOut: string[] = [];
  const waiting = [...ROOTS];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (files.has(path)) continue;
    if (DATA.test(path)) {
      leftOut.push(`${path}, which belongs to the data`);
      continue;
    }
    if (files.size >= MAX_FILES) {
      leftOut.push(`more than ${MAX_FILES} files of configuration`);
      break;
    }
    const bytes = await read(dataDir, path);
    if (typeof bytes === "string") leftOut.push(`${path}, which ${bytes}`);
    if (!Buffer.isBuffer(bytes)) continue;
    files.set(path, bytes);
    for (const { name, isFolder } of namedIn(path, bytes.toString("latin1"))) {
      // Paths of files begin at the file that includes them, those of settings at the data directory.
      const found = relative(dataDir, isAbsolute(name) ? name : join(dataDir, name));
      if (found.startsWith("..")) continue;
      if (isAbsolute(name)) leftOut.push(`${name}, which ${path} names as a file of this one server`);
      waiting.push(...(isFolder ? await settingsIn(dataDir, found) : [found]));
    }
  }
  return { files, leftOut };
}

/**
 * Replaces the files of a configuration by others, whose server is down. Those that are named by others come first, and go last: at
 * every moment those that name them find them.
 */
export async function replaceConfiguration(
  dataDir: string,
  before: Configuration["files"],
  after: Configuration["files"],
  owner: OsUser,
): Promise<void> {
  for (const [path, bytes] of [...after].reverse()) {
    if (before.get(path)?.equals(bytes)) continue;
    if (DATA.test(path) || relative(dataDir, join(dataDir, path)).startsWith(".."))
      throw new Error(`${path} is no file of this cluster.`);
    const folders = dirname(path).split("/");
    for (const [index] of folders.entries()) await makePrivate(join(dataDir, ...folders.slice(0, index + 1)), owner);
    const unfinished = join(dataDir, `${path}.postern-${randomBytes(6).toString("hex")}`);
    try {
      await write(unfinished, bytes, { owner });
      await rename(unfinished, join(dataDir, path));
    } finally {
      await rm(unfinished, { force: true });
    }
  }
  for (const path of before.keys()) {
    if (!after.has(path) && (await isOwnFolder(dataDir, dirname(path)))) await rm(join(dataDir, path), { force: true });
  }
}

export const isSameConfiguration = (one: Configuration["files"], other: Configuration["files"]): boolean =>
  one.size === other.size && [...one].every(([path, bytes]) => other.get(path)?.equals(bytes));

/** Whether a folder below the data directory is really there, and not elsewhere by a symbolic link. One that is missing is. */
async function isOwnFolder(dataDir: string, folder: string): Promise<boolean> {
  const real = await realpath(join(dataDir, folder)).catch(() => undefined);
  return real === undefined || real === join(await realpath(dataDir), folder);
}

type Named = { readonly name: string; readonly isFolder?: boolean };

function namedIn(path: string, text: string): Named[] {
  const folder = dirname(path);
  const beside = (name: string) => (isAbsolute(name) ? name : join(folder, name));
  if (/\.conf$/.test(path) && !/^pg_(hba|ident)\.conf$/.test(basename(path))) {
    return [...text.matchAll(/^[ \t]*(\w+)[ \t]*=?[ \t]*('(?:[^'\n]|'')*'|[^\s#']+)/gm)].flatMap(
      ([, key = "", value = ""]) => {
        const name = value.replace(/^'|'$/g, "").replaceAll("''", "'");
        if (/^include(_if_exists)?$/i.test(key)) return [{ name: beside(name) }];
        if (/^include_dir$/i.test(key)) return [{ name: beside(name), isFolder: true }];
        return NAMING.test(key) && name !== "" ? [{ name }] : [];
      },
    );
  }
  // Lists of users or databases, in the rules for clients.
  const lines = text.split("\n").filter((line) => !line.trimStart().startsWith("#"));
  return lines.flatMap((line) =>
    [...line.matchAll(/(?:^|[\s,"])@"?([^\s,"]+)/g)].map(([, name]) => ({ name: beside(name!) })),
  );
}

/** As PostgreSQL reads a folder of settings. */
async function settingsIn(dataDir: string, folder: string): Promise<string[]> {
  const names = await readdir(join(dataDir, folder)).catch(() => []);
  return names
    .filter((name) => /^[^.].*\.conf$/.test(name))
    .map((name) => join(folder, name))
    .sort();
}

/** @returns undefined where there is none, and why not where it is left out */
async function read(dataDir: string, name: string): Promise<Buffer | string | undefined> {
  const path = join(dataDir, name);
  // The folder is the database user's: what that user may have put there is not followed, nor waited for.
  if (!(await isOwnFolder(dataDir, dirname(name)))) return "lies behind a symbolic link";
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      if (error.code === "ELOOP") return "is a symbolic link";
      throw error;
    },
  );
  if (file === undefined || typeof file === "string") return file;
  try {
    const found = await file.stat();
    if (!found.isFile()) return "is no file";
    if (found.size > MAX_FILE_BYTES) return "is larger than 1 MiB";
    return await file.readFile();
  } finally {
    await file.close();
  }
}
