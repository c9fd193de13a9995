/** The README fits on a few screens, its table of variables is what src/config.ts reads, and every README's links lead somewhere. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SECRET_VARIABLES, VARIABLES } from "../../src/config.js";

const NAME = /^`([A-Z][A-Z0-9_]*)`$/;

type Table = { readonly head: string[]; readonly rows: string[][] };

/** Cells of a markdown row; an escaped bar is text. */
const cellsOf = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

function tablesOf(markdown: string): Table[] {
  const blocks = markdown.split(/\n(?!\s*\|)/).map((block) => block.split("\n").filter((line) => /^\s*\|/.test(line)));
  return blocks
    .filter((lines) => lines.length > 2 && /^[\s|:-]+$/.test(lines[1] ?? ""))
    .map(([head = "", , ...rows]) => ({ head: cellsOf(head), rows: rows.map(cellsOf) }));
}

/** Tables of variables: those whose first column names at least one. Other tables may name codes and roles. */
const variablesOf = (markdown: string, known: readonly string[]) =>
  tablesOf(markdown).filter(({ rows }) => rows.some(([first = ""]) => known.includes(NAME.exec(first)?.[1] ?? "")));

/** The default as text; null where there is none, so that the README may say in words what happens without a value. */
function defaultOf(variable: { safeParse(value: undefined): { success: boolean; data?: unknown } }): string | null {
  // Where JSON stands for more, the default is its text.
  const { defaultValue } = (variable as { def?: { defaultValue?: unknown } }).def ?? {};
  if (typeof defaultValue === "string" && /^[{[]/.test(defaultValue)) return defaultValue;
  const { data } = variable.safeParse(undefined);
  if (data === undefined) return null;
  return Array.isArray(data) ? data.join(",") : String(data);
}

/** What is wrong with the tables of a README. */
function faults(markdown: string, variables: Readonly<Record<string, Parameters<typeof defaultOf>[0]>>): string[] {
  const known = Object.keys(variables);
  const tables = variablesOf(markdown, known);
  const rows = tables.flatMap(({ head, rows }) => {
    const at = head.findIndex((title) => /default/i.test(title));
    return rows.map((cells) => ({
      name: NAME.exec(cells[0] ?? "")?.[1] ?? cells[0]!,
      value: cells[at],
      hasDefaults: at > 0,
    }));
  });
  const names = rows.map(({ name }) => name);
  return [
    ...known.filter((name) => !names.includes(name)).map((name) => `${name} is missing`),
    ...names.filter((name) => !known.includes(name)).map((name) => `${name} is no variable`),
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} is there twice`),
    ...rows
      .filter(({ name }) => known.includes(name))
      .flatMap(({ name, value = "", hasDefaults }) => {
        if (!hasDefaults) return [`${name} stands in a table without a column of defaults`];
        const wanted = defaultOf(variables[name]!);
        const code = /^`([^`]*)`$/.exec(value)?.[1];
        // No default, or an empty one: words or a dash, but no value.
        if (wanted === null || wanted === "") return code ? [`${name} has no default ${code}`] : [];
        return code === wanted ? [] : [`${name} defaults to ${wanted}, not ${value}`];
      }),
  ];
}

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
const anchorsOf = (markdown: string) => [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));

/** @returns the relative links of a file that lead nowhere */
function brokenLinks(path: string, markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return links.filter((link) => {
    if (/^\w+:/.test(link)) return false;
    const [file, anchor] = link.split("#") as [string, string | undefined];
    const source = new URL(path, ROOT);
    const target = file ? new URL(file, source) : source;
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(target, "utf8")).includes(anchor);
  });
}

it("names every variable once, with its default", () => {
  expect(faults(read("README.md"), VARIABLES)).toEqual([]);
});

it("names the secrets, which may be given as files", () => {
  const [, named = ""] = /Secrets \(([^)]*)\)\s+may be given as files/.exec(read("README.md"))!;
  expect([...named.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(SECRET_VARIABLES);
  expect(SECRET_VARIABLES).toHaveLength(6);
});

it("has at most 200 lines", () => {
  expect(read("README.md").split("\n").length).toBeLessThanOrEqual(200);
});

it("links of every README, and of all of deploy, lead somewhere", () => {
  const files = ["README.md", ...globSync("{{src,schema,test}/**/README,deploy/*}.md", { cwd: ROOT.pathname })];
  const paths = files.filter((path) => !path.includes("node_modules"));
  expect(paths).toEqual(
    expect.arrayContaining(["README.md", "src/README.md", "deploy/runbook.md", "deploy/clients.md"]),
  );
  expect(paths.flatMap((path) => brokenLinks(path, read(path)).map((link) => `${path}: ${link}`))).toEqual([]);
  expect(brokenLinks("src/README.md", "[a](#words) [b](#none)")).toEqual(["#none"]);
  expect(brokenLinks("README.md", "[a](nothing.md) [b](README.md#none) [c](#none) [d](src/README.md#words)")).toEqual([
    "nothing.md",
    "README.md#none",
    "#none",
  ]);
});

describe("faults that it catches", () => {
  const picked = (...names: string[]) => Object.fromEntries(names.map((name) => [name, VARIABLES[name]!]));
  const variables = picked("HOST", "PORT", "CORS_ORIGINS", "DATABASE_URL");
  const table = (...rows: string[]) =>
    `# X\n\n| Variable | Default | Meaning |\n|---|:--|---|\n${rows.join("\n")}\n\nText.\n`;
  const GOOD = [
    "| `HOST` | `127.0.0.1` | a |",
    "| `PORT` | `4000` | b |",
    "| `CORS_ORIGINS` | none | c \\| d |",
    "| `DATABASE_URL` |  | e |",
  ];

  it("of JSON the text is the default", () => {
    const local = picked("LOCAL_INSTANCES");
    expect(faults(table("| `LOCAL_INSTANCES` | `[]` | a |"), local)).toEqual([]);
    expect(faults(table("| `LOCAL_INSTANCES` | none | a |"), local)).toEqual([
      "LOCAL_INSTANCES defaults to [], not none",
    ]);
  });
  it("none in a good one, beside tables of other things", () => {
    expect(faults(`${table(...GOOD)}\n| code | HTTP |\n|---|---|\n| \`NOT_FOUND\` | 404 |\n`, variables)).toEqual([]);
  });
  it.each([
    [table(...GOOD.slice(1)), ["HOST is missing"]],
    [table(...GOOD, "| `HOSTS` | | |"), ["HOSTS is no variable"]],
    [table(...GOOD, GOOD[0]!), ["HOST is there twice"]],
    [table(...GOOD.slice(1), "| `HOST` | `0.0.0.0` | a |"), ["HOST defaults to 127.0.0.1, not `0.0.0.0`"]],
    [table(...GOOD.slice(0, 3), "| `DATABASE_URL` | `x` | a |"), ["DATABASE_URL has no default x"]],
    ["", ["HOST is missing", "PORT is missing", "CORS_ORIGINS is missing", "DATABASE_URL is missing"]],
  ])("%#", (markdown, caught) => expect(faults(markdown, variables)).toEqual(caught));
});
