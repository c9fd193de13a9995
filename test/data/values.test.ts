/** What a value means: null, absent and empty; moments as the database keeps them; events that programs record. */
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

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
])("%s is kept to the microsecond and answered in UTC", async (recordedAt, answered) => {
  const input = { organizationId: "1", metricType: "x", value: 1, recordedAt };
  const { data } = await (await app.as("analyst")).run(METRIC, { input });
  expect(data.createAnalyticsMetric.analyticsMetric.recordedAt).toBe(answered);
});

// In UTC these lie before the year 1 or after 9999, where RFC 3339 has no words for them.
it.each(["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-01T00:00:00+16:00"])(
  "%s is refused by name",
  async (recordedAt) => {
    const input = { organizationId: "1", metricType: "x", value: 1, recordedAt };
    const { code, errors } = await (await app.as("analyst")).run(METRIC, { input });
    expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "recordedAt"]);
  },
);

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
