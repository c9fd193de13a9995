/** The source as rules about it see it: every file's text and imports, and how a rule is shown to hold and to bite. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = new URL("../../src/", import.meta.url);

/** Texts by path below src. */
export type Files = ReadonlyMap<string, string>;

export const SOURCE: Files = new Map(
  readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => posix.join(entry.parentPath, entry.name).slice(SRC.pathname.length))
    .sort()
    .map((file) => [file, readFileSync(new URL(file, SRC), "utf8")]),
);

export interface Import {
  /** A path below src, or the name of a package. */
  readonly target: string;
  readonly ours: boolean;
  /** Gone when it runs: `import type`. */
  readonly typeOnly: boolean;
}

const STATEMENT =
  /^(?:import|export)(?<type>\s+type)?\s+(?:[\w*{][^"';]*?\s+from\s+)?["'](?<from>[^"']+)["']|\bimport\(\s*["'](?<dynamic>[^"']+)["']\s*\)|\brequire\(\s*["'](?<required>[^"']+)["']\s*\)|createRequire\(import\.meta\.url\)\(\s*["'](?<created>[^"']+)["']/gm;

export function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(STATEMENT)].map(({ groups = {} }) => {
    const from = groups.from ?? groups.dynamic ?? groups.required ?? groups.created ?? "";
    const ours = from.startsWith(".");
    const target = ours ? posix.join(posix.dirname(file), from).replace(/\.js(x?)$/, ".ts$1") : from;
    return { target, ours, typeOnly: groups.type !== undefined };
  });
}

export interface Rule {
  readonly name: string;
  readonly explanation: string;
  offenders(files: Files): string[];
  /** Files of a bad example, and what the rule says of them. */
  readonly bad: readonly (readonly [file: string, text: string])[];
  readonly caught: readonly string[];
}

export function prove(rules: readonly Rule[]): void {
  describe.each(rules)("$name", ({ offenders, explanation, bad, caught }) => {
    it("holds", () => expect(offenders(SOURCE), explanation).toEqual([]));
    it("catches a bad example", () => expect(offenders(new Map(bad))).toEqual(caught));
  });
}
