/** What is not the caller's looks as if it did not exist; what exists already is a CONFLICT. Nothing changes either way. */
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();

const TABLES = [
  "users",
  "organizations",
  "scans",
  "vulnerabilities",
  "chat_sessions",
  "analytics_metrics",
  "performance_logs",
];
const state = () =>
  app.sql.unsafe(
    `select ${TABLES.map((t) => `(select md5(string_agg(t::text, '|' order by t::text)) from ${t} t) as ${t}`).join()}`,
  );
const audited = (requestId: string) =>
  app.sql`select success, result->>'code' as code from audit_logs where request_id = ${requestId}`;

const inputType = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
const document = (name: string) => `mutation($input: ${inputType(name)}!) { ${name}(input: $input) { __typename } }`;
const item = { severity: "LOW", vulnType: "T", title: "t" };

/** Of the first organization, asked for by the analyst of the second. */
const FOREIGN: [string, Record<string, unknown>][] = [
  ["createScan", { organizationId: "1", targetUrl: "https://a.example/", scanType: "T" }],
  ["updateScan", { id: "1", version: 1, scanType: "T" }],
  ["deleteScan", { id: "1" }],
  ["createVulnerability", { scanId: "2", ...item }],
  ["createVulnerabilities", { scanId: "2", items: [item] }],
  ["updateVulnerability", { id: "1", version: 1, title: "t" }],
  ["deleteVulnerability", { id: "1", version: 1 }],
  ["createChatSession", { userId: "3", sessionId: "s", message: "m" }],
  ["updateChatSession", { id: "1", version: 1, message: "m" }],
  ["deleteChatSession", { id: "1" }],
  ["createAnalyticsMetric", { organizationId: "1", metricType: "t", value: 1 }],
  ["updateAnalyticsMetric", { id: "1", version: 1, value: 2 }],
  ["deleteAnalyticsMetric", { id: "1" }],
  ["createPerformanceLog", { organizationId: "1", serviceName: "s", endpoint: "/", responseTimeMs: 1 }],
  ["updatePerformanceLog", { id: "2", version: 1, endpoint: "/" }],
  ["deletePerformanceLog", { id: "2" }],
  // The platform's own, which belongs to no organization.
  ["updatePerformanceLog", { id: "1", version: 1, endpoint: "/" }],
  ["deletePerformanceLog", { id: "1" }],
];

it.each(FOREIGN)("%s of another organization answers as what does not exist: %o", async (name, input) => {
  const client = await app.as("otherAnalyst");
  const before = await state();
  const [reference] = ["id", "organizationId", "scanId", "userId"].filter((key) => key in input) as [string];
  const foreign = await client.run(document(name), { input }, { "x-request-id": "foreign" });
  const unknown = await client.run(document(name), { input: { ...input, [reference]: "9007199254740993" } });
  expect([foreign.code, foreign.status]).toEqual(["NOT_FOUND", 404]);
  const told = ({ status, data, errors }: typeof foreign) => ({
    status,
    data,
    errors: errors?.map(({ extensions: { requestId: _, ...extensions }, ...error }) => ({ ...error, extensions })),
  });
  expect(told(foreign)).toEqual(told(unknown));
  expect(await state()).toEqual(before);
  expect((await audited("foreign")).at(-1)).toEqual({ success: false, code: "NOT_FOUND" });
});

it("a performance log without organization is the platform's own: no tenant may write one", async () => {
  const before = await state();
  const input = { serviceName: "s", endpoint: "/", responseTimeMs: 1 };
  for (const given of [input, { ...input, organizationId: null }]) {
    const { code } = await (await app.as("analyst")).run(document("createPerformanceLog"), { input: given });
    expect(["NOT_FOUND", "BAD_USER_INPUT", "FORBIDDEN"]).toContain(code);
  }
  expect(await state()).toEqual(before);
});

const user = { password: "four-random-words", role: "DBA" };
const matching = (id: string) => ({ filter: { id: { eq: id } }, expectedCount: 1 });
it.each<[string, Record<string, unknown>, string]>([
  ["createUser", { ...user, email: "viewer@demo.example" }, "email"],
  ["createUser", { ...user, email: "VIEWER@Demo.Example" }, "email"],
  ["updateUser", { id: "2", version: 1, email: "Admin@Demo.example" }, "email"],
  ["updateUsers", { ...matching("2"), changes: { fullName: "n", email: "Admin@Demo.example" } }, "changes.email"],
  // Of no organization, so that it is judged in a transaction.
  ["updateUser", { id: "2", version: 1, email: "Admin@Demo.example", role: "DBA" }, "email"],
  [
    "updateUsers",
    { filter: { role: { eq: "ANALYST" } }, expectedCount: 2, changes: { email: "twice@demo.example" } },
    "changes.email",
  ],
  ["createOrganization", { name: "n", domain: "demo.example" }, "domain"],
  ["createOrganization", { name: "n", domain: "DEMO.example" }, "domain"],
  ["updateOrganization", { id: "2", version: 1, domain: "Demo.Example" }, "domain"],
  ["updateOrganization", { id: "2", version: 1, name: "demo.example", domain: "demo.example" }, "domain"],
  ["updateOrganizations", { ...matching("2"), changes: { name: "n", domain: "Demo.Example" } }, "changes.domain"],
])("%s refuses a duplicate and names it: %o", async (name, input, field) => {
  const admin = await app.as("admin");
  const before = await state();
  const requestId = `duplicate.${Math.abs(JSON.stringify(input).length)}.${name}`;
  const { code, status, errors } = await admin.run(document(name), { input }, { "x-request-id": requestId });
  expect([code, status, errors?.[0]?.extensions.field]).toEqual(["CONFLICT", 409, field]);
  expect(errors?.[0]?.message).not.toMatch(/demo/i);
  expect(await state()).toEqual(before);
  expect((await audited(requestId)).at(-1)).toEqual({ success: false, code: "CONFLICT" });
});

it("of parallel creations of one e-mail address one wins", async () => {
  const admin = await app.as("admin");
  const answers = await Promise.all(
    ["twin@demo.example", "TWIN@demo.example", "Twin@demo.example"].map((email) =>
      admin.run(document("createUser"), { input: { ...user, email } }),
    ),
  );
  expect(answers.map(({ code }) => code ?? "").sort()).toEqual(["", "CONFLICT", "CONFLICT"]);
});

/** Raw JSON, because JSON.stringify escapes what it is given and no more. */
it.each(["\\u0000", "a\\ud800", "\\udc00b"])("refuses %s as it stands in the body", async (escaped) => {
  const { token } = await app.as("analyst");
  const before = await state();
  const body = `{"query": ${JSON.stringify(document("createScan"))}, "variables":
    {"input": {"organizationId": "1", "targetUrl": "https://a.example/", "scanType": "${escaped}"}}}`;
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const response = await fetch(`${app.url}/graphql`, { method: "POST", headers, body });
  const { errors } = (await response.json()) as { errors: { extensions: object }[] };
  expect([response.status, errors[0]?.extensions]).toMatchObject([400, { code: "BAD_USER_INPUT", field: "scanType" }]);
  expect(await state()).toEqual(before);
});
