/** Reads and replaces the configuration files in a data directory: settings, rules for clients, and the files that these name. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { makePrivateFolder } from "./folder.js";
import type { OsUser } from "./os-user.js";
import { writeOwned } from "./owned-file.js";

export type ConfigFiles = {
  /** The contents of each file, by its path relative to the data directory. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What belongs to the configuration and was not read, with the reason, for people. */
  readonly leftOut: readonly string[];
};

/** The files that PostgreSQL looks for by name. All other files are named by these. */
const WELL_KNOWN_FILES = [
  "postgresql.conf",
  "postgresql.auto.conf",
  "pg_hba.conf",
  "pg_ident.conf",
  "server.crt",
  "server.key",
];
/** Settings whose values are files. */
const FILE_SETTINGS =
  /^(hba_file|ident_file|ssl_cert_file|ssl_key_file|ssl_ca_file|ssl_crl_file|ssl_dh_params_file|krb_server_keyfile)$/i;
/** Files that are data and not configuration, whatever names them. Copied into another data directory they would destroy it. */
const DATA_FILES =
  /^(base|global|pg_[a-z]+)(\/|$)|^(PG_VERSION|postmaster\..*|.*\.signal|backup_label.*|tablespace_map.*|.*\.(password|pgpass))$/;
const MAX_FILES = 100;
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads the configuration files. A file outside the data directory is left there, where every server finds it. @throws Error when a file cannot be read */
export async function readConfigFiles(dataDir: string): Promise<ConfigFiles> {
  const files = new Map<string, Buffer>();
  const leftOut: string[] = [];
  const pending = [...WELL_KNOWN_FILES];
  for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
    if (files.has(path)) continue;
    if (DATA_FILES.test(path)) {
      leftOut.push(`${path}, which belongs to the data`);
      continue;
    }
    if (files.size >= MAX_FILES) {
      leftOut.push(`more than ${MAX_FILES} files of configuration`);
      break;
    }
    const bytes = await readPlainFile(dataDir, path);
    if (typeof bytes === "string") leftOut.push(`${path}, which ${bytes}`);
    if (!Buffer.isBuffer(bytes)) continue;
    files.set(path, bytes);
    for (const { name, isFolder } of referencesIn(path, bytes.toString("latin1"))) {
      // An included file is relative to the file that includes it, the value of a setting to the data directory.
      const target = relative(dataDir, isAbsolute(name) ? name : join(dataDir, name));
      if (target.startsWith("..")) continue;
      if (isAbsolute(name)) leftOut.push(`${name}, which ${path} names as a file of this one server`);
      pending.push(...(isFolder ? await listSettingsFiles(dataDir, target) : [target]));
    }
  }
  return { files, leftOut };
}

/**
 * Replaces the configuration files of a server that is down. A file that others name is written before them and removed after
 * them, so that at every moment each name leads to a file.
 */
export async function replaceConfigFiles(
  dataDir: string,
  before: ConfigFiles["files"],
  after: ConfigFiles["files"],
  owner: OsUser,
): Promise<void> {
  for (const [path, bytes] of [...after].reverse()) {
    if (before.get(path)?.equals(bytes)) continue;
    if (DATA_FILES.test(path) || relative(dataDir, join(dataDir, path)).startsWith(".."))
      throw new Error(`${path} is no file of this cluster.`);
    const folders = dirname(path).split("/");
    for (const [index] of folders.entries())
      await makePrivateFolder(join(dataDir, ...folders.slice(0, index + 1)), owner);
    const unfinished = join(dataDir, `${path}.postern-${randomBytes(6).toString("hex")}`);
    try {
      await writeOwned(unfinished, bytes, owner);
      await rename(unfinished, join(dataDir, path));
    } finally {
      await rm(unfinished, { force: true });
    }
  }
  for (const path of before.keys()) {
    if (!after.has(path) && (await isOwnFolder(dataDir, dirname(path)))) await rm(join(dataDir, path), { force: true });
  }
}

export const areSameConfigFiles = (first: ConfigFiles["files"], second: ConfigFiles["files"]): boolean =>
  first.size === second.size && [...first].every(([path, bytes]) => second.get(path)?.equals(bytes));

/** Whether a folder lies in the data directory itself, and not behind a symbolic link. A missing folder counts as its own. */
async function isOwnFolder(dataDir: string, folder: string): Promise<boolean> {
  const real = await realpath(join(dataDir, folder)).catch(() => undefined);
  return real === undefined || real === join(await realpath(dataDir), folder);
}

type Reference = { readonly name: string; readonly isFolder?: boolean };

function referencesIn(path: string, text: string): Reference[] {
  const folder = dirname(path);
  const beside = (name: string) => (isAbsolute(name) ? name : join(folder, name));
  if (/\.conf$/.test(path) && !/^pg_(hba|ident)\.conf$/.test(basename(path))) {
    return [...text.matchAll(/^[ \t]*(\w+)[ \t]*=?[ \t]*('(?:[^'\n]|'')*'|[^\s#']+)/gm)].flatMap(
      ([, key = "", value = ""]) => {
        const name = value.replace(/^'|'$/g, "").replaceAll("''", "'");
        if (/^include(_if_exists)?$/i.test(key)) return [{ name: beside(name) }];
        if (/^include_dir$/i.test(key)) return [{ name: beside(name), isFolder: true }];
        return FILE_SETTINGS.test(key) && name !== "" ? [{ name }] : [];
      },
    );
  }
  // In the rules for clients, `@name` is a file that lists users or databases.
  const lines = text.split("\n").filter((line) => !line.trimStart().startsWith("#"));
  return lines.flatMap((line) =>
    [...line.matchAll(/(?:^|[\s,"])@"?([^\s,"]+)/g)].map(([, name]) => ({ name: beside(name!) })),
  );
}

/** Lists the files of an `include_dir` in the order in which PostgreSQL reads them. */
async function listSettingsFiles(dataDir: string, folder: string): Promise<string[]> {
  const names = await readdir(join(dataDir, folder)).catch(() => []);
  return names
    .filter((name) => /^[^.].*\.conf$/.test(name))
    .map((name) => join(folder, name))
    .sort();
}

/** @returns the contents, undefined where there is no such file, or a text that says why the file is left out */
async function readPlainFile(dataDir: string, name: string): Promise<Buffer | string | undefined> {
  const path = join(dataDir, name);
  // The database's user owns the folder, so links are not followed and pipes are not waited for.
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
    const stats = await file.stat();
    if (!stats.isFile()) return "is no file";
    if (stats.size > MAX_FILE_BYTES) return "is larger than 1 MiB";
    return await file.readFile();
  } finally {
    await file.close();
  }
}
