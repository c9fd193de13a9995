/** npm runs the install scripts of the packages that package.json lists, and of no others: on every platform that is the whole list. */
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
