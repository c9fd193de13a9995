/** Documents that ask for too much: refused by name, with HTTP 400, before a single statement runs. */
import { getIntrospectionQuery } from "graphql";
import { beforeEach, expect, it } from "vitest";
import { type Client, testApp } from "../../support/app.js";

const app = testApp();
/** What was sent for requests; the list of revocations is polled whenever it is time. */
const sent = () => app.statements.filter((text) => !text.includes("revoked_at"));
let admin: Client;

beforeEach(async () => {
  admin = await app.as("admin");
  await admin.run("{ viewer { role } }");
  app.statements.length = 0;
});

const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join(" ");

/** Nested so deep; root fields stand at 0. */
function nested(depth: number): string {
  const names = Array.from({ length: depth - 1 }, (_, n) => ["scans(first: 1)", "nodes", "organization"][n % 3]);
  return `{ organization(id: "1") { ${names.map((name) => `${name} { __typename`).join(" ")} ... { __typename } ${names.length % 3 === 1 ? "totalCount" : "id"} ${"}".repeat(names.length)} } }`;
}

/** A document of so many tokens. */
const tokens = (count: number) =>
  `{ scans(first: 1, filter: { scanType: { notIn: [${times(count - 27 - 983, () => '"a"')}] in: [${times(983, () => '"a"')}] } }) { totalCount } }`;

/** Fragments that each spread the next one twice: 2^levels fields in a few lines. */
const doubling = (levels: number) =>
  `{ organization(id: "1") { ...f1 } } ${times(levels, (n) => `fragment f${n + 1} on Organization { a${n}: id ${n + 1 < levels ? `...f${n + 2} ...f${n + 2}` : ""} }`)}`;

const REFUSED: [string, string, string][] = [
  ["depth", "13 levels", nested(13)],
  [
    "depth",
    "980 levels of fields that do not exist",
    `{ viewer { ${"role { a ".repeat(490)} role ${"}".repeat(490)} } }`,
  ],
  ["depth", "13 levels through fragments", `{ ...q } fragment q on Query ${nested(13)}`],
  ["aliases", "31 aliases", `{ viewer { ${times(31, (n) => `a${n}: role`)} } }`],
  [
    "aliases",
    "31 aliases over fragments",
    `{ viewer { ...f ...g } } fragment f on Viewer { ${times(16, (n) => `a${n}: role`)} } fragment g on Viewer { ${times(15, (n) => `b${n}: role`)} }`,
  ],
  ["rootFields", "21 root fields", `{ ${times(21, () => "viewer { role }")} }`],
  ["rootFields", "21 aliased root fields", `{ ${times(21, (n) => `v${n}: viewer { role }`)} }`],
  [
    "rootFields",
    "21 root fields over fragments",
    `{ ...f ...g } fragment f on Query { ${times(11, () => "viewer { role }")} } fragment g on Query { ... { ${times(10, () => "viewer { role }")} } }`,
  ],
  ["rootFields", "21 mutations", `mutation { ${times(21, () => "signOut { signedOut }")} }`],
  ["tokens", "2,001 tokens", tokens(2001)],
  ["tokens", "many tokens", `{ viewer { ${times(12_000, () => "role")} } }`],
  ["document", "65,537 bytes", `{ viewer { role } } #${"x".repeat(65_516)}`],
  ["document", "65,537 bytes of fewer characters", `{ viewer { role } } #${"é".repeat(32_758)}`],
  ["document", "a million comments", `${"#\n".repeat(300_000)}{ viewer { role } }`],
  ["text", "an alias of 101 characters", `{ viewer { ${"a".repeat(101)}: role } }`],
  ["text", "an operation's name of 101 characters", `query ${"a".repeat(101)} { viewer { role } }`],
  [
    "text",
    "a variable's name of 101 characters",
    `query($${"a".repeat(101)}: ID = "1") { scan(id: $${"a".repeat(101)}) { id } }`,
  ],
  [
    "text",
    "a fragment's name of 101 characters",
    `{ viewer { ...${"f".repeat(101)} } } fragment ${"f".repeat(101)} on Viewer { role }`,
  ],
  ["text", "a field of 60,000 characters, before it is looked for", `{ viewer { ${"a".repeat(60_000)} } }`],
  ["directives", "101 directives", `{ viewer { role ${times(101, () => "@b")} } }`],
  [
    "fragments",
    "51 fragments",
    `{ viewer { ${times(51, (n) => `...f${n}`)} } } ${times(51, (n) => `fragment f${n} on Viewer { role }`)}`,
  ],
  ["rootFields", "280 identical root fields", `{ ${times(280, () => "viewer { role }")} }`],
  ["rootFields", "21 root fields that do not exist", `{ ${times(21, () => "nothing")} }`],
  [
    "selections",
    "280 identical fields below a root field",
    `{ organization(id: "1") { ${times(280, () => "scans { totalCount }")} } }`,
  ],
  [
    "selections",
    "fields that are repeated through fragments",
    `{ organization(id: "1") { ${times(110, () => "...f")} } } fragment f on Organization { name }`,
  ],
  [
    "selections",
    "fields that are repeated on several levels",
    `{ ${times(19, () => `viewer { ${times(19, () => "role")} }`)} }`,
  ],
  [
    "selections",
    "fields that are repeated by another operation",
    `query a { viewer { role } } query b { ${times(120, () => "viewer { role }")} }`,
  ],
  [
    "selections",
    "fields that are repeated in a fragment that is not used",
    `{ viewer { role } } fragment f on Query { ${times(120, () => "viewer { role }")} }`,
  ],
  [
    "selections",
    "fragments that spread all others below them",
    `{ organization(id: "1") { ...f0 } } ${times(14, (n) => `fragment f${n} on Organization { a${n}: scans { nodes { organization { id ${times(14, (m) => (m > n ? `...f${m}` : ""))} } } } }`)}`,
  ],
  ["tokens", "deep brackets", `{ scans(filter: ${"{not:".repeat(12_000)}`],
];

it.each(REFUSED)("refuses by the limit %s: %s", async (limit, _, document) => {
  // The second time it may have been kept.
  for (const _again of [1, 2]) {
    const operationName = document.startsWith("query a ") ? "a" : undefined;
    const { status, code, errors, data } = await admin.run(document, undefined, undefined, operationName);
    expect([status, code, errors?.[0]?.extensions.limit, data ?? null]).toEqual([400, "LIMIT_EXCEEDED", limit, null]);
    expect(errors).toHaveLength(1);
    expect(errors?.[0]?.message).toMatch(/\.$/);
  }
  expect(sent()).toEqual([]);
});

it("refuses doubling fragments", async () => {
  const { status, code, errors } = await admin.run(doubling(25));
  expect([status, code]).toEqual([400, expect.stringMatching(/^(LIMIT_EXCEEDED|GRAPHQL_VALIDATION_FAILED)$/)]);
  if (code === "LIMIT_EXCEEDED") expect(errors?.[0]?.extensions.limit).toMatch(/^(aliases|selections)$/);
  const plain = doubling(25).replaceAll(/a\d+: id/g, "id");
  const other = await admin.run(plain);
  expect([other.status, other.code]).toEqual([
    400,
    expect.stringMatching(/^(LIMIT_EXCEEDED|GRAPHQL_VALIDATION_FAILED)$/),
  ]);
  expect(sent()).toEqual([]);
});

it.each([
  ["a cycle of one", "{ viewer { ...f } } fragment f on Viewer { role ...f }"],
  ["a cycle of two", "{ viewer { ...f } } fragment f on Viewer { ...g } fragment g on Viewer { ...f }"],
  [
    "a cycle below a field",
    "{ scans { ...f } } fragment f on ScanConnection { nodes { organization { scans { ...f } } } }",
  ],
  ["an unknown fragment", "{ viewer { ...nothing } }"],
  ["an unused cycle", "{ viewer { role } } fragment f on Viewer { ...f }"],
  [
    "a cycle of twenty, each of which spreads all others",
    `{ viewer { ...f0 } } ${times(20, (n) => `fragment f${n} on Viewer { ${times(20, (m) => (m === n ? "" : `...f${m}`))} }`)}`,
  ],
  ["a list a thousand deep", `{ scans(filter: { and: ${"[".repeat(980)}${"]".repeat(980)} }) { totalCount } }`],
  ["an unknown field", "{ viewer { nothing } }"],
  ["a page size that is no Int", "{ scans(first: 2147483648) { totalCount } }"],
  ["a duplicate variable", "query($a: ID!, $a: ID!) { scan(id: $a) { id } }"],
])("refuses %s as a fault of the document", async (_, document) => {
  const { status, errors } = await admin.run(document);
  expect(status).toBe(400);
  expect(new Set(errors?.map(({ extensions }) => extensions.code))).toEqual(new Set(["GRAPHQL_VALIDATION_FAILED"]));
  expect(errors?.every(({ extensions }) => typeof extensions.requestId === "string")).toBe(true);
  expect(sent()).toEqual([]);
});

it.each([
  ["12 levels", nested(12)],
  ["30 aliases", `{ viewer { ${times(30, (n) => `a${n}: role`)} } }`],
  ["20 root fields", `{ ${times(20, (n) => `v${n}: viewer { role }`)} }`],
  ["2,000 tokens", tokens(2000)],
  ["65,536 bytes", `{ viewer { role } } #${"x".repeat(65_515)}`],
  [
    "names of 100 characters",
    `query ${"q".repeat(100)} { viewer { ...${"f".repeat(100)} } } fragment ${"f".repeat(100)} on Viewer { ${"a".repeat(100)}: role }`,
  ],
  [
    "50 fragments",
    `{ viewer { ${times(50, (n) => `...f${n}`)} } } ${times(50, (n) => `fragment f${n} on Viewer { role permissions }`)}`,
  ],
  ["100 directives", `{ viewer { ${times(100, () => "role @include(if: true)")} } }`],
  ["what a tool asks of the schema", getIntrospectionQuery()],
])("answers %s", async (_, document) => {
  const { status, errors } = await admin.run(document);
  expect(errors).toBeUndefined();
  expect(status).toBe(200);
});

it("measures the operation that runs, not others of the document", async () => {
  const document = `query small { viewer { role } } query large { ${times(21, (n) => `v${n}: viewer { role }`)} }`;
  const response = async (operationName: string) =>
    fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${admin.token}` },
      body: JSON.stringify({ query: document, operationName }),
    });
  expect((await response("small")).status).toBe(200);
  expect((await response("large")).status).toBe(400);
});

it.each([1, 2])("a body of %i MiB and more is refused, announced or not", async (mebibytes) => {
  const body = `{"query":"{ viewer { role } }","variables":{"a":"${"x".repeat(mebibytes * 1_048_576)}"}}`;
  const headers = { "content-type": "application/json", authorization: `Bearer ${admin.token}` };
  const chunked = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at += 65_536) controller.enqueue(Buffer.from(body.slice(at, at + 65_536)));
      controller.close();
    },
  });
  for (const sent of [body, chunked]) {
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers,
      body: sent,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      errors: [
        {
          message: "Send at most 1048576 bytes.",
          extensions: { code: "LIMIT_EXCEEDED", limit: "body", requestId: response.headers.get("x-request-id") },
        },
      ],
    });
  }
  expect(sent()).toEqual([]);
  const inside = `{"query":"{ viewer { role } }","variables":{"a":"${"x".repeat(1_048_500)}"}}`;
  expect((await fetch(`${app.url}/graphql`, { method: "POST", headers, body: inside })).status).toBe(200);
});
