/** What a value means: null, absent and empty; moments as the database keeps them; events that programs record. */
import { expect, it } from "vitest";
import { testApp } from "../../support/app.js";

const app = testApp();

const CREATE = `mutation($input: CreateVulnerabilityInput!) { createVulnerability(input: $input) { vulnerability { id description } } }`;
const UPDATE = `mutation($input: UpdateVulnerabilityInput!) { updateVulnerability(input: $input) { vulnerability { version description title } } }`;
const RECORD = `mutation($input: RecordSecurityEventInput!) { recordSecurityEvent(input: $input) {
  securityEvent { id eventType eventStatus ipAddress user { id } userAgent location metadata } } }`;
const METRIC = `mutation($input: CreateAnalyticsMetricInput!) { createAnalyticsMetric(input: $input) { analyticsMetric { id recordedAt } } }`;

const vulnerability = { scanId: "1", severity: "LOW", vulnType: "XSS", title: "t" };

it.each([
  ["absent", {}, null],
  ["null", { description: null }, null],
  ["empty", { description: "" }, ""],
])("creates with %s description", async (_, given, kept) => {
  const { data } = await (await app.as("analyst")).run(CREATE, { input: { ...vulnerability, ...given } });
  const { id, description } = data.createVulnerability.vulnerability;
  expect(description).toBe(kept);
  expect(await app.sql`select description from vulnerabilities where id = ${id}`).toEqual([{ description: kept }]);
});

it("an absent field stays, null removes, an empty string is a value", async () => {
  const analyst = await app.as("analyst");
  const { data } = await analyst.run(CREATE, { input: { ...vulnerability, description: "seen" } });
  const { id } = data.createVulnerability.vulnerability;
  const change = async (version: number, given: object) =>
    (await analyst.run(UPDATE, { input: { id, version, ...given } })).data.updateVulnerability.vulnerability;
  expect(await change(1, { title: "u" })).toEqual({ version: 2, description: "seen", title: "u" });
  expect(await change(2, { description: "" })).toEqual({ version: 3, description: "", title: "u" });
  expect(await change(3, { description: null })).toEqual({ version: 4, description: null, title: "u" });
});

it("null is no value for what must have one, and an update of nothing is refused", async () => {
  const analyst = await app.as("analyst");
  const { data } = await analyst.run(CREATE, { input: { ...vulnerability, description: "seen" } });
  const { id } = data.createVulnerability.vulnerability;
  for (const [given, field] of [
    [{ title: null }, "title"],
    [{ severity: null }, "severity"],
    [{ title: "" }, "title"],
    [{}, "input"],
  ] as const) {
    const { code, status, errors } = await analyst.run(UPDATE, { input: { id, version: 1, ...given } });
    expect([code, status, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", 400, field]);
  }
  expect(await app.sql`select version, title from vulnerabilities where id = ${id}`).toEqual([
    { version: 1, title: "t" },
  ]);
});

it.each([
  ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z"],
  ["2026-03-01T10:00:00.123456+05:30", "2026-03-01T04:30:00.123456Z"],
  ["2024-02-29T23:59:59.9-11:00", "2024-03-01T10:59:59.900000Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"],
  ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"],
  ["2026-03-01t10:00:00z", "2026-03-01T10:00:00.000000Z"],
  ["2026-03-01t10:00:00.5+01:00", "2026-03-01T09:00:00.500000Z"],
  ["2026-03-01T10:00:00-00:00", "2026-03-01T10:00:00.000000Z"],
  ["2026-03-01T10:00:00.123456000Z", "2026-03-01T10:00:00.123456Z"],
  ["2000-02-29T00:00:00+15:59", "2000-02-28T08:01:00.000000Z"],
])("%s is kept to the microsecond and answered in UTC", async (recordedAt, answered) => {
  const input = { organizationId: "1", metricType: "x", value: 1, recordedAt };
  const { data } = await (await app.as("analyst")).run(METRIC, { input });
  expect(data.createAnalyticsMetric.analyticsMetric.recordedAt).toBe(answered);
});

/** Of what is no moment, or none that can be kept, what is said of it. */
const NO_MOMENTS: [recordedAt: unknown, why: RegExp][] = [
  ["2026-03-01T10:00:00.1234567Z", /microseconds/],
  ["2026-03-01T10:00:00.123456001Z", /microseconds/],
  ["2026-03-01T10:00:00.1234560000Z", /microseconds/],
  // In UTC these lie before the year 1 or after 9999, where RFC 3339 has no words for them.
  ["0001-01-01T00:00:00+01:00", /year/],
  ["0000-12-31T23:00:00-02:00", /year/],
  ["9999-12-31T23:59:59-01:00", /year/],
  ["0000-01-01T00:00:00Z", /year/],
  ["2026-01-01T00:00:00+16:00", /offset/],
  ["2026-01-01T00:00:00+01:60", /offset/],
  ["2026-00-01T00:00:00Z", /month/],
  ["2026-13-01T00:00:00Z", /month/],
  ["2026-02-29T00:00:00Z", /01 to 28/],
  ["2024-02-30T00:00:00Z", /01 to 29/],
  ["1900-02-29T00:00:00Z", /01 to 28/],
  ["0004-02-30T00:00:00Z", /01 to 29/],
  ["2026-04-31T00:00:00Z", /01 to 30/],
  ["2026-01-32T00:00:00Z", /01 to 31/],
  ["2026-01-00T00:00:00Z", /01 to 31/],
  ["2026-01-01T24:00:00Z", /hour/],
  ["2026-01-01T00:60:00Z", /minute/],
  ["2016-12-31T23:59:60Z", /[Ll]eap second/],
  ["2026-01-01T00:00:61Z", /second/],
  ["2026-01-01T00:00:00", /zone/],
  ["2026-01-01T00:00:00.5", /zone/],
  ["2026-01-01", /time of day/],
  ["2026-01-01 00:00:00Z", /a T/],
  ["2026-01-01T00:00:00+0100", /RFC 3339/],
  ["2026-01-01T00:00Z", /RFC 3339/],
  ["10000-01-01T00:00:00Z", /RFC 3339/],
  ["hunter2", /RFC 3339/],
  ["", /RFC 3339/],
  [1_767_225_600_000, /text/],
  [{ hunter2: 1 }, /text/],
];

it.each(NO_MOMENTS)("%j is refused and told why, in variables and in the document", async (recordedAt, why) => {
  const analyst = await app.as("analyst");
  const kept = () => app.sql`select count(*)::int as n from analytics_metrics`;
  const before = await kept();
  const input = { organizationId: "1", metricType: "x", value: 1, recordedAt };
  const items =
    "mutation($input: CreateAnalyticsMetricsInput!) { createAnalyticsMetrics(input: $input) { __typename } }";
  const filtered = "query($at: DateTime) { analyticsMetrics(filter: { recordedAt: { gt: $at } }) { totalCount } }";
  for (const [document, variables, field] of [
    [METRIC, { input }, "recordedAt"],
    [items, { input: { items: [{ ...input, recordedAt: undefined }, input] } }, "items.1.recordedAt"],
    [filtered, { at: recordedAt }, "at"],
  ] as const) {
    const { code, status, errors } = await analyst.run(document, variables);
    expect([code, status, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", 400, field]);
    expect(errors?.[0]?.message).toMatch(why);
    expect(errors?.[0]?.message).not.toMatch(/hunter2|1234567/);
  }
  const literal = typeof recordedAt === "object" ? "{ hunter2: 1 }" : JSON.stringify(recordedAt);
  for (const document of [
    filtered.replace("($at: DateTime)", "").replace("$at", literal),
    filtered.replace("DateTime", `DateTime = ${literal}`),
    `mutation { createAnalyticsMetric(input: { organizationId: 1, metricType: "x", value: 1, recordedAt: ${literal} }) { __typename } }`,
  ]) {
    const { code, status, errors } = await analyst.run(document);
    expect([code, status, errors?.length]).toEqual(["GRAPHQL_VALIDATION_FAILED", 400, 1]);
    expect(errors?.[0]?.message).toMatch(why);
    expect(errors?.[0]?.message).not.toMatch(/hunter2|1234567/);
    expect(errors![0]).toMatchObject({ locations: [{ line: 1 }] });
  }
  expect(await kept()).toEqual(before);
});

const ORGANIZATION = `mutation($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id domain } } }`;
const label = (length: number) => "a".repeat(length);

it.each([
  ["Example.ORG", "example.org"],
  [`${label(63)}.example`, `${label(63)}.example`],
  [`${label(63)}.${label(63)}.${label(63)}.${label(61)}`, `${label(63)}.${label(63)}.${label(63)}.${label(61)}`],
  ["xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["1.2.3.4a", "1.2.3.4a"],
  ["a-b.x", "a-b.x"],
  ["intranet", "intranet"],
])("takes the domain %s", async (domain, kept) => {
  const { data, errors } = await (await app.as("admin")).run(ORGANIZATION, { input: { name: "n", domain } });
  expect(errors).toBeUndefined();
  const { id } = data.createOrganization.organization;
  expect(data.createOrganization.organization.domain).toBe(kept);
  expect(await app.sql`select domain from organizations where id = ${id}`).toEqual([{ domain: kept }]);
});

it.each([
  ["", /at least 1/],
  ["-a.example", /hyphen/],
  ["a-.example", /hyphen/],
  ["a.example-", /hyphen/],
  ["a.-.example", /hyphen/],
  ["a..example", /dot/],
  [".example", /dot/],
  ["a.example.", /dot/],
  [".", /dot/],
  ["a b.example", /letters, digits/],
  ["a_b.example", /letters, digits/],
  ["https://a.example/", /letters, digits/],
  ["a.example\n", /letters, digits/],
  ["bücher.example", /xn--/],
  ["a。example", /xn--/],
  ["192.0.2.1", /address/],
  ["a.123", /address/],
  [`${label(64)}.example`, /63/],
  [`${label(63)}.${label(63)}.${label(63)}.${label(62)}`, /253/],
])("refuses the domain %j, and says why", async (domain, why) => {
  const admin = await app.as("admin");
  const kept = () => app.sql`select md5(string_agg(o::text, '' order by id)) as d from organizations o`;
  const before = await kept();
  const update = `mutation($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { __typename } }`;
  for (const { code, status, errors } of [
    await admin.run(ORGANIZATION, { input: { name: "n", domain } }),
    await admin.run(update, { input: { id: "2", version: 1, domain } }),
  ]) {
    expect([code, status, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", 400, "domain"]);
    expect(errors?.[0]?.message).toMatch(why);
  }
  expect(await kept()).toEqual(before);
});

it.each(["admin", "security"] as const)("%s records a security event", async (who) => {
  const client = await app.as(who);
  const metadata = { rule: "R1", nested: { list: [1, null, true], password: "kept-as-it-is" } };
  const input = {
    eventType: "malicious_sqli",
    eventStatus: "WARNING",
    ipAddress: "2001:db8::1",
    userId: "2",
    userAgent: "",
    location: { city: "Delft" },
    metadata,
  };
  const { data } = await client.run(RECORD, { input }, { "x-request-id": `event.${who}` });
  const { id, user, ...event } = data.recordSecurityEvent.securityEvent;
  const { userId, ...given } = input;
  expect(event).toEqual(given);
  expect(user).toEqual({ id: userId });
  expect(
    await app.sql`select action, resource_id, success, parameters->'metadata'->'nested'->>'password' as secret
                  from audit_logs where request_id = ${`event.${who}`}`,
  ).toEqual([{ action: "security-event.record", resource_id: id, success: true, secret: "[redacted]" }]);
});

it.each(["viewer", "analyst", "dba"] as const)("%s may not record one", async (who) => {
  const kept = () => app.sql`select count(*)::int as n from security_events where event_type = 'x'`;
  const before = await kept();
  const { code, status } = await (await app.as(who)).run(RECORD, { input: { eventType: "x", eventStatus: "SUCCESS" } });
  expect([code, status]).toEqual(["FORBIDDEN", 403]);
  expect(await kept()).toEqual(before);
});

it.each([
  ["eventType", { eventType: "" }],
  ["eventType", { eventType: "a".repeat(51) }],
  ["eventType", { eventType: "a b" }],
  ["ipAddress", { ipAddress: "localhost" }],
  ["ipAddress", { ipAddress: "1.2.3.4.5" }],
  ["userId", { userId: "9223372036854775808" }],
  ["userAgent", { userAgent: "a".repeat(1001) }],
  ["metadata", { metadata: "a".repeat(32_767) }],
  ["metadata", { metadata: { "a\0b": 1 } }],
  ["location.city", { location: { city: "\ud800" } }],
])("refuses an event with a bad %s and leaves one audit record", async (field, bad) => {
  const events = () => app.sql`select count(*)::int as n from security_events where event_type = 'bad_input'`;
  const records = () => app.sql`select id from audit_logs where action = 'security-event.record'`;
  const [before, { length }] = [await events(), await records()];
  const admin = await app.as("admin");
  const { code, status, errors } = await admin.run(RECORD, {
    input: { eventType: "bad_input", eventStatus: "SUCCESS", ...bad },
  });
  expect([code, status]).toEqual(["BAD_USER_INPUT", 400]);
  expect(errors?.[0]?.extensions.field).toBe(field);
  expect(await events()).toEqual(before);
  expect(await records()).toHaveLength(length + 1);
});
