/** Signing in stands alone in its operation: nothing multiplies a guess within one request. */
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, testApp } from "../support/app.js";

const app = testApp();

const S = `signIn(input: { email: "${EMAILS.viewer}", password: "${PASSWORD}" }) { viewer { role } }`;
const MESSAGE = "Send `signIn` alone: an operation that holds it has no other root field, and it once.";
const lookUps = () => app.statements.filter((text) => text.includes("password_hash") || text.includes("rate_limits"));

it.each([
  ["aliases", `mutation { a: ${S} b: ${S} }`],
  ["the same field twice", `mutation { ${S} ${S} }`],
  ["another mutation", `mutation { ${S} signOut { signedOut } }`],
  ["another mutation before it", `mutation { signOut { signedOut } ${S} }`],
  ["the type's name", `mutation { ${S} __typename }`],
  ["a fragment", `mutation { ...F a: ${S} } fragment F on Mutation { ${S} }`],
  [
    "fragments in fragments",
    `mutation { ...F } fragment F on Mutation { a: ${S} ...G } fragment G on Mutation { ${S} }`,
  ],
  ["an inline fragment", `mutation { ... { ${S} } ... on Mutation { a: ${S} } }`],
  ["a fragment that is spread twice", `mutation { ...F ...F } fragment F on Mutation { ${S} }`],
  ["directives", `mutation($no: Boolean! = false) { ${S} a: signOut @include(if: $no) { signedOut } }`],
])("refuses it beside %s, before anything is done", async (_name, query) => {
  app.statements.length = 0;
  for (const _time of [1, 2]) {
    const { status, errors, data } = await app.anonymous.run(query);
    expect([status, data, errors!.map(({ message }) => message)]).toEqual([400, undefined, [MESSAGE]]);
    expect(errors![0]!.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "query" });
  }
  expect(lookUps()).toEqual([]);
});

it("the operation that runs counts, and not the others of its document", async () => {
  const two = `mutation A { ${S} } mutation B { a: ${S} b: ${S} } mutation C { ${S} }`;
  for (const name of ["A", "C", "A"]) {
    app.statements.length = 0;
    expect((await app.anonymous.run(two, {}, {}, name)).data).toEqual({ signIn: { viewer: { role: "VIEWER" } } });
    expect(lookUps().filter((text) => /^select .*"password_hash"/.test(text))).toHaveLength(1);
  }
  expect(await app.anonymous.run(two, {}, {}, "B")).toMatchObject({ status: 400, code: "BAD_USER_INPUT" });
});
