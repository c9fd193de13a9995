/**
 * What package.json must say: npm runs the install scripts of the packages that it lists, and of no others, so on every platform that is
 * the whole list; and its own scripts run nothing that may not be there.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));

interface Locked {
  readonly hasInstallScript?: true;
}

/** Packages with an install script that nobody has decided about, and decisions about packages without one. */
function undecided(packages: Readonly<Record<string, Locked>>, decided: Readonly<Record<string, boolean>>): string[] {
  const scripted = Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length));
  return [
    ...[...new Set(scripted)].filter((name) => !(name in decided)).map((name) => `${name} is not in allowScripts`),
    ...Object.keys(decided)
      .filter((name) => !scripted.includes(name))
      .map((name) => `${name} has no install script`),
  ];
}

it("allowScripts decides about every package of the lock file that has an install script", () => {
  expect(undecided(read("package-lock.json").packages, read("package.json").allowScripts)).toEqual([]);
});

it("catches a platform that was left out, and a package that is gone", () => {
  const packages = { "node_modules/a": { hasInstallScript: true }, "node_modules/b/node_modules/c": {} } as const;
  expect(undecided(packages, { c: true })).toEqual(["a is not in allowScripts", "c has no install script"]);
});

/** The scripts that run what is built, and do not build it before. */
const unbuilt = (scripts: Readonly<Record<string, string>>): string[] =>
  Object.keys(scripts).filter((name) => /^(?!.*\btsc -p tsconfig\.json\b.*\bdist\/).*\bdist\//.test(scripts[name]!));

it("each script that runs what is built builds it first", () => {
  expect(unbuilt(read("package.json").scripts)).toEqual([]);
});

it("catches a script that runs what nothing may have built", () => {
  const scripts = { a: "exec node dist/a.js", b: "tsc -p tsconfig.json && node dist/b.js", c: "exec node src/c.ts" };
  expect(unbuilt(scripts)).toEqual(["a"]);
});
