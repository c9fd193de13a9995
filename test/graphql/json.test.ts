/** JSON in the document: kept as it is written, and refused, by place, where a part of it is none or is missing. */
import { beforeAll, expect, it } from "vitest";
import { type Answer, type Client, testApp } from "../support/app.js";
import { insertInstance } from "../support/fleet-port.js";

const app = testApp();

beforeAll(async () => {
  const instanceId = await insertInstance(app, "TEST");
  await app.sql`insert into instance_changes (instance_id, field, after) values (${instanceId}, 'TAGS', '{}')`;
});

let calls = 0;
const run = (client: Client, document: string, variables?: Record<string, unknown>) =>
  client.run(document, variables, { "x-request-id": `json.${++calls}` });

const records = () => app.sql`
  select action, success, result->>'code' as code from audit_logs where request_id = ${`json.${calls}`}`;
const events = async () => (await app.sql`select count(*)::int as n from security_events`)[0]?.n;

/** A mutation that keeps JSON, twice. */
const recording = (json: string, declared = "") => `mutation ${declared} {
  recordSecurityEvent(input: { eventType: "json", eventStatus: SUCCESS, metadata: ${json}, location: ${json} }) {
    securityEvent { id metadata location } } }`;

/** Reads of what holds JSON: by the fast path, by the ordinary one, below another row. */
const reading = (json: string, declared = "") => {
  const list = `securityEvents(filter: { metadata: { contains: ${json} } }) { totalCount }`;
  const below = `changes(filter: { after: { contains: ${json} } }) { totalCount }`;
  return [
    `query ${declared} { ${list} }`,
    `query ${declared} { ${list} viewer { role } }`,
    `query ${declared} { instance(id: 1) { ${below} } }`,
  ];
};
const countIn = (data: Answer["data"]) => (data.securityEvents ?? data.instance.changes).totalCount;

const KEPT: [literal: string, value: unknown][] = [
  [
    `{ text: "v", int: 1, minus: -7, float: 1.5, exponent: 1e3, yes: true, no: false, nothing: null }`,
    { text: "v", int: 1, minus: -7, float: 1.5, exponent: 1000, yes: true, no: false, nothing: null },
  ],
  [
    `{ list: [1, "a", null, [], {}, { deep: [[{ er: true }]] }] }`,
    { list: [1, "a", null, [], {}, { deep: [[{ er: true }]] }] },
  ],
  [`{ block: """a "quoted" text""" }`, { block: 'a "quoted" text' }],
  [`[{ a: 1 }, [2]]`, [{ a: 1 }, [2]]],
  [`"text"`, "text"],
  [`false`, false],
  [`9007199254740991`, Number.MAX_SAFE_INTEGER],
  [`{ constructor: 1, toString: 2, hasOwnProperty: 3 }`, { constructor: 1, toString: 2, hasOwnProperty: 3 }],
  [`{ __proto__: { admin: true } }`, JSON.parse('{"__proto__":{"admin":true}}')],
];

it.each(KEPT)("keeps %s", async (literal, value) => {
  const admin = await app.as("admin");
  // The second time the document is known.
  for (let time = 1; time <= 2; time++) {
    const { data, errors } = await run(admin, recording(literal));
    expect(errors).toBeUndefined();
    const { id, ...kept } = data.recordSecurityEvent.securityEvent;
    expect(JSON.stringify(kept.metadata)).toBe(JSON.stringify(kept.location));
    expect([kept.metadata, kept.location]).toEqual([value, value]);
    const rows = await app.sql`select metadata, location from security_events where id = ${id}`;
    expect(rows).toEqual([{ metadata: value, location: value }]);
    expect(await records()).toEqual([{ action: "security-event.record", success: true, code: null }]);
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("admin");
});

it.each(KEPT)("finds what holds %s, as it does where the same comes in a variable", async (literal, value) => {
  const admin = await app.as("admin");
  const text = JSON.stringify(value);
  await app.sql`insert into security_events (event_type, event_status, metadata) values ('json', 'SUCCESS', ${text}::text::jsonb)`;
  await app.sql`update instance_changes set after = ${text}::text::jsonb`;
  const counts = [];
  for (const [json, declared, variables] of [
    [literal, "", undefined],
    ["$json", "($json: JSON)", { json: value }],
  ] as const) {
    for (const document of reading(json, declared)) {
      for (let time = 1; time <= 2; time++) {
        const { data, errors } = await admin.run(document, variables);
        expect(errors).toBeUndefined();
        counts.push(countIn(data));
      }
    }
  }
  const [row] = await app.sql`select count(*)::int as n from security_events where metadata @> ${text}::text::jsonb`;
  const n = row?.n;
  expect(n).toBeGreaterThan(0);
  expect(counts).toEqual([n, n, n, n, 1, 1, n, n, n, n, 1, 1]);
});

it("puts variables where they stand, null among them", async () => {
  const admin = await app.as("admin");
  const json = `{ text: $text, list: [$text, $none, [$any]], any: $any, word: $word }`;
  const declared = '($text: String!, $none: Int, $any: JSON, $word: Severity, $default: String = "d")';
  const document = recording(json.replace("word:", "default: $default, word:"), declared);
  const variables = { text: "t", none: null, any: { a: [1, { b: null }] }, word: "LOW" };
  const value = { text: "t", list: ["t", null, [variables.any]], any: variables.any, default: "d", word: "LOW" };
  for (let time = 1; time <= 2; time++) {
    const { data, errors } = await run(admin, document, variables);
    expect(errors).toBeUndefined();
    expect(data.recordSecurityEvent.securityEvent).toMatchObject({ metadata: value, location: value });
  }
  const other = declared.replace(', $default: String = "d"', "");
  for (const [index, read] of reading(json, other).entries()) {
    const { data, errors } = await admin.run(read, variables);
    expect(errors).toBeUndefined();
    expect(countIn(data)).toBe(index < 2 ? 2 : 0);
  }
});

const fault = ({ status, code, errors }: Answer) => [status, code, errors?.length, errors?.[0]?.extensions.field];

const ABSENT: [json: string, at: string][] = [
  ["{ k: $absent }", ".k"],
  ["{ a: 1, k: { l: [1, { m: $absent }] } }", ".k.l.1.m"],
  ["[$absent]", ".0"],
  ["[[], [2, $absent]]", ".1.1"],
];

it.each(ABSENT)("refuses %s without its variable, by name and place, and changes nothing", async (json, at) => {
  const admin = await app.as("admin");
  const before = await events();
  for (let time = 1; time <= 2; time++) {
    const refused = await run(admin, recording(json, "($absent: JSON)"));
    expect(fault(refused)).toEqual([400, "BAD_USER_INPUT", 1, `location${at}`]);
    expect(refused.errors?.[0]?.message).toContain("`$absent`");
    expect(refused.data).toEqual({ recordSecurityEvent: null });
    expect(await records()).toEqual([{ action: "security-event.record", success: false, code: "BAD_USER_INPUT" }]);
  }
  expect(await events()).toBe(before);
  for (const document of reading(json, "($absent: JSON)")) {
    for (let time = 1; time <= 2; time++) {
      const { errors, data } = await admin.run(document);
      expect(errors?.map(({ extensions }) => [extensions.code, extensions.field])).toEqual([
        ["BAD_USER_INPUT", expect.stringMatching(/^filter\.(metadata|after)\.contains\./)],
      ]);
      expect(errors?.[0]?.extensions.field.endsWith(`contains${at}`)).toBe(true);
      expect(errors?.[0]?.message).toContain("`$absent`");
      expect(data.securityEvents ?? data.instance ?? null).toBeNull();
    }
  }
});

it.each([
  ["a bare word", "{ k: hunter2 }", "hunter2", /bare word/],
  ["a bare word in a list", "[1, { k: [hunter2] }]", "hunter2", /bare word/],
  ["a bare word alone", "hunter2", "hunter2", /bare word/],
  ["an undefined", "{ k: undefined }", "undefined", /bare word/],
  ["a number that would be rounded", "{ k: [9007199254740993] }", "9007199254740993", /2\^53/],
  ["a negative one", "{ k: -9007199254740993 }", "-9007199254740993", /2\^53/],
  ["one of 400 digits", `{ k: ${"9".repeat(400)} }`, "9".repeat(400), /2\^53/],
  ["a key twice", "{ hunter2: 1, hunter2: 2 }", "hunter2", /only one input field/],
])("refuses %s where it stands, and changes nothing", async (_, json, spot, message) => {
  const admin = await app.as("admin");
  const before = await events();
  const defaulted = [
    `query($json: JSON = ${json}) { securityEvents(filter: { metadata: { contains: $json } }) { totalCount } }`,
    `query($filter: SecurityEventFilter = { metadata: { contains: ${json} } }) { securityEvents(filter: $filter) { totalCount } }`,
  ];
  for (const document of [recording(json), ...reading(json), ...defaulted]) {
    const { status, code, errors, data } = await admin.run(document);
    expect([status, code, data]).toEqual([400, "GRAPHQL_VALIDATION_FAILED", undefined]);
    for (const error of errors as unknown as { message: string; locations: { line: number; column: number }[] }[]) {
      expect(error.message).toMatch(message);
      if (!spot.startsWith("h") || !json.includes("1, hunter2")) expect(error.message).not.toContain(spot);
      const { line, column } = error.locations[0]!;
      const text = document.split("\n")[line - 1]!.slice(column - 1);
      expect(text.startsWith(spot), text).toBe(true);
    }
  }
  expect(await events()).toBe(before);
});

it.each<[string, (json: string) => [string, Record<string, unknown>?]]>([
  ["literal", (json) => [recording(json)]],
  ["variable", (json) => [recording("$json", "($json: JSON)"), { json: JSON.parse(json) }]],
])("a %s nests 64 deep, and no deeper", async (_, sent) => {
  const admin = await app.as("admin");
  const deep = (depth: number) => sent(`${"[".repeat(depth)}${"]".repeat(depth)}`);
  expect((await admin.run(...deep(64))).errors).toBeUndefined();
  const before = await events();
  for (const depth of [65, 400]) {
    const { status, errors } = await admin.run(...deep(depth));
    expect(status).toBe(400);
    for (const { extensions } of errors!) {
      expect(extensions).toMatchObject({ code: "LIMIT_EXCEEDED", limit: expect.stringMatching(/^(json|variables)$/) });
    }
  }
  expect(await events()).toBe(before);
});

it.each([
  ["a number", "$n: Float!", { n: 12_345_678_901_234_567_890n }, "n"],
  ["one in a list", "$n: [Float!]!", { n: [1, 12_345_678_901_234_567_890_123n] }, "n.1"],
])("a long number that comes through a variable of another type is refused: %s", async (_, declared, given, place) => {
  const admin = await app.as("admin");
  const before = await events();
  // As digits only, which JSON.stringify would not write.
  const variables = JSON.stringify(given, (_key, value) => (typeof value === "bigint" ? `#${value}#` : value));
  const send = async (query: string) => {
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${admin.token}` },
      body: `{"query":${JSON.stringify(query)},"variables":${variables.replaceAll(/"#|#"/g, "")}}`,
    });
    return [response.status, (await response.json()) as Pick<Answer, "errors">] as const;
  };
  for (const document of [recording("{ n: $n }", `(${declared})`), ...reading("{ n: $n }", `(${declared})`)]) {
    const [status, { errors }] = await send(document);
    expect([status, errors?.[0]?.extensions.code], document).toEqual([
      document.includes("viewer") ? 200 : 400,
      "BAD_USER_INPUT",
    ]);
    expect(String(errors?.[0]?.extensions.field)).toMatch(new RegExp(`(^|\\.)${place.replace(".", "\\.")}$`));
  }
  expect(await events()).toBe(before);
});
