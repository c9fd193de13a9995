/** Texts in filters that are too long, alone or together: refused by name before a single statement runs. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Answer, type Client, testApp } from "../../support/app.js";

const app = testApp();
/** What was sent for requests; the list of revocations is polled whenever it is time. */
const sent = () => app.statements.filter((text) => !text.includes("revoked_at"));
let admin: Client;

beforeEach(async () => {
  admin = await app.as("admin");
  app.statements.length = 0;
});

function expectRefused({ status, code, errors }: Answer, limit: string, message: RegExp): void {
  expect([status, code, ...new Set(errors?.map(({ extensions }) => extensions.limit))]).toEqual([
    400,
    "LIMIT_EXCEEDED",
    limit,
  ]);
  for (const error of errors!) expect(error.message).toMatch(message);
  expect(sent()).toEqual([]);
}

const text = (characters: number) => "a".repeat(characters);

const PARTS = ["contains", "startsWith", "endsWith"];
const WHOLES = ["eq", "ne", "gt", "gte", "lt", "lte"];
const LISTS = ["in", "notIn"];

/** List, field, operators, how much they take, and how a value of so many characters is made. */
const BOUNDS: [string, string, readonly string[], number, (characters: number) => unknown][] = [
  ["scans", "targetUrl", PARTS, 1000, text],
  ["scans", "scanType", PARTS, 1000, text],
  ["scans", "targetUrl", PARTS, 1000, (characters) => "😀".repeat(characters)],
  ["scans", "scanType", WHOLES, 50, text],
  ["scans", "scanType", WHOLES, 50, (characters) => "😀".repeat(characters)],
  ["scans", "scanType", LISTS, 50, (characters) => ["a", text(characters)]],
  ["scans", "targetUrl", WHOLES, 2048, text],
  ["scans", "targetUrl", LISTS, 2048, (characters) => [text(characters), "a"]],
  ["users", "email", ["eq", "ne"], 254, text],
  ["users", "email", LISTS, 254, (characters) => [text(characters)]],
  ["auditLogs", "requestId", ["eq", "ne"], 36, text],
  ["securityEvents", "metadata", ["contains"], 2048, (characters) => ({ a: text(characters - 8) })],
];

const filterType = (list: string) => `${list.charAt(0).toUpperCase()}${list.slice(1, -1)}Filter`;

describe.each(BOUNDS)("%s, %s", (list, field, operators, most, make) => {
  it.each(operators)("%s", async (operator) => {
    const query = `query($filter: ${filterType(list)}) { ${list}(filter: $filter) { totalCount } }`;
    const ask = (value: unknown) => admin.run(query, { filter: { [field]: { [operator]: value } } });
    const message = new RegExp(`^Give at most ${most} characters to \`filter\\.${field}\\.${operator}\`\\.$`);
    expectRefused(await ask(make(most + 1)), "text", message);
    expect((await ask(make(most))).errors).toBeUndefined();
    // Now the document and the plan are known.
    app.statements.length = 0;
    expectRefused(await ask(make(most + 1)), "text", message);
  });
});

it.each([
  ["in the document", `{ scans(filter: { targetUrl: { contains: "${text(1001)}" } }) { totalCount } }`],
  ["across a relation", `{ scans(filter: { organization: { name: { endsWith: "${text(1001)}" } } }) { totalCount } }`],
  [
    "of a nested page",
    `{ organization(id: "1") { scans(filter: { targetUrl: { contains: "${text(1001)}" } }) { totalCount } } }`,
  ],
])("a part of 1,001 characters %s", async (_, document) => {
  expectRefused(await admin.run(document), "text", /^Give at most 1000 characters to `filter\.\S+`\.$/);
});

it("a part of 1,001 characters in a change by filter, which is on record as failed and changes nothing", async () => {
  const rows = async () => app.sql`select id, version from scans order by id`;
  const records = async () => app.sql`select success from audit_logs where parameters ->> 'mutation' = 'deleteScans'`;
  const before = await rows();
  const change = `mutation($part: String) { deleteScans(input: { filter: { targetUrl: { contains: $part } }, expectedCount: 0 }) { __typename } }`;
  const { status, code, errors } = await admin.run(change, { part: text(1001) });
  expect([status, code, errors?.[0]?.extensions.limit]).toEqual([400, "LIMIT_EXCEEDED", "text"]);
  expect(await rows()).toEqual(before);
  expect(await records()).toEqual([{ success: false }]);
});

it("900 kB to look for are refused at once", async () => {
  const query = "query($part: String) { scans(filter: { targetUrl: { contains: $part } }) { totalCount } }";
  expectRefused(await admin.run(query, { part: text(900_000) }), "filter", /at most 65536 bytes/);
});

describe("the texts of all filters of a request are at most 65,536 bytes", () => {
  const MESSAGE = /^All filters together hold at most 65536 bytes of text\. Ask for less at once\.$/;
  const names = (count: number) => Array.from({ length: count }, (_, n) => `a${n}`);
  /** So many bytes in texts of 2,048. */
  const texts = (bytes: number) => [...Array<string>(Math.floor(bytes / 2048)).fill(text(2048)), text(bytes % 2048)];

  it.each<[string, string, (bytes: number) => Record<string, unknown>]>([
    [
      "of one field",
      "query($v: [String!]) { scans(filter: { targetUrl: { in: $v } }) { totalCount } }",
      (bytes) => ({ v: texts(bytes) }),
    ],
    [
      "in two bytes each",
      "query($v: [String!]) { scans(filter: { targetUrl: { in: $v } }) { totalCount } }",
      (bytes) => ({ v: texts(bytes / 2).map((each) => each.replaceAll("a", "é")) }),
    ],
    [
      "of several root fields",
      `query($f: ScanFilter) { ${names(16)
        .map((name) => `${name}: scans(filter: $f) { totalCount }`)
        .join(" ")} }`,
      (bytes) => ({ f: { and: [{ targetUrl: { in: texts(bytes / 16) } }] } }),
    ],
    [
      "of a page below a root field",
      "query($v: [String!], $w: StringFilter) { scans(filter: { targetUrl: { notIn: $v } }) { nodes { vulnerabilities(filter: { title: $w }) { totalCount } } } }",
      (bytes) => ({ v: texts(bytes - 2048), w: { contains: text(1000), in: [text(1048)] } }),
    ],
    [
      "through fragments, as often as they are spread",
      "query($v: [String!]) { a: organization(id: 1) { ...f } b: organization(id: 2) { ...f } } fragment f on Organization { scans(filter: { targetUrl: { in: $v } }) { totalCount } }",
      (bytes) => ({ v: texts(bytes / 2) }),
    ],
    [
      "beside those in the document",
      `query($v: [String!]) { scans(filter: { targetUrl: { in: $v, eq: "${text(2048)}" } }) { totalCount } }`,
      (bytes) => ({ v: texts(bytes - 2048) }),
    ],
    [
      "with JSON",
      "query($v: [String!], $json: JSON) { scans(filter: { targetUrl: { in: $v } }) { totalCount } securityEvents(filter: { metadata: { contains: $json } }) { totalCount } }",
      (bytes) => ({ v: texts(bytes - 2048), json: { a: text(2040) } }),
    ],
    [
      "of changes",
      `mutation($input: DeleteScansInput!, $filter: ScanFilter!) { a: deleteScans(input: $input) { __typename } b: deleteScans(input: { filter: $filter, expectedCount: 0 }) { __typename } }`,
      (bytes) => {
        const filter = { id: { eq: "0" }, targetUrl: { in: texts(bytes / 2) } };
        return { input: { filter, expectedCount: 0 }, filter };
      },
    ],
  ])("%s", async (_, query, given) => {
    const records = async () => app.sql`select id from audit_logs`;
    const before = await records();
    const refused = await admin.run(query, given(65_568));
    expectRefused(refused, "filter", MESSAGE);
    expect(refused.data ?? null).toBeNull();
    expect(await records()).toEqual(before);
    expect((await admin.run(query, given(65_536))).errors).toBeUndefined();
    app.statements.length = 0;
    expectRefused(await admin.run(query, given(65_568)), "filter", MESSAGE);
  });

  it("but ids, and what is no filter, do not count", async () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `${10n ** 18n + BigInt(n)}`);
    const query = `query($v: [ID!]) { ${names(5)
      .map((name) => `${name}: scans(filter: { id: { in: $v } }) { totalCount }`)
      .join(" ")} }`;
    expect((await admin.run(query, { v: ids })).errors).toBeUndefined();
    const item = { severity: "LOW", vulnType: "a", title: "a", description: text(20_000) };
    const create =
      "mutation($input: CreateVulnerabilitiesInput!) { createVulnerabilities(input: $input) { __typename } }";
    expect((await admin.run(create, { input: { scanId: "1", items: Array(4).fill(item) } })).errors).toBeUndefined();
  });
});

it("an identifier of 256 characters is none, wherever an instance is named, and nothing looks for it", async () => {
  const instance = await admin.run("query($id: ID!) { instance(id: $id) { id } }", { id: text(256) });
  expect([instance.status, instance.code, instance.errors?.[0]?.extensions.field]).toEqual([
    400,
    "BAD_USER_INPUT",
    "id",
  ]);
  expect(sent()).toEqual([]);
  const found = await admin.run("query($id: ID!) { instance(id: $id) { id } }", { id: text(255) });
  expect([found.status, found.data]).toEqual([200, { instance: null }]);
  app.statements.length = 0;
  const reboot = "mutation($id: ID!) { rebootInstance(input: { instanceId: $id }) { __typename } }";
  const { status, code, errors } = await admin.run(reboot, { id: text(256) });
  expect([status, code, errors?.[0]?.extensions.field]).toEqual([400, "BAD_USER_INPUT", "instanceId"]);
  expect(sent().filter((statement) => /instances/.test(statement))).toEqual([]);
});
