/** The list of files in src/README.md is what the files say first of themselves. `npm run schema` writes it. */
import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");
const LIST = /(?<=\n## Every file\n\n).*/s;

/** The longest comment that is listed as a whole. */
const MAX_WHOLE = 220;

/** @returns what a file says first of itself: its comment, or the first sentence of a long one */
function ownership(path: string): string {
  const comment = /^\/\*\*\s(.*?)\*\//s.exec(read(path))?.[1] ?? "";
  const [paragraph = ""] = comment.split(/\n \*\n/);
  const text = paragraph.replace(/\s*\n?\s\*\s/g, " ").trim();
  return text.length <= MAX_WHOLE ? text : /^.*?[.:](?= [A-Z]|$)/.exec(text)![0].replace(/:$/, ".");
}

function fileList(): string {
  const paths = globSync("src/**/*.{ts,tsx}", { cwd: ROOT });
  const folders = Map.groupBy(paths, (path) => dirname(path));
  const line = (path: string, folder: string) =>
    `- [${path.slice(folder.length + 1)}](${path.slice(4)}): ${ownership(path)}`;
  return [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([folder, files]) =>
        `**${folder}**\n\n${files
          .sort()
          .map((path) => line(path, folder))
          .join("\n")}\n`,
    )
    .join("\n");
}

it("src/README.md lists every file with its first sentence", async () => {
  const readme = read("src/README.md");
  expect(readme).toMatch(LIST);
  await expect(readme.replace(LIST, () => fileList())).toMatchFileSnapshot("../../src/README.md");
});

it("every file says first what it owns", () => {
  const silent = globSync("src/**/*.{ts,tsx}", { cwd: ROOT }).filter((path) => ownership(path) === "");
  expect(silent).toEqual([]);
});
