/** Whole numbers that JavaScript would round: as an id each names its own row, in JSON they are refused where they stand. */
import { beforeAll, expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();

/** Read as a JavaScript number each is the one before it. */
const [LONG, ROUNDED] = ["9007199254740993", "9007199254740992"];

beforeAll(async () => {
  for (const id of [LONG, ROUNDED]) {
    await app.sql`insert into scans (id, organization_id, target_url, scan_type)
      overriding system value values (${id!}, 1, ${`https://${id!}.example/`}, 'LONG')`;
  }
});

interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
  readonly data: any;
  readonly errors?: { message: string; extensions: { code: string; field?: string } }[];
}

/** @param variables as JSON, in which the numbers have their digits */
async function send(query: string, variables: string, method: "POST" | "GET" = "POST"): Promise<Told> {
  const { token } = await app.as("admin");
  const type = method === "POST" ? { "content-type": "application/json" } : { "apollo-require-preflight": "true" };
  const search = `?query=${encodeURIComponent(query)}&variables=${encodeURIComponent(variables)}`;
  const body = `{"query": ${JSON.stringify(query)}, "variables":${variables}}`;
  const response = await fetch(`${app.url}/graphql${method === "GET" ? search : ""}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...type },
    ...(method === "POST" && { body }),
  });
  return { status: response.status, ...((await response.json()) as Omit<Told, "status">) };
}

const url = `https://${LONG}.example/`;

it.each([
  ["an argument", "query($id: ID!) { scan(id: $id) { targetUrl } }", `{"id":${LONG}}`],
  ["an argument, with space around it", "query($id: ID!) { scan(id: $id) { targetUrl } } ", `{ "id" : \n ${LONG} }`],
  [
    "an argument, after texts like it",
    "query($id: ID!) { scan(id: $id) { targetUrl } }  ",
    `{"a\\"":"\\\\\\": ${LONG}1","id":${LONG}}`,
  ],
  [
    "the last of two with one name",
    "query($id: ID!) { scan(id: $id) { targetUrl } }   ",
    `{"id":${ROUNDED},"id":${LONG}}`,
  ],
  ["a filter", "query($f: ScanFilter) { scans(filter: $f) { nodes { targetUrl } } }", `{"f":{"id":{"eq":${LONG}}}}`],
  [
    "a list",
    "query($ids: [ID!]) { scans(filter: { id: { in: $ids } }) { nodes { targetUrl } } }",
    `{"ids":[1234567890123456,${LONG}]}`,
  ],
  [
    "one for a list",
    "query($ids: [ID!]) { scans(filter: { id: { in: $ids } }) { nodes { targetUrl } } } ",
    `{"ids":${LONG}}`,
  ],
  [
    "a list below",
    "query($f: ScanFilter) { scans(filter: $f) { nodes { targetUrl } } } ",
    `{"f":{"or":[{"id":{"eq":"0"}},{"id":{"in":[${LONG}]}}]}}`,
  ],
  ["the ordinary path", "query($id: ID!) { scan(id: $id) { targetUrl } viewer { role } }", `{"id":${LONG}}`],
])("an id in %s keeps its digits", async (_, query, variables) => {
  // The second time the document is known.
  for (const method of ["POST", "POST", "GET", "GET"] as const) {
    const { status, data, errors } = await send(query, variables, method);
    expect([status, errors], method).toEqual([200, undefined]);
    expect(data.scan ?? data.scans.nodes[0], method).toEqual({ targetUrl: url });
    if (data.scans) expect(data.scans.nodes).toHaveLength(1);
  }
});

it("an id in the document keeps its digits, and so does one in a default", async () => {
  for (const query of [
    `{ scan(id: ${LONG}) { targetUrl } }`,
    `query($id: ID! = ${LONG}) { scan(id: $id) { targetUrl } }`,
    `{ scans(filter: { id: { in: [${LONG}] } }) { nodes { targetUrl } } }`,
  ]) {
    const { data, errors } = await send(query, "{}");
    expect(errors).toBeUndefined();
    expect(data.scan ?? data.scans.nodes[0]).toEqual({ targetUrl: url });
  }
});

it("a change goes to the row that is named", async () => {
  const versions = () => app.sql`select id::text, version from scans where scan_type = 'LONG' order by id`;
  const { errors, data } = await send(
    "mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { id } } }",
    `{"input":{"id":${LONG},"version":1,"status":"FAILED"}}`,
  );
  expect(errors).toBeUndefined();
  expect(data.updateScan.scan.id).toBe(LONG);
  expect(await versions()).toEqual([
    { id: ROUNDED, version: 1 },
    { id: LONG, version: 2 },
  ]);
});

it.each(["9223372036854775808", "12345678901234567890", `-${LONG}`, "9".repeat(400)])("%s is no id", async (id) => {
  const { status, errors } = await send("query($id: ID!) { scan(id: $id) { id } }", `{"id":${id}}`);
  expect([status, errors?.[0]?.extensions]).toMatchObject([400, { code: "BAD_USER_INPUT", field: "id" }]);
});

const RECORD =
  "mutation($input: RecordSecurityEventInput!) { recordSecurityEvent(input: $input) { securityEvent { metadata } } }";
const RECORD_JSON = `mutation($m: JSON) { recordSecurityEvent(input: { eventType: "long", eventStatus: SUCCESS, metadata: $m }) { securityEvent { metadata } } }`;
const READ = "query($f: SecurityEventFilter) { securityEvents(filter: $f) { totalCount } }";
const event = (metadata: string) => `{"input":{"eventType":"long","eventStatus":"SUCCESS","metadata":${metadata}}}`;

it.each([
  [RECORD, event(`{"k":[1,{"n":${LONG}}]}`), "metadata.k.1.n"],
  [RECORD, event(`-${LONG}`), "metadata"],
  [RECORD_JSON, `{"m":{"k":12345678901234567890}}`, "m.k"],
  [RECORD_JSON, `{"m":${"9".repeat(400)}}`, "m"],
  [RECORD_JSON.replace("metadata: $m", "metadata: { k: $m }"), `{"m":${LONG}}`, "m"],
  [READ, `{"f":{"not":{"metadata":{"contains":{"k":${LONG}}}}}}`, "not.metadata.contains.k"],
])("in JSON it is refused where it stands: %s %s", async (query, variables, field) => {
  const events = () => app.sql`select count(*)::int as n from security_events`;
  const before = await events();
  for (let time = 1; time <= 2; time++) {
    const { status, errors } = await send(query, variables);
    expect([status, errors?.length, errors?.[0]?.extensions]).toMatchObject([
      400,
      1,
      { code: "BAD_USER_INPUT", field },
    ]);
    expect(errors?.[0]?.message).toMatch(/2\^53.*text/);
  }
  expect(await events()).toEqual(before);
});

it.each([
  ["9007199254740991", 9007199254740991],
  ["-9007199254740991", -9007199254740991],
  ["12345678901234567890.0", Number("12345678901234567890")],
  ["1.2345678901234567890123", Number("1.2345678901234567890123")],
  ["1234567890123456789e1", Number("12345678901234567890")],
  [`"${LONG}"`, LONG],
  [`{"${LONG}":": ${LONG}, [${LONG}"}`, { [LONG!]: `: ${LONG}, [${LONG}` }],
])("JSON keeps %s", async (json, value) => {
  for (const [query, variables] of [
    [RECORD, event(json)],
    [RECORD_JSON, `{"m":${json}}`],
  ] as const) {
    const { data, errors } = await send(query, variables);
    expect(errors).toBeUndefined();
    expect(data.recordSecurityEvent.securityEvent.metadata).toEqual(value);
  }
});

it("a Float is as near as it can be, an Int and a text are no such number", async () => {
  const metric =
    "mutation($input: CreateAnalyticsMetricInput!) { createAnalyticsMetric(input: $input) { analyticsMetric { value } } }";
  const given = (value: string, type = '"t"') => `{"input":{"organizationId":1,"metricType":${type},"value":${value}}}`;
  const { data, errors } = await send(metric, given("12345678901234567890"));
  expect(errors).toBeUndefined();
  expect(data.createAnalyticsMetric.analyticsMetric.value).toBe(Number("12345678901234567890"));
  const text = await send(metric, given("1", LONG));
  expect(text.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "metricType" });
  const int = await send("query($n: Int) { scans(first: $n) { totalCount } }", `{"n":${LONG}}`);
  expect(int.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "n" });
});
