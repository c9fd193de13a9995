/** Bad pages, ids, orders and groups of reads: a 400 code with the place, no value given away, nothing changed. */
import { describe, expect, it } from "vitest";
import { SPECIMENS } from "../../specimens/index.js";
import { nodeIdOf } from "../../specimens/specimen.js";
import { BAD, below, chunks, limit, type, useUnchangedApp, value } from "../../support/bad-values.js";
import { type Bad, expectRefused, type Place, SECRET, send, word } from "./bad-reads.js";

const { app, queries, spread } = useUnchangedApp();

const SIZES: Bad[] = [
  value("-1", -1),
  value("-2^31", -(2 ** 31)),
  limit("101", 101, "pageSize"),
  limit("99,999,999", 99_999_999, "pageSize"),
  limit("2^31 - 1", 2 ** 31 - 1, "pageSize"),
  ...BAD.Int!,
];

describe("pages", () => {
  const parents = { "": "", nested: "organization(id: 1) { ", deep: "scans(first: 1) { nodes { organization { " };
  it.each(Object.entries(parents))("sizes %s", async (_, parent) => {
    const end = " }".repeat(parent.split("{").length - 1);
    for (const name of ["first", "last"]) {
      const place: Place = {
        name,
        type: "Int",
        document: (text) => `{ ${parent}scans(${name}: ${text}) { totalCount }${end} }`,
      };
      for (const bad of SIZES) await expectRefused(app, place, bad);
    }
  });

  it("first and last at once", async () => {
    const documents = ["first: 1, last: 1", "first: $one, last: $one", "first: 0, last: 0", "last: 1, first: $one"].map(
      (both) =>
        `query($one: Int = 1) { scans(${both}) { totalCount } a: scans(first: $one) @skip(if: true) { totalCount } }`,
    );
    for (const document of documents) {
      const { status, codes, errors } = await send(app, "admin", document);
      expect([status, ...codes, errors[0]?.extensions.field]).toEqual([400, "BAD_USER_INPUT", "last"]);
    }
  });
});

it("ids of every root field", async () => {
  const ones = queries().filter(({ args }) => args.some(({ name }) => name === "id"));
  const cases = ones.flatMap(({ name }, turn) => {
    const place: Place = { name: "id", type: "ID!", document: (text) => `{ ${name}(id: ${text}) { id } }` };
    // An instance has a name too.
    return spread(BAD.ID!, turn)
      .filter(({ what }) => name !== "instance" || what !== "no key")
      .map((bad): [Place, Bad] => [place, bad]);
  });
  expect(cases.length).toBeGreaterThan(2 * ones.length);
  for (const each of chunks(cases)) await Promise.all(each.map(([place, bad]) => expectRefused(app, place, bad)));
});

it("node ids", async () => {
  const places: Place[] = [
    { name: "nodeId", type: "ID!", document: (text) => `{ node(nodeId: ${text}) { nodeId } }` },
    { name: "nodeIds", type: "[ID!]!", document: (text) => `{ nodes(nodeIds: ${text}) { nodeId } }` },
  ];
  for (const bad of BAD.ID!) {
    await expectRefused(app, places[0]!, bad);
    const item = below(["[]"], bad);
    await expectRefused(app, places[1]!, { ...item, at: bad.kind === "type" ? "0" : "nodeIds.0" });
  }
  await expectRefused(app, places[1]!, limit("101", Array(101).fill(nodeIdOf(SPECIMENS.Scan, 1)), "pageSize"));
});

describe("order", () => {
  const place: Place = {
    name: "orderBy",
    type: "[ScanOrder!]",
    document: (text) => `{ scans(orderBy: ${text}) { totalCount } }`,
  };
  const terms = (...names: string[]) => names.map((name) => ({ field: word(name) }));
  it.each([
    type("no such field", terms(SECRET), "0.field"),
    type("a field as text with NUL", [{ field: "ID\0" }], "0.field"),
    type("a related list", terms("VULNERABILITIES_ID"), "0.field"),
    type("a field two relations away", terms("ORGANIZATION_USERS_ID"), "0.field"),
    type("no such direction", [{ field: word("ID"), direction: word("UP") }], "0.direction"),
    type("no direction", [{ field: word("ID"), direction: null }], "0.direction"),
    type("no such nulls", [{ field: word("ID"), nulls: word("MIDDLE") }], "0.nulls"),
    type("no field", [{}], "0.field"),
    type("null for a term", [null], "0"),
    type("a text", SECRET, ""),
    limit("six terms", terms("ID", "STATUS", "SCAN_TYPE", "TARGET_URL", "CREATED_AT", "ORGANIZATION_NAME"), "orderBy"),
    limit("1,000 terms", terms(...Array(300).fill("ID")), "orderBy"),
  ])("$what", (bad) => expectRefused(app, place, bad));
});

describe("groups", () => {
  const by: Place = {
    name: "by",
    type: "[ScanGroupBy!]!",
    document: (text) => `{ scans { groups(by: ${text}) { aggregate { count } } } }`,
  };
  const terms = (...names: string[]) => names.map((name) => ({ field: word(name) }));
  it.each([
    value("nothing", [], ""),
    limit("six terms", terms("STATUS", "SCAN_TYPE", "TARGET_URL", "STARTED_AT", "CREATED_AT", "ORGANIZATION_ID"), "by"),
    value("one twice", terms("STATUS", "SCAN_TYPE", "STATUS"), "by.2.field"),
    value("a bucket of a text", [{ field: word("TARGET_URL"), bucket: word("DAY") }], "by.0.bucket"),
    value("a bucket of a number", [{ field: word("VULNERABILITIES_FOUND"), bucket: word("DAY") }], "by.0.bucket"),
    value("a bucket of an id", [{ field: word("ORGANIZATION_ID"), bucket: word("WEEK") }], "by.0.bucket"),
    type("no such bucket", [{ field: word("STARTED_AT"), bucket: word("YEAR") }], "0.bucket"),
    type("no such field", terms(SECRET), "0.field"),
    type("the id", terms("ID"), "0.field"),
    type("null", null, ""),
    type("null for a term", [null], "0"),
  ])("by $what", (bad) => expectRefused(app, by, bad));

  it("sizes", async () => {
    const first: Place = {
      name: "first",
      type: "Int",
      document: (text) => `{ scans { groups(by: [{ field: STATUS }], first: ${text}) { aggregate { count } } } }`,
    };
    const sizes = SIZES.filter(({ value }) => value !== 101).concat(limit("1,001", 1001, "pageSize"));
    for (const bad of sizes) await expectRefused(app, first, bad);
    const largest: Place = {
      name: "largestFirst",
      type: "Boolean! = false",
      document: (text) =>
        `{ scans { groups(by: [{ field: STATUS }], largestFirst: ${text}) { aggregate { count } } } }`,
    };
    for (const bad of BAD.Boolean!) await expectRefused(app, largest, bad);
  });

  it("more than the objects of one request", async () => {
    const { status, codes, errors } = await send(
      app,
      "admin",
      `{ organizations(first: 100) { nodes { scans { groups(by: [{ field: STATUS }], first: 1000) { aggregate { count } } } } } }`,
    );
    expect([status, ...codes, errors[0]?.extensions.limit]).toEqual([400, "LIMIT_EXCEEDED", "cost"]);
  });
});

describe("null where a default stands for what is left out", () => {
  const CASES: [declared: string, selection: string, field: RegExp][] = [
    ["$v: ScanOrderField = ID", "scans(orderBy: [{ field: $v }]) { totalCount }", /^orderBy(.0.field)?$/],
    [
      "$v: OrderDirection = ASC",
      "scans(orderBy: [{ field: ID, direction: $v }]) { totalCount }",
      /^orderBy(.0.direction)?$/,
    ],
    ["$v: ScanOrder = { field: ID }", "scans(orderBy: [$v]) { totalCount }", /^orderBy(.0)?$/],
    ['$v: String = "a"', "scans(filter: { scanType: { in: [$v] } }) { totalCount }", /^filter(.scanType.in.0)?$/],
    ['$v: ID = "1"', 'scans(filter: { id: { notIn: ["2", $v] } }) { totalCount }', /^filter(.id.notIn.1)?$/],
    ["$v: ScanStatus = FAILED", "scans(filter: { status: { in: [$v] } }) { totalCount }", /^filter(.status.in.0)?$/],
    ["$v: ScanFilter = {}", "scans(filter: { and: [{}, $v] }) { totalCount }", /^filter(.and.1)?$/],
    ["$v: ScanGroupBy = { field: STATUS }", "scans { groups(by: [$v]) { aggregate { count } } }", /^by.0$/],
    ["$v: ScanGroupField = STATUS", "scans { groups(by: [{ field: $v }]) { aggregate { count } } }", /^by.0.field$/],
    ["$v: [ScanGroupBy!] = [{ field: STATUS }]", "scans { groups(by: $v) { aggregate { count } } }", /^by$/],
    [
      "$v: Boolean = true",
      "scans { groups(by: [{ field: STATUS }], largestFirst: $v) { aggregate { count } } }",
      /^largestFirst$/,
    ],
    ["$v: Boolean = true", "scans { totalCount nodes @include(if: $v) { id } }", /^if$/],
    ["$v: Boolean = false", "scans { totalCount ... @skip(if: $v) { nodes { id } } }", /^if$/],
    ["$v: Boolean = true", "scans @include(if: $v) { totalCount }", /^if$/],
  ];
  it.each(CASES)("%s in %s", async (declared, selection, field) => {
    const input = `{ organizationId: 1, targetUrl: "https://a.example/", scanType: "T" }`;
    for (const operation of [
      `query(${declared}) { ${selection} }`,
      `query(${declared}) { organization(id: 1) { ${selection} } }`,
      `mutation(${declared}) { createScan(input: ${input}) { scan { organization { ${selection} } } } }`,
    ]) {
      const { status, codes, errors } = await send(app, "admin", operation, `{"v":null}`);
      expect([status, ...codes, errors[0]?.extensions.field], operation).toEqual([
        400,
        "BAD_USER_INPUT",
        expect.stringMatching(field),
      ]);
    }
  });
});

it("each field of a request is refused by itself, and the others are answered", async () => {
  const { status, errors, text } = await send(
    app,
    "admin",
    `{ a: scans(first: -1) { totalCount } b: scans(first: 1) { nodes { id } } c: scan(id: "${SECRET}") { id }
       d: scans { groups(by: []) { aggregate { count } } } e: users(filter: { email: { eq: "\\u0000" } }) { totalCount } }`,
  );
  expect(status).toBe(200);
  expect(errors.map(({ extensions }) => extensions.field).sort()).toEqual(["by", "filter.email.eq", "first", "id"]);
  expect(JSON.parse(text).data).toEqual({
    a: null,
    b: { nodes: [{ id: expect.any(String) }] },
    c: null,
    d: null,
    e: null,
  });
});

it.each([
  ["viewer", "{ instances(filter: { operations: { none: {} } }) { totalCount } }", "operations:read"],
  [
    "viewer",
    "{ instances(filter: { or: [{ not: { operations: { some: { id: { eq: 1 } } } } }] }) { totalCount } }",
    "operations:read",
  ],
  [
    "viewer",
    `{ instances { nodes { snapshots(filter: { instance: { operations: { every: {} } } }) { totalCount } } } }`,
    "operations:read",
  ],
  ["viewer", "{ instances(filter: { operations: { some: {} } }) { aggregate { count } } }", "operations:read"],
  ["security", "{ users(filter: { organization: { scans: { some: {} } } }) { totalCount } }", "scans:read"],
  [
    "security",
    "{ users(filter: { organization: { scans: { none: { vulnerabilities: { some: {} } } } } }) { groups(by: [{ field: ROLE }]) { aggregate { count } } } }",
    "scans:read",
  ],
  [
    "security",
    "{ securityEvents(filter: { user: { organization: { scans: { every: {} } } } }) { aggregate { count } } }",
    "scans:read",
  ],
] as const)("%s may not filter by what it may not read: %s", async (who, document, permission) => {
  const { status, codes, errors, text } = await send(app, who, document);
  expect([status, ...codes, errors[0]?.extensions.permission]).toEqual([403, "FORBIDDEN", permission]);
  expect(Object.values(JSON.parse(text).data)).toEqual([null]);
});
