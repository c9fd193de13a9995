/** Nothing breaks clients of the last release, unless schema/CHANGELOG.md says so. */
import { readFileSync } from "node:fs";
import { buildSchema, findBreakingChanges } from "graphql";
import { expect, it } from "vitest";

const read = (file: string) => readFileSync(new URL(`../../schema/${file}`, import.meta.url), "utf8");

/** What of the changes breaks clients, and is not announced. */
function unannounced(released: string, current: string, changelog: string): string[] {
  const changes = findBreakingChanges(buildSchema(released), buildSchema(current));
  return changes.map(({ description }) => description).filter((description) => !changelog.includes(`"${description}"`));
}

it("the schema keeps what the last release promised", () => {
  expect(unannounced(read("released.graphql"), read("schema.graphql"), read("CHANGELOG.md"))).toEqual([]);
});

it("names what is gone, and lets pass what is announced", () => {
  const [released, current] = ["type Query { a: Int b: Int! }", "type Query { b: Int }"];
  const broken = ["Query.a was removed.", "Query.b changed type from Int! to Int."];
  expect(unannounced(released, current, "")).toEqual(broken);
  expect(unannounced(released, current, '- "Query.a was removed.": ask for b.')).toEqual(broken.slice(1));
});
