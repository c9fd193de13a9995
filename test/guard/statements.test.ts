/** How many statements each operation sends: one for whatever is read, and a fixed number for each change. */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS, PASSWORD, signIn, testApp } from "../support/app.js";

const app = testApp();

/** Postern looks for revoked sessions every second, whatever is asked. */
const POLL = /"revoked_at" > /;

/** Runs an operation that must succeed. @returns the statements it sent, each as its verb and table */
async function statementsOf(client: Client, query: string, variables?: Record<string, unknown>): Promise<string[]> {
  app.statements.length = 0;
  const { status, errors } = await client.run(query, variables);
  expect(errors).toBeUndefined();
  expect(status).toBe(200);
  return app.statements
    .filter((text) => !POLL.test(text))
    .map(
      (text) =>
        /^(insert into|update|delete from) "?(\w+)"?/.exec(text)?.slice(1).join(" ") ?? text.trim().split(/\s+/)[0]!,
    );
}

describe("a read is one statement", () => {
  const FOLDER = new URL("../../schema/examples/", import.meta.url);
  const reads = readdirSync(FOLDER)
    .map((file) => ({ file, text: readFileSync(new URL(file, FOLDER), "utf8") }))
    .filter(({ text }) => /^query /m.test(text))
    .map((example) => ({
      ...example,
      variables: JSON.parse(/^# variables: (.*)$/m.exec(example.text)?.[1] ?? "null"),
    }));

  it("has examples", () => expect(reads).toHaveLength(6));

  it.each(reads)("$file", async ({ text, variables }) => {
    expect(await statementsOf(await app.as("admin"), text, variables)).toEqual(["select"]);
  });

  it("for every root field, as a list with everything and as a row", async () => {
    const admin = await app.as("admin");
    const fields = Object.values(app.schema.getQueryType()!.getFields()).filter(({ name }) => name !== "viewer");
    expect(fields).toHaveLength(18);
    for (const { name, args } of fields) {
      const query = args.some((arg) => arg.name === "id")
        ? `{ ${name}(id: 1) { id } }`
        : `{ ${name} { totalCount nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }`;
      expect(await statementsOf(admin, query), name).toEqual(["select"]);
    }
  });

  it("however many root fields and levels there are", async () => {
    const query = `{
      organizations { nodes { users { nodes { organization { scans { nodes { vulnerabilities(first: 2) { totalCount } } } } } } } }
      chatSessions { nodes { user { organization { name } } } } a: scan(id: 1) { id } b: scan(id: 2) { id }
      analyticsMetrics { nodes { organization { name } } } securityEvents { nodes { user { organization { name } } } }
      auditLogs { totalCount } performanceLogs { totalCount } viewer { user { email } organization { name } }
    }`;
    expect(await statementsOf(await app.as("admin"), query)).toEqual(["select"]);
  });

  it("none where a session is all that is asked for", async () => {
    expect(await statementsOf(await app.as("viewer"), "{ viewer { role permissions } }")).toEqual([]);
  });
});

describe("a change is a transaction of a change and its record, then one read", () => {
  let ids: Record<"organization" | "user" | "scan" | "vulnerability" | "chat" | "metric" | "log", string>;
  beforeAll(async () => {
    const [row] = await app.sql`
      with o as (insert into organizations (name, domain) values ('S', 's.example') returning id),
      u as (insert into users (email, password_hash, role) values ('s@s.example', 'x', 'DBA') returning id),
      s as (insert into scans (organization_id, target_url, scan_type) values (1, 'https://s.example/', 'FULL') returning id),
      c as (insert into chat_sessions (user_id, session_id, message) values (1, 's', 'm') returning id),
      m as (insert into analytics_metrics (organization_id, metric_type, value) values (1, 'm', 1) returning id),
      l as (insert into performance_logs (organization_id, service_name, endpoint, response_time_ms) values (1, 's', 'e', 1) returning id)
      select o.id as organization, u.id as "user", s.id as scan, c.id as chat, m.id as metric, l.id as log from o, u, s, c, m, l`;
    const [vulnerability] = await app.sql`
      insert into vulnerabilities (scan_id, severity, vuln_type, title) values (${row?.scan}, 'LOW', 'X', 't') returning id`;
    ids = { ...row, vulnerability: vulnerability?.id } as unknown as typeof ids;
  });

  /** Of a mutation: its input, the selection of its payload, and its statements. */
  const MUTATIONS: Record<string, [input: () => object, selection: string, statements: string[]]> = {
    createOrganization: [
      () => ({ name: "N", domain: "n.example" }),
      "organization { id }",
      ["begin", "insert into organizations", "insert into audit_logs", "commit", "select"],
    ],
    updateOrganization: [
      () => ({ id: ids.organization, version: 1, name: "M" }),
      "organization { id }",
      ["begin", "update organizations", "insert into audit_logs", "commit", "select"],
    ],
    deleteOrganization: [
      () => ({ id: ids.organization }),
      "deletedOrganizationId",
      ["begin", "delete from organizations", "insert into audit_logs", "commit"],
    ],
    createUser: [
      () => ({ email: "n@n.example", password: "correct horse battery", role: "DBA" }),
      "user { id }",
      ["begin", "insert into users", "insert into audit_logs", "commit", "select"],
    ],
    updateUser: [
      () => ({ id: ids.user, version: 1, fullName: "N" }),
      "user { id }",
      ["begin", "update users", "insert into audit_logs", "commit", "select"],
    ],
    deleteUser: [
      () => ({ id: ids.user }),
      "deletedUserId",
      ["begin", "select", "update sessions", "delete from users", "insert into audit_logs", "commit"],
    ],
    createScan: [
      () => ({ organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" }),
      "scan { id organization { name } }",
      ["begin", "insert into scans", "insert into audit_logs", "commit", "select"],
    ],
    updateScan: [
      () => ({ id: ids.scan, version: 1, scanType: "API" }),
      "scan { id vulnerabilities { totalCount } }",
      ["begin", "update scans", "insert into audit_logs", "commit", "select"],
    ],
    createVulnerability: [
      () => ({ scanId: ids.scan, severity: "LOW", vulnType: "X", title: "t" }),
      "vulnerability { id scan { id } }",
      ["begin", "insert into vulnerabilities", "insert into audit_logs", "commit", "select"],
    ],
    createVulnerabilities: [
      () => ({ scanId: ids.scan, items: Array(50).fill({ severity: "LOW", vulnType: "X", title: "t" }) }),
      "scan { id } vulnerabilities { id }",
      ["begin", "insert into vulnerabilities", "insert into audit_logs", "commit", "select"],
    ],
    updateVulnerability: [
      () => ({ id: ids.vulnerability, version: 1, title: "u" }),
      "vulnerability { id }",
      ["begin", "update vulnerabilities", "insert into audit_logs", "commit", "select"],
    ],
    deleteVulnerability: [
      () => ({ id: ids.vulnerability }),
      "deletedVulnerabilityId",
      ["begin", "delete from vulnerabilities", "insert into audit_logs", "commit"],
    ],
    deleteScan: [
      () => ({ id: ids.scan }),
      "deletedScanId",
      ["begin", "delete from scans", "insert into audit_logs", "commit"],
    ],
    createChatSession: [
      () => ({ userId: "1", sessionId: "n", message: "m" }),
      "chatSession { id user { email } }",
      ["begin", "insert into chat_sessions", "insert into audit_logs", "commit", "select"],
    ],
    updateChatSession: [
      () => ({ id: ids.chat, version: 1, message: "n" }),
      "chatSession { id }",
      ["begin", "update chat_sessions", "insert into audit_logs", "commit", "select"],
    ],
    deleteChatSession: [
      () => ({ id: ids.chat }),
      "deletedChatSessionId",
      ["begin", "delete from chat_sessions", "insert into audit_logs", "commit"],
    ],
    createAnalyticsMetric: [
      () => ({ organizationId: "1", metricType: "n", value: 2 }),
      "analyticsMetric { id }",
      ["begin", "insert into analytics_metrics", "insert into audit_logs", "commit", "select"],
    ],
    updateAnalyticsMetric: [
      () => ({ id: ids.metric, version: 1, value: 3 }),
      "analyticsMetric { id }",
      ["begin", "update analytics_metrics", "insert into audit_logs", "commit", "select"],
    ],
    deleteAnalyticsMetric: [
      () => ({ id: ids.metric }),
      "deletedAnalyticsMetricId",
      ["begin", "delete from analytics_metrics", "insert into audit_logs", "commit"],
    ],
    createPerformanceLog: [
      () => ({ serviceName: "n", endpoint: "e", responseTimeMs: 2 }),
      "performanceLog { id }",
      ["begin", "insert into performance_logs", "insert into audit_logs", "commit", "select"],
    ],
    updatePerformanceLog: [
      () => ({ id: ids.log, version: 1, responseTimeMs: 3 }),
      "performanceLog { id }",
      ["begin", "update performance_logs", "insert into audit_logs", "commit", "select"],
    ],
    deletePerformanceLog: [
      () => ({ id: ids.log }),
      "deletedPerformanceLogId",
      ["begin", "delete from performance_logs", "insert into audit_logs", "commit"],
    ],
    recordSecurityEvent: [
      () => ({ eventType: "n", eventStatus: "WARNING" }),
      "securityEvent { id }",
      ["begin", "insert into security_events", "insert into audit_logs", "commit", "select"],
    ],
  };

  const DOORS: Record<string, [input: (refreshToken: string) => object, selection: string, statements: string[]]> = {
    signIn: [
      () => ({ email: EMAILS.viewer, password: PASSWORD }),
      "accessToken viewer { role }",
      ["select", "begin", "with", "insert into security_events", "commit"],
    ],
    refreshSession: [
      (refreshToken) => ({ refreshToken }),
      "accessToken viewer { role }",
      ["begin", "with", "insert into security_events", "commit"],
    ],
    signOut: [
      (refreshToken) => ({ refreshToken }),
      "signedOut",
      ["begin", "with", "insert into security_events", "commit"],
    ],
  };

  const documentOf = (name: string, selection: string) => {
    const nullable = name === "signOut" ? "" : "!";
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input${nullable}`;
    return `mutation($input: ${type}) { ${name}(input: $input) { ${selection} } }`;
  };

  it("counts every mutation", () => {
    const named = [...Object.keys(MUTATIONS), ...Object.keys(DOORS)].sort();
    expect(named).toEqual(Object.keys(app.schema.getMutationType()!.getFields()).sort());
  });

  it.each(Object.keys(MUTATIONS))("%s by staff", async (name) => {
    const [input, selection, statements] = MUTATIONS[name]!;
    const sent = await statementsOf(await app.as("admin"), documentOf(name, selection), { input: input() });
    expect(sent).toEqual(statements);
  });

  it("of somebody of one organization one look more, where the row does not itself name the organization", async () => {
    const analyst = await app.as("analyst");
    const scan = { organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" };
    expect(await statementsOf(analyst, documentOf("createScan", "scan { id }"), { input: scan })).toEqual([
      "begin",
      "insert into scans",
      "insert into audit_logs",
      "commit",
      "select",
    ]);
    const many = { scanId: "1", items: Array(50).fill({ severity: "LOW", vulnType: "X", title: "t" }) };
    const document = documentOf("createVulnerabilities", "scan { id } vulnerabilities { id }");
    expect(await statementsOf(analyst, document, { input: many })).toEqual([
      "begin",
      "select",
      "insert into vulnerabilities",
      "insert into audit_logs",
      "commit",
      "select",
    ]);
  });

  it.each(Object.keys(DOORS))("%s", async (name) => {
    const [input, selection, statements] = DOORS[name]!;
    const { refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
    const sent = await statementsOf(app.anonymous, documentOf(name, selection), { input: input(refreshToken) });
    expect(sent).toEqual(statements);
  });
});
