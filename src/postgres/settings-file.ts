/** Writes the settings file of a cluster, beside its data: copies of the data do not have it, and a reload puts it in force. */
import { createHash, randomBytes } from "node:crypto";
import { access, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../durability.js";
import type { OsUser } from "./os-user.js";
import { writeOwned } from "./owned-file.js";

type Settings = Readonly<Record<string, string | number>>;

/** The later of these counts: the defaults, postgresql.conf, the overrides, ALTER SYSTEM, arguments of the server. */
export type FileSettings = {
  /** These count where postgresql.conf says nothing. */
  readonly defaults: Settings;
  /** These count whatever postgresql.conf says. */
  readonly overrides: Settings;
};

const NAME = "postern.conf";
const HEAD = "# Postern writes this file. Change data/postgresql.conf, or use ALTER SYSTEM.";

/** @returns the value in quotes, as the parser of PostgreSQL reads it */
const quoted = (value: string | number) => `'${String(value).replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

const linesOf = (settings: Settings): string[] =>
  Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`);

/** The setting by which a server tells which overrides it has read. */
export const SETTINGS_MARK = "postern.settings";

/** @returns the value of that setting for these overrides */
export const settingsMark = (overrides: Settings): string =>
  createHash("sha256")
    .update(JSON.stringify(Object.entries(overrides)))
    .digest("hex");

/** @returns the path of the settings file of a cluster in this folder */
export const settingsFileOf = (folder: string): string => join(folder, NAME);

/** @returns the arguments that have a server read the settings file */
export const settingsFileArgs = (folder: string): string[] => ["-c", `config_file=${settingsFileOf(folder)}`];

/** @returns these arguments, none where the cluster was last started without a settings file */
export const settingsFileArgsIfPresent = (folder: string): Promise<string[]> =>
  access(join(folder, NAME)).then(
    () => settingsFileArgs(folder),
    () => [],
  );

/** Replaces the settings file as a whole. @param folder the cluster's folder, in which `data` lies */
export async function writeSettingsFile(
  folder: string,
  { defaults, overrides }: FileSettings,
  owner: OsUser,
): Promise<void> {
  const lines = [
    HEAD,
    ...linesOf(defaults),
    "include 'data/postgresql.conf'",
    ...linesOf(overrides),
    ...linesOf({ [SETTINGS_MARK]: settingsMark(overrides) }),
  ];
  const unfinished = join(folder, `${NAME}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeOwned(unfinished, `${lines.join("\n")}\n`, owner);
    await rename(unfinished, join(folder, NAME));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(folder);
}
