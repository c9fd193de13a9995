/** Who may import whom. A type that is imported counts as a value does, but where a rule says otherwise. */
import { expect, it } from "vitest";
import { LAYERS } from "./layers.js";
import type { Layer, Reach } from "./reach.js";
import { ROLES } from "./roles.js";
import { type Files, type Import, importsOf, prove, SOURCE } from "./source.js";

const reaches = (within: readonly Reach[], target: string, file: string) =>
  within.some((reach) => (reach instanceof RegExp ? reach.test(target) : reach(target, file)));

function forbids({ may, types = [], never }: Layer, file: string, { target, ours, typeOnly }: Import) {
  if (!ours) return never?.test(target) ?? false;
  return !reaches(may, target, file) && !(typeOnly && reaches(types, target, file));
}

const layerOf = (file: string) => LAYERS.find(({ files }) => files.test(file));
const rolesOf = (file: string) => ROLES.filter(({ files }) => files.test(file));

const named = ({ target, typeOnly }: Import) => (typeOnly ? `types of ${target}` : target);

const importsByFile = (files: Files) => [...files].map(([file, text]) => ({ file, imports: importsOf(file, text) }));

/** Imports that a layer or a role forbids, and files of no layer. */
function forbiddenImports(files: Files): string[] {
  const all = importsByFile(files).flatMap(({ file, imports }) => {
    const layer = layerOf(file);
    if (!layer) return [`${file} is of no layer`];
    return imports
      .filter((each) => [layer, ...rolesOf(file)].some((rule) => forbids(rule, file, each)))
      .map((each) => `${file} imports ${named(each)}`);
  });
  return [...new Set(all)];
}

/** Files that lead to each other. The tools that find circles read types through an API that TypeScript 7 no longer has. */
function circles(files: Files): string[] {
  const graph = new Map(
    importsByFile(files).map(({ file, imports }) => [
      file,
      imports.filter(({ ours }) => ours).map(({ target }) => target),
    ]),
  );
  const reached = (from: string): ReadonlySet<string> => {
    const found = new Set(graph.get(from));
    for (const each of found) for (const target of graph.get(each) ?? []) found.add(target);
    return found;
  };
  const reach = new Map([...graph.keys()].map((file) => [file, reached(file)]));
  const members = (file: string) => [...reach.get(file)!].filter((each) => reach.get(each)?.has(file));
  return [...new Set([...graph.keys()].map((file) => members(file).sort().join(" and ")))].filter(Boolean);
}

prove([
  {
    name: "each layer imports only what it may",
    explanation: "See layers.ts and roles.ts: what belongs elsewhere moves there, or arrives as an argument.",
    offenders: forbiddenImports,
    bad: [
      ["graphql/a.ts", 'import type { X } from "../modules/data/a/a.table.js";\nimport { y } from "./b.js";'],
      ["modules/data/a/a.store.ts", 'import { x } from "../b/index.js";'],
      ["modules/elsewhere/a/index.ts", ""],
      ["elsewhere/a.ts", ""],
    ],
    caught: [
      "graphql/a.ts imports types of modules/data/a/a.table.ts",
      "modules/data/a/a.store.ts imports modules/data/b/index.ts",
      "modules/elsewhere/a/index.ts is of no layer",
      "elsewhere/a.ts is of no layer",
    ],
  },
  {
    name: "files do not import each other in a circle",
    explanation: "Files in a circle are one file in several parts.",
    offenders: circles,
    bad: [
      ["a.ts", 'import { b } from "./b.js";\nimport "./f.js";'],
      ["b.ts", 'import type { d } from "./d.js";\nexport { c } from "./c.js";'],
      ["c.ts", 'import "./a.js";'],
      ["d.ts", 'export type { e } from "./e.js";'],
      ["e.ts", 'type D = import("./d.js").D;'],
      ["f.ts", ""],
    ],
    caught: ["a.ts and b.ts and c.ts", "d.ts and e.ts"],
  },
]);

it.each([...LAYERS, ...ROLES])("$name: a bad example is caught", (rule) => {
  const [file, text] = rule.bad;
  const imports = importsOf(file, text);
  expect([layerOf(file), ...rolesOf(file)]).toContain(rule);
  expect(imports.filter((each) => forbids(rule, file, each)).map(named)).toEqual(rule.caught);
});

it("sees every file and its imports", () => {
  expect(SOURCE.size).toBeGreaterThan(80);
  const all = [...SOURCE].flatMap(([file, text]) => importsOf(file, text));
  expect(all.filter(({ ours, target }) => ours && !SOURCE.has(target))).toEqual([]);
  const keywords = [...SOURCE.values()].join("\n").match(/^(import|export .* from|\} from) .*["'];?$/gm) ?? [];
  expect(all.length).toBeGreaterThanOrEqual(keywords.length);
});
