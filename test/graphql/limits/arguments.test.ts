/** Arguments that ask for too much or make no sense: the right code, the right place, and nothing runs. */
import { beforeEach, expect, it } from "vitest";
import { type Client, testApp } from "../../support/app.js";

const app = testApp();
/** What was sent for requests; the list of revocations is polled whenever it is time. */
const sent = () => app.statements.filter((text) => !text.includes("revoked_at"));
let admin: Client;

beforeEach(async () => {
  admin = await app.as("admin");
  app.statements.length = 0;
});

const SCANS = `query($first: Int, $last: Int, $after: String, $before: String, $filter: ScanFilter, $orderBy: [ScanOrder!]) {
  scans(first: $first, last: $last, after: $after, before: $before, filter: $filter, orderBy: $orderBy) {
    nodes { id } pageInfo { endCursor } } }`;

const conditions = (count: number) => ({ and: Array.from({ length: count }, () => ({ id: { ne: "0" } })) });
const negations = (depth: number, inner = '{"id":{"eq":"1"}}') =>
  `${'{"not":'.repeat(depth)}${inner}${"}".repeat(depth)}`;

interface Refused {
  readonly what: string;
  readonly given: Record<string, unknown>;
  readonly code?: string;
  readonly detail: Record<string, string>;
}
const limit = (what: string, given: Record<string, unknown>, name: string): Refused => ({
  what,
  given,
  code: "LIMIT_EXCEEDED",
  detail: { limit: name },
});
const input = (what: string, given: Record<string, unknown>, field: string): Refused => ({
  what,
  given,
  code: "BAD_USER_INPUT",
  detail: { field },
});

it.each([
  limit("a page of 101", { first: 101 }, "pageSize"),
  limit("a page of 99,999,999", { first: 99_999_999 }, "pageSize"),
  limit("a last page of 101", { last: 101 }, "pageSize"),
  input("first -1", { first: -1 }, "first"),
  input("last -1", { last: -1 }, "last"),
  input("first and last", { first: 1, last: 1 }, "last"),
  input("first 2^31", { first: 2 ** 31 }, "first"),
  input("first as text", { first: "10" }, "first"),
  input("first 1.5", { first: 1.5 }, "first"),
  limit("101 conditions", { filter: conditions(101) }, "filter"),
  limit("10,000 values", { filter: { id: { in: Array.from({ length: 10_000 }, (_, n) => `${n}`) } } }, "filter"),
  limit("10,000 empty alternatives", { filter: { or: Array(10_000).fill({}) } }, "filter"),
  limit(
    "6 terms of order",
    { orderBy: ["ID", "STATUS", "SCAN_TYPE", "TARGET_URL", "CREATED_AT", "STARTED_AT"].map((field) => ({ field })) },
    "orderBy",
  ),
  input("a malformed id in a filter", { filter: { id: { eq: "hunter2" } } }, "filter.id.eq"),
  input("a malformed id in a list", { filter: { id: { in: ["1", "hunter2"] } } }, "filter.id.in"),
  input("null for a condition", { filter: { scanType: { eq: null } } }, "filter.scanType.eq"),
  input("null for alternatives", { filter: { or: null } }, "filter.or"),
  input("an unknown operator", { filter: { scanType: { like: "a" } } }, "scanType.like"),
  input("an unknown field", { filter: { hunter2: { eq: "a" } } }, "hunter2"),
  input("an unknown order", { orderBy: [{ field: "HUNTER2" }] }, "0.field"),
  input("no direction", { orderBy: [{ field: "ID", direction: null }] }, "0.direction"),
  input("a NUL in a filter", { filter: { scanType: { eq: "a\0" } } }, "filter.scanType.eq"),
  input("a lone surrogate in a list", { filter: { scanType: { in: ["a", "\ud800"] } } }, "filter.scanType.in.1"),
  input(
    "a moment beyond PostgreSQL's zones",
    { filter: { startedAt: { gt: "2026-01-01T00:00:00+16:00" } } },
    "startedAt.gt",
  ),
  input("no moment", { filter: { startedAt: { gt: "2026-01-01T24:00:00Z" } } }, "startedAt.gt"),
])("refuses $what", async ({ given, code, detail }) => {
  const { status, errors, data } = await admin.run(SCANS, given);
  expect(errors).toHaveLength(1);
  expect([status, errors?.[0]?.extensions.code, data?.scans ?? null]).toEqual([400, code, null]);
  const { field = "", ...others } = errors![0]!.extensions as Record<string, string>;
  // Variables are named from the variable down, arguments from the argument down.
  if (detail.field) expect(field.endsWith(detail.field)).toBe(true);
  else expect(others).toMatchObject(detail);
  expect(JSON.stringify(errors)).not.toContain("hunter2 ");
  expect(sent()).toEqual([]);
});

it("nests filters 50 deep, or says that this is too deep", async () => {
  const filter = JSON.parse(negations(50));
  const { status, code, errors } = await admin.run(SCANS, { filter });
  if (errors) expect([status, code, errors[0]?.extensions.limit]).toEqual([400, "LIMIT_EXCEEDED", "filter"]);
  else expect(status).toBe(200);
});

const RECORD = `mutation($input: RecordSecurityEventInput!) { recordSecurityEvent(input: $input) { __typename } }`;

/** Raw, because JSON.stringify itself gives up on such depths. */
async function raw(body: string, token = admin.token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${app.url}/graphql`, { method: "POST", headers, body });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return [response.status, errors?.[0]?.extensions.code];
}

it.each([2000, 20_000, 100_000])("a filter %i deep is refused, and no fault of ours", async (depth) => {
  const body = `{"query":${JSON.stringify(SCANS)},"variables":{"filter":${negations(depth)}}}`;
  expect(await raw(body)).toEqual([400, expect.stringMatching(/^(LIMIT_EXCEEDED|BAD_USER_INPUT)$/)]);
  expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
});

it.each([5000, 100_000])(
  "JSON %i deep is refused, recorded once for whom is signed in, and no fault of ours",
  async (depth) => {
    app.log.length = 0;
    const records = async () =>
      (await app.sql`select id from audit_logs where action = 'security-event.record'`).length;
    const before = await records();
    const metadata = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const body = `{"query":${JSON.stringify(RECORD)},"variables":{"input":{"eventType":"a","eventStatus":"SUCCESS","metadata":${metadata}}}}`;
    const codes = expect.stringMatching(/^(LIMIT_EXCEEDED|BAD_USER_INPUT)$/);
    expect.soft(await raw(body)).toEqual([400, codes]);
    expect
      .soft(await raw(body, null))
      .toEqual([expect.any(Number), expect.stringMatching(/^(LIMIT_EXCEEDED|BAD_USER_INPUT|UNAUTHENTICATED)$/)]);
    expect.soft(await records()).toBeLessThanOrEqual(before + 1);
    expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
  },
);

it("variables of very many values are refused before they are parsed, and commas in texts are none", async () => {
  const body = (values: string) => `{"query":"{ __typename }","variables":{"a":${values}`;
  // Never ended: whoever parsed it would find that first.
  const keys = (count: number) => Array.from({ length: count }, (_, n) => `"k${n}\\\\":${n}`).join();
  for (const values of [`[${"1,".repeat(20_001)}`, `{${keys(20_001)}`]) {
    expect(await raw(body(values))).toEqual([400, "LIMIT_EXCEEDED"]);
  }
  for (const values of [`[${"1,".repeat(19_996)}1]}}`, `${JSON.stringify('",\\,'.repeat(30_000))}}}`]) {
    expect(await raw(body(values))).toEqual([200, undefined]);
  }
  expect(await raw(body(`[${"1,".repeat(19_998)}1]}}`))).toEqual([400, "LIMIT_EXCEEDED"]);
});

it.each([
  ["an argument", `query($id: ID = "5") { scan(id: $id) { id } }`, { id: null }],
  [
    "an input",
    `mutation($input: DeleteScanInput = { id: "1" }) { deleteScan(input: $input) { deletedScanId } }`,
    { input: null },
  ],
  ["a field of an input", `mutation($id: ID = "1") { deleteScan(input: { id: $id }) { deletedScanId } }`, { id: null }],
  [
    "a term of order",
    `query($f: ScanOrderField = ID) { scans(orderBy: [{ field: $f }]) { nodes { id } } }`,
    { f: null },
  ],
  ["a directive", `query($b: Boolean = true) { viewer { role @include(if: $b) } }`, { b: null }],
])("null for %s that has a default and must have a value is the caller's fault", async (_, document, variables) => {
  const before = await app.sql`select count(*)::int as n from scans`;
  const { status, code } = await admin.run(document, variables);
  expect([status, code]).toEqual([400, "BAD_USER_INPUT"]);
  expect(await app.sql`select count(*)::int as n from scans`).toEqual(before);
});

it("refuses pages whose product is too large, and counts what other root fields ask for", async () => {
  const cube = `organizations(first: 100) { nodes { scans(first: 100) { nodes { vulnerabilities(first: 100) { nodes { id } } } } } }`;
  const half = (name: string) =>
    `${name}: scans(first: 100) { nodes { vulnerabilities(first: 100) { nodes { id scan { id } } } } }`;
  for (const document of [`{ ${cube} }`, `{ ${"abcdef".split("").map(half).join(" ")} }`]) {
    const { status, errors } = await admin.run(document);
    expect(status).toBe(400);
    for (const error of errors ?? []) expect(error.extensions).toMatchObject({ code: "LIMIT_EXCEEDED", limit: "cost" });
  }
  expect(sent()).toEqual([]);
});

it("refuses cursors that are none, not of this list, not of this order, or tampered with", async () => {
  const cursorOf = async (document: string) =>
    Object.values((await admin.run(document)).data as object)[0].pageInfo.endCursor;
  const own = await cursorOf("{ scans(first: 1) { pageInfo { endCursor } } }");
  const foreign = await cursorOf("{ users(first: 1) { pageInfo { endCursor } } }");
  const ordered = await cursorOf("{ scans(first: 1, orderBy: [{ field: SCAN_TYPE }]) { pageInfo { endCursor } } }");
  const parts = JSON.parse(Buffer.from(own, "base64url").toString()) as string[];
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const [signature, moment, id] = parts;
  const bad = [
    "",
    "garbage",
    "\u00e9\ud83d\ude00",
    "x".repeat(10_000),
    foreign,
    ordered,
    encoded(null),
    encoded({}),
    encoded([]),
    encoded([signature]),
    encoded([signature, moment]),
    encoded([signature, moment, id, id]),
    encoded([signature, id, moment]),
    encoded([signature, "2026-13-45T00:00:00.000000Z", id]),
    encoded([signature, null, id]),
    encoded([signature, moment, "1' or '1'='1"]),
    encoded([signature, moment, Number(id)]),
    encoded([signature, moment, "9223372036854775808"]),
    encoded([signature, "0000-01-01T00:00:00Z", id]),
  ];
  app.statements.length = 0;
  for (const [argument, cursor] of [...bad.map((each) => ["after", each]), ...bad.map((each) => ["before", each])] as [
    string,
    string,
  ][]) {
    const { status, code, errors } = await admin.run(SCANS, { [argument]: cursor });
    expect([status, code, errors?.[0]?.extensions.field], `${argument} ${cursor.slice(0, 50)}`).toEqual([
      400,
      "BAD_USER_INPUT",
      argument,
    ]);
  }
  expect(sent()).toEqual([]);
  expect((await admin.run(SCANS, { after: own, first: 100 })).data.scans.nodes).toHaveLength(59);
});
