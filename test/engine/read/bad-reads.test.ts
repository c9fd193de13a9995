/** Bad arguments of reads, as literals and in variables: a 400 code with the place, no value given away, nothing changed. */
import { type GraphQLInputObjectType, type GraphQLInputType, getNamedType, isListType, isNonNullType } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SPECIMENS } from "../../specimens/index.js";
import { nodeIdOf } from "../../specimens/specimen.js";
import { testApp } from "../../support/app.js";
import { oneOfEach } from "../../support/deep.js";
import { type Bad, expectRefused, number, type Place, SECRET, send, word } from "./bad-reads.js";

const app = testApp();

async function state(): Promise<Record<string, string>> {
  const tables = await app.sql`select tablename from pg_tables where schemaname = 'public' order by 1`;
  const parts = tables.map(
    ({ tablename }) =>
      `(select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from ${tablename} t) as ${tablename}`,
  );
  return (await app.sql.unsafe(`select ${parts.join()}`))[0] as Record<string, string>;
}

let before: Awaited<ReturnType<typeof state>>;
beforeAll(async () => {
  for (const who of ["admin", "viewer", "security"] as const) await app.as(who);
  before = await state();
});
afterAll(async () => {
  // Refusals for want of a permission are on record, and so are calls that would change something.
  const { security_events, audit_logs, row_changes, ...others } = await state();
  const kept = { security_events: undefined, audit_logs: undefined, row_changes: undefined };
  expect(others).toEqual({ ...before, ...kept });
  expect(app.log.filter(({ level }) => level >= 50)).toEqual([]);
  expect(JSON.stringify(app.log)).not.toContain(SECRET);
});

const queries = () => Object.values(app.schema.getQueryType()!.getFields());
const lists = () =>
  queries().filter(({ args, type }) => /Connection/.test(String(type)) && args.some(({ name }) => name === "filter"));

const type = (what: string, value: unknown, at = ""): Bad => ({ what, value, kind: "type", at });
const value = (what: string, value: unknown, at = ""): Bad => ({ what, value, kind: "value", at });
const limit = (what: string, value: unknown, at: string): Bad => ({ what, value, kind: "limit", at });

const UNSTORABLE = [`${SECRET}\0`, "\0", `${SECRET}\ud800`, "\udfff"].map((text) => value("not storable", text));

/** Of each scalar, what is no value of it. */
const BAD: Record<string, readonly Bad[]> = {
  String: [...UNSTORABLE, type("no text", 1), type("no text", true), type("no text", { a: SECRET })],
  ID: [
    ...UNSTORABLE,
    ...["", SECRET, "-1", "01", "1.0", " 1", "1e3", "9223372036854775808", "9".repeat(40)].map((id) =>
      value("no key", id),
    ),
    type("no id", 1.5),
    type("no id", true),
    type("no id", [[1]]),
  ],
  Int: [2 ** 31, -(2 ** 31) - 1, 1.5, number("1e400"), number("99999999999999999999"), SECRET, "1", true].map((each) =>
    type("no Int", each),
  ),
  Float: [
    ...[SECRET, "1", true].map((each) => type("no number", each)),
    value("out of range", number("1e400")),
    value("out of range", number("-1e309")),
  ],
  Boolean: [SECRET, "true", 1].map((each) => type("no Boolean", each)),
  DateTime: [
    SECRET,
    "",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+16:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00",
    "2026-01-01T00:00:00.1234567Z",
    "2026-01-01T00:00:00Z\0",
    "infinity",
    0,
    number("1e400"),
  ].map((each) => type("no moment", each)),
  JSON: [
    value("not storable", { a: [`${SECRET}\0`] }, "a.0"),
    value("not storable", { [`${SECRET}\0`]: 1 }),
    value("not storable", "\ud800"),
    value("out of range", { a: [number("1e400")] }, "a.0"),
    value("out of range", number("-1e400")),
  ],
};
const ENUM = [word(SECRET), word("low"), 1, "\0"].map((each) => type("no member", each));

const within = (path: readonly string[], inner: unknown): unknown =>
  path.reduceRight<unknown>((value, key) => (key === "[]" ? [value] : { [key]: value }), inner);

/** The same fault at a place below an argument. */
const below = (path: readonly string[], { what, value, kind, at }: Bad): Bad => ({
  what,
  value: within(path, value),
  kind,
  at: kind === "limit" ? at : [...path.map((key) => (key === "[]" ? "0" : key)), at].filter(Boolean).join("."),
});

const fieldsOf = (type: GraphQLInputType) => Object.values((getNamedType(type) as GraphQLInputObjectType).getFields());
const isOperators = (type: GraphQLInputType) => "isNull" in (getNamedType(type) as GraphQLInputObjectType).getFields();

/** What a value of an operator can be instead. */
function faultsOf(operand: GraphQLInputType): Bad[] {
  const named = isNonNullType(operand) ? operand.ofType : operand;
  if (isListType(named)) {
    const items = faultsOf(named.ofType).filter(({ what }) => what !== "null");
    return [
      ...items.map((item) => ({ ...below(["[]"], item), at: "" })),
      type("a list with null", [null]),
      value("null", null),
    ];
  }
  return [...(BAD[String(named)] ?? ENUM), value("null", null)];
}

/** Each operator and each root field gets each kind of fault, and each value goes to some of them. */
const spread = (faults: readonly Bad[], turn: number) => oneOfEach(faults, ({ what }) => what, turn);

/** Ids that are only compared, of any form. */
const OPAQUE = ["resourceId", "requestId"];

describe("filters", () => {
  it("of every field of every type", async () => {
    const seen = new Set<string>();
    const cases = lists().flatMap(({ name, args }): [Place, Bad][] => {
      const filter = args.find((arg) => arg.name === "filter")!;
      const place: Place = {
        name: "filter",
        type: String(filter.type),
        document: (text) => `{ ${name}(filter: ${text}) { totalCount } }`,
      };
      return fieldsOf(filter.type)
        .filter((field) => !["and", "or", "not"].includes(field.name) && isOperators(field.type))
        .flatMap((field) => {
          const isNew = !seen.has(String(field.type));
          if (!OPAQUE.includes(field.name)) seen.add(String(field.type));
          // Every operator with everything once; of other fields of the kind, one fault each.
          const operators = fieldsOf(field.type).filter((_, index) => isNew || index === 0);
          return operators.flatMap((operator, turn) =>
            spread(faultsOf(operator.type), turn)
              .filter(({ what }) => what !== "no key" || !OPAQUE.includes(field.name))
              .slice(0, isNew ? undefined : 1)
              .map((fault): [Place, Bad] => [place, below([field.name, operator.name], fault)]),
          );
        });
    });
    expect(cases.length).toBeGreaterThan(400);
    for (const each of chunks(cases)) await Promise.all(each.map(([place, bad]) => expectRefused(app, place, bad)));
  });

  const place: Place = {
    name: "filter",
    type: "ScanFilter",
    document: (text) => `{ scans(filter: ${text}) { totalCount } }`,
  };
  const nested = (depth: number, ...path: string[]) => within(Array(depth).fill(path).flat(), { id: { eq: "1" } });
  it.each(
    [
      limit("not, 50 deep", nested(50, "not"), "filter"),
      limit("and, 50 deep", nested(50, "and", "[]"), "filter"),
      limit("or, 50 deep", nested(50, "or", "[]"), "filter"),
      limit("relations to one and many, 50 deep", nested(25, "organization", "scans", "some"), "filter"),
      limit("every and none, 50 deep", nested(25, "vulnerabilities", "every", "scan"), "filter"),
      limit("relations, 11 deep", nested(4, "vulnerabilities", "none", "scan"), "filter"),
      limit("101 conditions", { or: Array(101).fill({}) }, "filter"),
      limit(
        "101 conditions across relations",
        { or: Array(34).fill({ vulnerabilities: { some: { id: { ne: "1" } } } }) },
        "filter",
      ),
      limit("10,000 values", { id: { in: Array.from({ length: 10_000 }, (_, n) => `${n}`) } }, "filter"),
      limit(
        "10,000 values across a relation",
        { organization: { name: { notIn: Array(10_000).fill("a") } } },
        "filter",
      ),
      value("null", { organization: null }, "organization"),
      value("null", { vulnerabilities: { some: null } }, "vulnerabilities.some"),
      value("null", { vulnerabilities: null }, "vulnerabilities"),
      value("null", { and: null }, "and"),
      value("null", { not: null }, "not"),
      value(
        "not storable across relations",
        { organization: { users: { none: { email: { contains: "\0" } } } } },
        "organization.users.none.email.contains",
      ),
      value(
        "no key across relations",
        { vulnerabilities: { every: { scanId: { in: ["1", SECRET] } } } },
        "vulnerabilities.every.scanId.in",
      ),
      type("no such operator", { id: { like: "1" } }, "like"),
      type("no such field across a relation", { organization: { passwordHash: { eq: SECRET } } }, "passwordHash"),
      type("a list", [1], ""),
      type("a text", SECRET, ""),
    ].filter(({ at }) => at !== SECRET),
  )("$what", (bad) => expectRefused(app, place, bad));

  it("one of many values is bad", async () => {
    const ids = Array.from({ length: 900 }, (_, n) => (n === 899 ? SECRET : `${n}`));
    await expectRefused(app, place, value("no key", { id: { in: ids } }, "id.in"));
  });
});

/** A batch at a time. */
const chunks = <T>(all: readonly T[], size = 20): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));

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
