/** How many statements each operation sends: one for whatever is read, and a fixed number for each change. */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { OPERATION_TYPES } from "../../src/providers/provider.js";
import { type Client, EMAILS, PASSWORD, signIn, testApp } from "../support/app.js";
import {
  describeInstance,
  insertBusyInstance,
  insertInstance,
  insertOperation,
  insertSnapshot,
  memoryProvider,
} from "../support/fleet-port.js";

/** A fleet whose only instance is busy with an operation that does not end, and is looked at every ten minutes. */
const fleet = memoryProvider([describeInstance()]);
fleet.hold("p-1");
const pace = { intervalMs: 600_000, attempts: 10 };
const OPERATION_POLLING = JSON.stringify({
  port: Object.fromEntries(OPERATION_TYPES.map((type) => [type, pace])),
});
// A sweep would claim what waits here, in the midst of what is counted.
const app = testApp({ OPERATION_POLLING }, async () => [fleet.provider], { sweepMs: 3_600_000 });

/** What Postern does by the clock, whatever is asked: revoked sessions, operations that wait, late ends, and leases of what runs. */
const POLL =
  /"revoked_at" > |^select distinct "instance_id" from "operations"|"operations"."ended_at" > now\(\)|^update "operations" set "lease_until" = /;

const withoutPolls = () => app.statements.filter((text) => !POLL.test(text));

beforeAll(() => fleet.silence());

/** Runs an operation that must succeed, or fail with one code. @returns the statements it sent, each as its verb and table */
async function statementsOf(
  client: Client,
  query: string,
  variables?: Record<string, unknown>,
  refusal?: string,
): Promise<string[]> {
  app.statements.length = 0;
  const { status, errors } = await client.run(query, variables);
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(refusal && [refusal]);
  if (!refusal) expect(status).toBe(200);
  return withoutPolls().map(named);
}

/** Records that are written with no change. */
const KEEP = "keep records";

/** A statement as its verb and, where it changes something or looks at the fleet on behalf of a service, its table. */
function named(text: string): string {
  const both = /\bchanged as \(\s*(insert into|update|delete from) "(\w+)"/.exec(text);
  if (both) {
    const beside = ["audit_logs", "idempotency_keys"].filter((table) => text.includes(`insert into "${table}"`));
    return [both.slice(1).join(" "), ...beside].join(" and ");
  }
  if (/^with audited as/.test(text)) return KEEP;
  if (/^with matched as/.test(text)) return "look what matches";
  const change = /^\s*(insert into|update|delete from) "?(\w+)"?/i.exec(text);
  if (change) return change.slice(1).join(" ").toLowerCase();
  const look =
    /^\s*select (?:"id"|distinct|count|exists)[\s\S]*? from "(instances|operations|environment_mappings|snapshots)"/.exec(
      text,
    );
  return look ? `select ${look[1]}` : text.trim().split(/\s+/)[0]!;
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

  it("has examples", () => expect(reads).toHaveLength(10));

  it.each(reads)("$file", async ({ text, variables }) => {
    expect(await statementsOf(await app.as("admin"), text, variables)).toEqual(["select"]);
  });

  it("for every root field, as a list with everything and as a row", async () => {
    const admin = await app.as("admin");
    const fields = Object.values(app.schema.getQueryType()!.getFields()).filter(({ name }) => name !== "viewer");
    expect(fields, "as many as you know of").toHaveLength(26);
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

  it("whatever an instance and an operation hold themselves, and what is derived from it", async () => {
    const [id, operationId] = [
      await insertInstance(app, "TEST"),
      await insertOperation(app, await insertBusyInstance(app)),
    ];
    const instance = `id identifier endpoint { host } members { name endpoint { port } } tags { key value }
      environment { environment evidence { method detail } } availableOperations { type allowed reason }`;
    const operation = `id progress { at message } error { code } instance { ${instance} } snapshot { identifier tags { key } }`;
    const queries = [
      `{ instance(id: ${id}) { ${instance} } }`,
      '{ instance(id: "orders-test") { identifier } }',
      `{ instances { totalCount nodes { ${instance} snapshots { nodes { arn tags { key } } } operations { nodes { ${operation} } } } } }`,
      `{ operation(id: ${operationId}) { ${operation} } }`,
      `{ operations { totalCount nodes { ${operation} } } instances { nodes { ${instance} } } viewer { user { email } } }`,
    ];
    for (const query of queries) expect(await statementsOf(await app.as("dba"), query), query).toEqual(["select"]);
  });

  it.each([
    [
      "a read",
      (a: string) => `{ ${a}: vulnerability(id: 1) { ${a}1: title scan { id ${a}2: organization { name } } } }`,
    ],
    [
      "a change",
      (
        a: string,
      ) => `mutation { ${a}: createScan(input: { organizationId: 1, targetUrl: "https://a.example", scanType: "API" }) {
        scan { ${a}1: status organization { ${a}2: name } } } }`,
    ],
  ])("%s sends the same for operations that only name their fields in other ways", async (_case, queryNaming) => {
    const admin = await app.as("admin");
    const textsOf = async (name: string) => {
      expect(await statementsOf(admin, queryNaming(name))).toHaveLength(1);
      return withoutPolls();
    };
    expect(await textsOf("a")).toEqual(await textsOf("b"));
  });

  it("none where a session is all that is asked for", async () => {
    expect(await statementsOf(await app.as("viewer"), "{ viewer { role permissions } }")).toEqual([]);
  });
});

describe("a change is one statement with its record and its row; what may change with it, and other rows, one read more", () => {
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
    await app.sql`
      insert into vulnerabilities (scan_id, severity, vuln_type, title) select 1, 'LOW', 'X', 'many' from generate_series(1, 3)`;
    ids = { ...row, vulnerability: vulnerability?.id } as unknown as typeof ids;
  });

  type Counted = Record<string, [input: () => object, selection: string, statements: string[]]>;

  /** Three rows are made at once, then changed and deleted by what they have in common. */
  const bulk = (one: string, many: string, table: string, item: object, filter: object, changes: object): Counted => {
    const field = many.charAt(0).toLowerCase() + many.slice(1);
    const matching = { filter, expectedCount: 3 };
    return {
      [`create${many}`]: [
        () => ({ items: [1, 2, 3].map((n) => JSON.parse(JSON.stringify(item).replaceAll("#", `${n}`))) }),
        `${field} { id }`,
        [`insert into ${table} and audit_logs`, "select"],
      ],
      [`update${many}`]: [
        () => ({ ...matching, changes }),
        `${field} { id }`,
        [`update ${table} and audit_logs`, "select"],
      ],
      [`delete${many}`]: [() => matching, `deleted${one}Ids`, [`delete from ${table} and audit_logs`]],
    };
  };
  const ofUsers = bulk(
    "User",
    "Users",
    "users",
    { email: "bulk#@s.example", password: "correct horse battery", role: "DBA" },
    { email: { startsWith: "bulk" } },
    { fullName: "B" },
  );
  const ofVulnerabilities = bulk(
    "Vulnerability",
    "Vulnerabilities",
    "vulnerabilities",
    {},
    { title: { eq: "many" } },
    { severity: "LOW" },
  );

  /** Of a mutation: its input, the selection of its payload, and its statements. */
  const MUTATIONS: Counted = {
    ...bulk(
      "Organization",
      "Organizations",
      "organizations",
      { name: "bulk", domain: "bulk#.example" },
      { name: { eq: "bulk" } },
      { subscriptionTier: "PRO" },
    ),
    upsertOrganization: [
      () => ({ name: "U", domain: "upserted.example" }),
      "organization { id } created",
      ["select", "insert into organizations and audit_logs"],
    ],
    ...ofUsers,
    deleteUsers: [
      ofUsers.deleteUsers![0],
      "deletedUserIds",
      ["begin", "look what matches", "select", "update sessions", "delete from users and audit_logs", "commit"],
    ],
    upsertUser: [
      () => ({ email: "upserted@s.example", password: "correct horse battery", role: "DBA" }),
      "user { id } created",
      ["select", "insert into users and audit_logs"],
    ],
    ...bulk(
      "Scan",
      "Scans",
      "scans",
      { organizationId: "1", targetUrl: "https://b.example/", scanType: "BULK" },
      { scanType: { eq: "BULK" } },
      { status: "FAILED" },
    ),
    updateVulnerabilities: ofVulnerabilities.updateVulnerabilities!,
    deleteVulnerabilities: ofVulnerabilities.deleteVulnerabilities!,
    ...bulk(
      "ChatSession",
      "ChatSessions",
      "chat_sessions",
      { userId: "1", sessionId: "bulk", message: "m" },
      { sessionId: { eq: "bulk" } },
      { response: "r" },
    ),
    ...bulk(
      "AnalyticsMetric",
      "AnalyticsMetrics",
      "analytics_metrics",
      { organizationId: "1", metricType: "bulk", value: 1 },
      { metricType: { eq: "bulk" } },
      { value: 2 },
    ),
    ...bulk(
      "PerformanceLog",
      "PerformanceLogs",
      "performance_logs",
      { serviceName: "bulk", endpoint: "e", responseTimeMs: 2 },
      { serviceName: { eq: "bulk" } },
      { responseTimeMs: 3 },
    ),
    createOrganization: [
      () => ({ name: "N", domain: "n.example" }),
      "organization { id }",
      ["insert into organizations and audit_logs"],
    ],
    updateOrganization: [
      () => ({ id: ids.organization, version: 1, name: "M" }),
      "organization { id }",
      ["update organizations and audit_logs"],
    ],
    deleteOrganization: [
      () => ({ id: ids.organization }),
      "deletedOrganizationId",
      ["delete from organizations and audit_logs"],
    ],
    createUser: [
      () => ({ email: "n@n.example", password: "correct horse battery", role: "DBA" }),
      "user { id }",
      ["insert into users and audit_logs"],
    ],
    updateUser: [() => ({ id: ids.user, version: 1, fullName: "N" }), "user { id }", ["update users and audit_logs"]],
    deleteUser: [
      () => ({ id: ids.user }),
      "deletedUserId",
      ["begin", "select", "update sessions", "delete from users and audit_logs", "commit"],
    ],
    createScan: [
      () => ({ organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" }),
      "scan { id organization { name } }",
      ["insert into scans and audit_logs"],
    ],
    updateScan: [
      () => ({ id: ids.scan, version: 1, scanType: "API" }),
      "scan { id vulnerabilities { totalCount } }",
      ["update scans and audit_logs", "select"],
    ],
    createVulnerability: [
      () => ({ scanId: ids.scan, severity: "LOW", vulnType: "X", title: "t" }),
      "vulnerability { id scan { id } }",
      ["insert into vulnerabilities and audit_logs", "select"],
    ],
    createVulnerabilities: [
      () => ({ scanId: ids.scan, items: Array(50).fill({ severity: "LOW", vulnType: "X", title: "t" }) }),
      "scan { id } vulnerabilities { id }",
      ["insert into vulnerabilities and audit_logs", "select"],
    ],
    updateVulnerability: [
      () => ({ id: ids.vulnerability, version: 1, title: "u" }),
      "vulnerability { id }",
      ["update vulnerabilities and audit_logs"],
    ],
    deleteVulnerability: [
      () => ({ id: ids.vulnerability }),
      "deletedVulnerabilityId",
      ["delete from vulnerabilities and audit_logs"],
    ],
    deleteScan: [() => ({ id: ids.scan }), "deletedScanId", ["delete from scans and audit_logs"]],
    createChatSession: [
      () => ({ userId: "1", sessionId: "n", message: "m" }),
      "chatSession { id user { email } }",
      ["insert into chat_sessions and audit_logs"],
    ],
    updateChatSession: [
      () => ({ id: ids.chat, version: 1, message: "n" }),
      "chatSession { id }",
      ["update chat_sessions and audit_logs"],
    ],
    deleteChatSession: [() => ({ id: ids.chat }), "deletedChatSessionId", ["delete from chat_sessions and audit_logs"]],
    createAnalyticsMetric: [
      () => ({ organizationId: "1", metricType: "n", value: 2 }),
      "analyticsMetric { id }",
      ["insert into analytics_metrics and audit_logs"],
    ],
    updateAnalyticsMetric: [
      () => ({ id: ids.metric, version: 1, value: 3 }),
      "analyticsMetric { id }",
      ["update analytics_metrics and audit_logs"],
    ],
    deleteAnalyticsMetric: [
      () => ({ id: ids.metric }),
      "deletedAnalyticsMetricId",
      ["delete from analytics_metrics and audit_logs"],
    ],
    createPerformanceLog: [
      () => ({ serviceName: "n", endpoint: "e", responseTimeMs: 2 }),
      "performanceLog { id }",
      ["insert into performance_logs and audit_logs"],
    ],
    updatePerformanceLog: [
      () => ({ id: ids.log, version: 1, responseTimeMs: 3 }),
      "performanceLog { id }",
      ["update performance_logs and audit_logs"],
    ],
    deletePerformanceLog: [
      () => ({ id: ids.log }),
      "deletedPerformanceLogId",
      ["delete from performance_logs and audit_logs"],
    ],
    setEnvironmentMapping: [
      () => ({ instanceId: "orders-test", environment: "TEST", reason: "It is one." }),
      "instance { id environment { evidence { detail } } }",
      [
        ...["begin", "select", "select instances", "insert into environment_mappings", "select environment_mappings"],
        ...["update instances", "insert into audit_logs", "commit", "select"],
      ],
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

  const LOOK = "select instances";
  // The door looks, and the transaction that locks; the job travels with the rest.
  const queued = (...preparation: string[]) => [
    LOOK,
    ...["begin", LOOK, "select operations", ...preparation, "insert into operations", "insert into pgboss"],
    ...["insert into audit_logs", "commit", "select"],
  ];
  /** Of a mutation: its input, its statements where it is accepted, an input that is refused as wrong, and the statements then. */
  const OPERATIONS: Record<
    string,
    [input: () => Promise<object>, accepted: string[], wrong: () => object, code: string, refused: string[]]
  > = {
    createSnapshot: [
      async () => ({ instanceId: "orders-test", tags: [{ key: "a", value: "b" }] }),
      // The identifier: the lock on all of them, and whether it is taken.
      queued("select", "select snapshots"),
      () => ({ instanceId: "nowhere" }),
      "NOT_FOUND",
      [LOOK, "begin", LOOK, "rollback", KEEP],
    ],
    deleteSnapshot: [
      async () => ({ instanceId: "orders-test", snapshotId: await snapshotHere() }),
      queued("select snapshots"),
      () => ({ instanceId: "orders-test", snapshotId: "nowhere" }),
      "NOT_FOUND",
      [LOOK, "begin", LOOK, "select operations", "select snapshots", "rollback", KEEP],
    ],
    restoreSnapshot: [
      async () => ({ instanceId: "orders-test", snapshotId: await snapshotHere(), identifier: "orders-test-copy" }),
      // The identifier: the lock on all of them, and whether it is taken. Then what is said of the environment.
      queued("select snapshots", "select", "select instances", "select environment_mappings"),
      () => ({ instanceId: "orders-test", snapshotId: "nowhere", identifier: "a--b" }),
      "BAD_USER_INPUT",
      [LOOK, KEEP],
    ],
    rebootInstance: [
      async () => ({ instanceId: "orders-test", forceFailover: true }),
      queued(),
      () => ({ instanceId: "orders-test", waitSeconds: 301 }),
      "BAD_USER_INPUT",
      [LOOK, KEEP],
    ],
    modifyBackupWindow: [
      async () => ({ instanceId: "orders-test", backupWindow: "01:00-01:30" }),
      queued(),
      () => ({ instanceId: "orders-test", backupWindow: "04:45-05:15" }),
      "BAD_USER_INPUT",
      [LOOK, "begin", LOOK, "select operations", "rollback", KEEP],
    ],
    cancelOperation: [
      async () => ({ operationId: await insertOperation(app, await busyId()) }),
      [
        ...["begin", "select operations", "update operations"],
        ...["insert into audit_logs", "insert into audit_logs", "commit", "select"],
      ],
      () => ({ operationId: "987654321" }),
      "NOT_FOUND",
      ["begin", "select operations", "rollback", KEEP],
    ],
  };
  const snapshotHere = async (): Promise<string> => {
    await insertSnapshot(app, await busyId(), `here-${++snapshots}`);
    return `here-${snapshots}`;
  };
  let snapshots = 0;
  const busyId = async (): Promise<string> =>
    (await app.sql`select id::text from instances where identifier = 'orders-test'`)[0]?.id;

  describe("operations", () => {
    beforeAll(async () => {
      const dba = await app.as("dba");
      const instanceId = "orders-test";
      const held = { deleteSnapshot: { instanceId, snapshotId: await snapshotHere() }, rebootInstance: { instanceId } };
      for (const [name, input] of Object.entries(held)) {
        const { data } = await dba.run(documentOf(name, "operation { id }"), { input });
        // Until the worker sleeps: it sends nothing more, because the instance, and its snapshots, are its own and busy.
        await vi.waitFor(async () => {
          const [row] =
            await app.sql`select progress <> '[]' as seen from operations where id = ${data[name].operation.id}`;
          expect(row?.seen).toBe(true);
        });
      }
    });

    it.each(Object.keys(OPERATIONS))("%s, accepted", async (name) => {
      const [input, accepted] = OPERATIONS[name]!;
      const document = documentOf(name, "operation { id progress { at } instance { members { name } } }");
      const given = await input();
      expect(await statementsOf(await app.as("dba"), document, { input: given })).toEqual(accepted);
    });

    it.each(Object.keys(OPERATIONS))("%s, refused for what it asks", async (name) => {
      const [, , wrong, code, refused] = OPERATIONS[name]!;
      const document = documentOf(name, "operation { id }");
      expect(await statementsOf(await app.as("dba"), document, { input: wrong() }, code)).toEqual(refused);
    });

    it.each(Object.keys(OPERATIONS))("%s, refused to a role: its record and its event", async (name) => {
      const input = await OPERATIONS[name]![0]();
      const sent = await statementsOf(
        await app.as("viewer"),
        documentOf(name, "operation { id }"),
        { input },
        "FORBIDDEN",
      );
      expect(sent).toEqual([KEEP, KEEP]);
    });

    it("on production one look, its record and its event; of several in one request still one look", async () => {
      const instanceId = await insertInstance(app, "PRODUCTION");
      const document = documentOf("rebootInstance", "operation { id }");
      const dba = await app.as("dba");
      const sent = await statementsOf(dba, document, { input: { instanceId } }, "PRODUCTION_PROTECTED");
      expect(sent).toEqual([LOOK, KEEP, KEEP]);
      app.statements.length = 0;
      await dba.run(
        `mutation($i: RebootInstanceInput!) { a: rebootInstance(input: $i) { operation { id } } b: rebootInstance(input: $i) { operation { id } } }`,
        { i: { instanceId } },
      );
      expect(app.statements.filter((text) => /from "instances"/.test(text))).toHaveLength(1);
    });
  });

  /** The fleet looks around once a minute, and its worker whenever it is woken. */
  const withoutFleet = (sent: string[]) => sent.filter((text) => !/(instances|operations)$/.test(text));

  it("counts every mutation", () => {
    const named = [...Object.keys(MUTATIONS), ...Object.keys(DOORS), ...Object.keys(OPERATIONS)].sort();
    expect(named).toEqual(Object.keys(app.schema.getMutationType()!.getFields()).sort());
  });

  it.each(Object.keys(MUTATIONS))("%s by staff", async (name) => {
    const [input, selection, statements] = MUTATIONS[name]!;
    const sent = await statementsOf(await app.as("admin"), documentOf(name, selection), { input: input() });
    expect(name === "setEnvironmentMapping" ? sent : withoutFleet(sent)).toEqual(statements);
  });

  it("with an idempotency key as many; the second time two looks and the record instead", async () => {
    const admin = await app.as("admin");
    const input = { organizationId: "1", targetUrl: "https://k.example/", scanType: "FULL", idempotencyKey: "counted" };
    const document = documentOf("createScan", "scan { id }");
    expect(await statementsOf(admin, document, { input })).toEqual([
      "insert into scans and audit_logs and idempotency_keys",
    ]);
    expect(await statementsOf(admin, document, { input })).toEqual([
      ...["insert into scans and audit_logs and idempotency_keys", "select", "select", "insert into audit_logs"],
      "select",
    ]);
  });

  it("of a user that ends sessions a transaction, and of an upsert a look before", async () => {
    const admin = await app.as("admin");
    const input = { email: "upserted@s.example", fullName: "N", role: "SECURITY" };
    expect(await statementsOf(admin, documentOf("upsertUser", "user { id } created"), { input })).toEqual([
      ...["select", "begin", "select", "update sessions", "update users and audit_logs", "commit"],
    ]);
    const organization = { name: "N", domain: "upserted.example" };
    expect(
      await statementsOf(admin, documentOf("upsertOrganization", "organization { id } created"), {
        input: organization,
      }),
    ).toEqual(["select", "update organizations and audit_logs"]);
  });

  it("of somebody of one organization no look more, also where the row does not itself name the organization", async () => {
    const analyst = await app.as("analyst");
    const scan = { organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" };
    expect(
      await statementsOf(analyst, documentOf("createScan", "scan { id organization { name } }"), { input: scan }),
    ).toEqual(["insert into scans and audit_logs"]);
    const many = { scanId: "1", items: Array(50).fill({ severity: "LOW", vulnType: "X", title: "t" }) };
    const document = documentOf("createVulnerabilities", "scan { id } vulnerabilities { id }");
    expect(await statementsOf(analyst, document, { input: many })).toEqual([
      "insert into vulnerabilities and audit_logs",
      "select",
    ]);
  });

  it.each(Object.keys(DOORS))("%s", async (name) => {
    const [input, selection, statements] = DOORS[name]!;
    const { refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
    const sent = await statementsOf(app.anonymous, documentOf(name, selection), { input: input(refreshToken) });
    expect(withoutFleet(sent)).toEqual(statements);
  });
});
