/** Every table and enum of the source, by the names under which their files export them. */
import { globSync } from "node:fs";

const SRC = new URL("../../src/", import.meta.url);

/** The files that hold tables, as drizzle.config.ts finds them: paths below src. */
export const TABLE_FILES = globSync("**/*.table.ts", { cwd: SRC }).sort();

export const tablesOf = (file: string): Promise<Record<string, unknown>> => import(new URL(file, SRC).pathname);

export const TABLES: Readonly<Record<string, unknown>> = Object.assign(
  {},
  ...(await Promise.all(TABLE_FILES.map(tablesOf))),
);
