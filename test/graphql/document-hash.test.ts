/** A document's hash in the log says nothing of its strings, however hostile the text around them is. */
import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { documentHash } from "../../src/graphql/document-hash.js";

const around = (before: string, value: string) => `${before}{ a(email: "a@b.example", password: ${value}) { b } }`;

it.each([
  ["alone", ""],
  ["after a quote in a comment", '# a quote "\n'],
  ["after an escaped quote in a comment", '# "\\\n'],
  ["after a block quote in a comment", '# """\n'],
  ["after a comment within a string", '{ c(d: "# no comment") }\n'],
])("two passwords make one hash: %s", (_, before) => {
  const hashes = ['"hunter2hunter2"', '"correct horse # battery"', '"""a block "of" it"""', '"with \\" a quote"'].map(
    (value) => documentHash(around(before, value)),
  );
  expect(new Set(hashes).size).toBe(1);
});

it("a document without strings has its own hash", () => {
  expect(documentHash("{ a }")).toBe(hash("sha256", "{ a }"));
  expect(documentHash("{ a }", "known")).toBe("known");
});
