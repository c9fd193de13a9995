/** Who may call what: every root field as every role and as nobody, with what each refusal leaves behind. */
import { beforeAll, describe, expect, it } from "vitest";
import { OPERATION_TYPES } from "../../src/providers/provider.js";
import { type Answer, type Client, EMAILS, PASSWORD, type Somebody, signIn, testApp } from "../support/app.js";
import {
  describeInstance,
  HOST,
  insertBusyInstance,
  insertFinding,
  insertInstance,
  insertOperation,
  insertSnapshot,
  silentProvider,
} from "../support/fleet-port.js";

const app = testApp({}, async () => [silentProvider()]);

const ROLES = ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"] as const;
type Role = (typeof ROLES)[number];
/** Null is nobody. */
type Caller = Role | null;
const CALLERS: readonly Caller[] = [null, ...ROLES];

const EVERYBODY = CALLERS;
const SIGNED_IN = ROLES;
const TENANT_DATA: readonly Caller[] = ["VIEWER", "ANALYST", "ADMIN"];
const WRITE_DATA: readonly Caller[] = ["ANALYST", "ADMIN"];
const ADMIN: readonly Caller[] = ["ADMIN"];
const INVENTORY: readonly Caller[] = ROLES;
const OPERATIONS: readonly Caller[] = ["DBA", "ADMIN"];
const WATCH: readonly Caller[] = ["DBA", "SECURITY", "ADMIN"];

interface Query {
  readonly callers: readonly Caller[];
  readonly type?: string;
}

const QUERIES: Record<string, Query> = {
  viewer: { callers: SIGNED_IN },
  organization: { callers: TENANT_DATA, type: "organizations" },
  organizations: { callers: TENANT_DATA },
  user: { callers: [...TENANT_DATA, "SECURITY"], type: "users" },
  users: { callers: [...TENANT_DATA, "SECURITY"] },
  scan: { callers: TENANT_DATA, type: "scans" },
  scans: { callers: TENANT_DATA },
  vulnerability: { callers: TENANT_DATA, type: "vulnerabilities" },
  vulnerabilities: { callers: TENANT_DATA },
  chatSession: { callers: TENANT_DATA, type: "chat_sessions" },
  chatSessions: { callers: TENANT_DATA },
  analyticsMetric: { callers: TENANT_DATA, type: "analytics_metrics" },
  analyticsMetrics: { callers: TENANT_DATA },
  performanceLog: { callers: [...TENANT_DATA, "DBA"], type: "performance_logs" },
  performanceLogs: { callers: [...TENANT_DATA, "DBA"] },
  instance: { callers: INVENTORY, type: "instances" },
  instances: { callers: INVENTORY },
  snapshot: { callers: INVENTORY, type: "snapshots" },
  snapshots: { callers: INVENTORY },
  operation: { callers: WATCH, type: "operations" },
  operations: { callers: WATCH },
  finding: { callers: WATCH, type: "findings" },
  findings: { callers: WATCH },
  auditLog: { callers: ["DBA", "SECURITY", "ADMIN"], type: "audit_logs" },
  auditLogs: { callers: ["DBA", "SECURITY", "ADMIN"] },
  securityEvent: { callers: ["SECURITY", "ADMIN"], type: "security_events" },
  securityEvents: { callers: ["SECURITY", "ADMIN"] },
};

interface Mutation {
  readonly callers: readonly Caller[];
  /** A good input, for rows that are there for it. */
  readonly input: (caller: Caller) => Promise<object>;
  readonly selection: string;
  /** What the audit log calls its records, where it is more than one. */
  readonly actions?: readonly string[];
  /** Its record names many rows, in its result. */
  readonly many?: boolean;
}

const inserted = async (statement: string): Promise<string> =>
  String((await app.sql.unsafe(`insert into ${statement} returning id`))[0]?.id);
let number = 0;
const next = () => ++number;
const newOrganization = () => inserted(`organizations (name, domain) values ('N', 'n${next()}.example')`);
const newUser = () =>
  inserted(`users (email, password_hash, role, organization_id) values ('n${next()}@n.example', 'x', 'VIEWER', 1)`);
const newScan = () =>
  inserted("scans (organization_id, target_url, scan_type) values (1, 'https://n.example/', 'FULL')");
const newVulnerability = () =>
  inserted("vulnerabilities (scan_id, severity, vuln_type, title) values (1, 'LOW', 'XSS', 't')");
const newChat = () => inserted("chat_sessions (user_id, session_id, message) values (2, 's', 'm')");
const newMetric = () => inserted("analytics_metrics (organization_id, metric_type, value) values (1, 'm', 1)");
const newLog = () =>
  inserted("performance_logs (organization_id, service_name, endpoint, response_time_ms) values (1, 's', '/', 1)");
const idOf = async (caller: Caller): Promise<string> => {
  const email = EMAILS[(caller ?? "VIEWER").toLowerCase() as Somebody];
  return String((await app.sql`select id from users where email = ${email}`)[0]?.id);
};
const ofSnapshot = async () => {
  const [instanceId, snapshotId] = [await insertBusyInstance(app), `kept-${next()}`];
  await insertSnapshot(app, instanceId, snapshotId);
  return { instanceId, snapshotId };
};
const refreshToken = async () => ({ refreshToken: (await signIn(app.anonymous, EMAILS.viewer)).refreshToken });

/** The verbs over many rows of a type. */
const many = (
  one: string,
  plural: string,
  callers: readonly Caller[],
  item: () => Promise<object>,
  newRow: () => Promise<string>,
  changes: object,
): Record<string, Mutation> => {
  const names = plural.charAt(0).toUpperCase() + plural.slice(1);
  const matching = async () => ({ filter: { id: { in: [await newRow()] } }, expectedCount: 1 });
  return {
    [`create${names}`]: {
      callers,
      input: async () => ({ items: [await item()] }),
      selection: `${plural} { id }`,
      many: true,
    },
    [`update${names}`]: {
      callers,
      input: async () => ({ ...(await matching()), changes }),
      selection: `${plural} { id }`,
      many: true,
    },
    [`delete${names}`]: { callers, input: matching, selection: `deleted${one}Ids`, many: true },
  };
};
const vulnerability = { severity: "LOW", vulnType: "XSS", title: "t" };

const MUTATIONS: Record<string, Mutation> = {
  ...many(
    "Organization",
    "organizations",
    ADMIN,
    async () => ({ name: "N", domain: `n${next()}.example` }),
    newOrganization,
    { name: "M" },
  ),
  ...many(
    "User",
    "users",
    ADMIN,
    async () => ({ email: `n${next()}@n.example`, password: "correct horse battery", role: "DBA" }),
    newUser,
    { fullName: "M" },
  ),
  ...many(
    "Scan",
    "scans",
    WRITE_DATA,
    async () => ({ organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" }),
    newScan,
    { status: "FAILED" },
  ),
  ...many("Vulnerability", "vulnerabilities", WRITE_DATA, async () => vulnerability, newVulnerability, { title: "u" }),
  ...many(
    "ChatSession",
    "chatSessions",
    WRITE_DATA,
    async () => ({ userId: await idOf("VIEWER"), sessionId: "s", message: "m" }),
    newChat,
    { message: "n" },
  ),
  ...many(
    "AnalyticsMetric",
    "analyticsMetrics",
    WRITE_DATA,
    async () => ({ organizationId: "1", metricType: "m", value: 1 }),
    newMetric,
    { value: 2 },
  ),
  ...many(
    "PerformanceLog",
    "performanceLogs",
    WRITE_DATA,
    async () => ({ organizationId: "1", serviceName: "s", endpoint: "/", responseTimeMs: 1 }),
    newLog,
    { responseTimeMs: 2 },
  ),
  upsertOrganization: {
    callers: ADMIN,
    input: async () => ({ name: "N", domain: `n${next()}.example` }),
    selection: "organization { id } created",
  },
  upsertUser: {
    callers: ADMIN,
    input: async () => ({ email: `n${next()}@n.example`, password: "correct horse battery", role: "DBA" }),
    selection: "user { id } created",
  },
  signIn: {
    callers: EVERYBODY,
    input: async () => ({ email: EMAILS.viewer, password: PASSWORD }),
    selection: "expiresAt",
  },
  refreshSession: { callers: EVERYBODY, input: refreshToken, selection: "expiresAt" },
  signOut: { callers: EVERYBODY, input: refreshToken, selection: "signedOut" },
  createOrganization: {
    callers: ADMIN,
    input: async () => ({ name: "N", domain: `n${next()}.example` }),
    selection: "organization { id }",
  },
  updateOrganization: {
    callers: ADMIN,
    input: async () => ({ id: await newOrganization(), version: 1, name: "M" }),
    selection: "organization { name }",
  },
  deleteOrganization: {
    callers: ADMIN,
    input: async () => ({ id: await newOrganization() }),
    selection: "deletedOrganizationId",
  },
  createUser: {
    callers: ADMIN,
    input: async () => ({ email: `n${next()}@n.example`, password: "correct horse battery", role: "DBA" }),
    selection: "user { id }",
  },
  updateUser: {
    callers: SIGNED_IN,
    async input(caller) {
      const id = await idOf(caller);
      const [row] = await app.sql`select version from users where id = ${id}`;
      return { id, version: row?.version, fullName: `N ${next()}` };
    },
    selection: "user { fullName }",
  },
  deleteUser: { callers: ADMIN, input: async () => ({ id: await newUser() }), selection: "deletedUserId" },
  createScan: {
    callers: WRITE_DATA,
    input: async () => ({ organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" }),
    selection: "scan { id }",
  },
  updateScan: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newScan(), version: 1, status: "FAILED" }),
    selection: "scan { status }",
  },
  deleteScan: { callers: WRITE_DATA, input: async () => ({ id: await newScan() }), selection: "deletedScanId" },
  createVulnerability: {
    callers: WRITE_DATA,
    input: async () => ({ scanId: "1", severity: "LOW", vulnType: "XSS", title: "t" }),
    selection: "vulnerability { id }",
  },
  createVulnerabilities: {
    callers: WRITE_DATA,
    input: async () => ({ scanId: "1", items: [vulnerability] }),
    selection: "vulnerabilities { id }",
    many: true,
  },
  updateVulnerability: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newVulnerability(), version: 1, title: "u" }),
    selection: "vulnerability { title }",
  },
  deleteVulnerability: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newVulnerability() }),
    selection: "deletedVulnerabilityId",
  },
  createChatSession: {
    callers: WRITE_DATA,
    input: async () => ({ userId: await idOf("VIEWER"), sessionId: "s", message: "m" }),
    selection: "chatSession { id }",
  },
  updateChatSession: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newChat(), version: 1, message: "n" }),
    selection: "chatSession { message }",
  },
  deleteChatSession: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newChat() }),
    selection: "deletedChatSessionId",
  },
  createAnalyticsMetric: {
    callers: WRITE_DATA,
    input: async () => ({ organizationId: "1", metricType: "m", value: 1 }),
    selection: "analyticsMetric { id }",
  },
  updateAnalyticsMetric: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newMetric(), version: 1, value: 2 }),
    selection: "analyticsMetric { value }",
  },
  deleteAnalyticsMetric: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newMetric() }),
    selection: "deletedAnalyticsMetricId",
  },
  createPerformanceLog: {
    callers: WRITE_DATA,
    input: async () => ({ organizationId: "1", serviceName: "s", endpoint: "/", responseTimeMs: 1 }),
    selection: "performanceLog { id }",
  },
  updatePerformanceLog: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newLog(), version: 1, responseTimeMs: 2 }),
    selection: "performanceLog { responseTimeMs }",
  },
  deletePerformanceLog: {
    callers: WRITE_DATA,
    input: async () => ({ id: await newLog() }),
    selection: "deletedPerformanceLogId",
  },
  setEnvironmentMapping: {
    callers: ADMIN,
    input: async () => ({ instanceId: await insertInstance(app, "TEST"), environment: "STAGING", reason: "It is." }),
    selection: "instance { id }",
  },
  createSnapshot: {
    callers: OPERATIONS,
    input: async () => ({ instanceId: await insertBusyInstance(app), snapshotId: `by-hand-${next()}` }),
    selection: "operation { id status }",
  },
  deleteSnapshot: {
    callers: OPERATIONS,
    input: () => ofSnapshot(),
    selection: "operation { id status }",
  },
  restoreSnapshot: {
    callers: OPERATIONS,
    input: async () => ({ ...(await ofSnapshot()), identifier: `copy-${next()}` }),
    selection: "operation { id status }",
  },
  rebootInstance: {
    callers: OPERATIONS,
    input: async () => ({ instanceId: await insertBusyInstance(app), forceFailover: true }),
    selection: "operation { id status }",
  },
  modifyBackupWindow: {
    callers: OPERATIONS,
    input: async () => ({ instanceId: await insertBusyInstance(app), backupWindow: "01:00-01:30" }),
    selection: "operation { id status }",
  },
  cancelOperation: {
    callers: OPERATIONS,
    input: async () => ({ operationId: await insertOperation(app, await insertBusyInstance(app)) }),
    selection: "operation { id status }",
    // Its own record, and that of the operation that thereby ends: the end is that of whoever asked for the operation.
    actions: ["operation.ended", "operation.cancel"],
  },
  recordSecurityEvent: {
    callers: ["SECURITY", "ADMIN"],
    input: async () => ({ eventType: "n", eventStatus: "WARNING" }),
    selection: "securityEvent { id }",
  },
};

const clientOf = (caller: Caller): Promise<Client> =>
  caller === null ? Promise.resolve(app.anonymous) : app.as(caller.toLowerCase() as Somebody);

const documentOf = (name: string) => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input${name === "signOut" ? "" : "!"}`;
  return `mutation($input: ${type}) { ${name}(input: $input) { ${MUTATIONS[name]?.selection} } }`;
};

/** A digest of all rows of all tables, but for those that record what was refused. */
async function digest(): Promise<string> {
  const tables = await app.sql`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_name not in ('audit_logs', 'security_events') order by 1`;
  const parts = tables.map(
    ({ name }) => `(select coalesce(md5(string_agg(r::text, ',' order by r::text)), '-') from ${name} r)`,
  );
  return (await app.sql.unsafe(`select concat_ws(' ', ${parts.join(", ")}) as digest`))[0]?.digest;
}

/** What was recorded since; rows come in the order they were written. */
async function recordsSince({ audit, event }: { audit: string; event: string }) {
  const [records, events] = await Promise.all([
    app.sql`select * from audit_logs where id > ${audit} order by id`,
    app.sql`select * from security_events where id > ${event} order by id`,
  ]);
  return { records: [...records], events: [...events] };
}
async function mark() {
  const [row] = await app.sql`
    select (select coalesce(max(id), 0) from audit_logs) as audit, (select coalesce(max(id), 0) from security_events) as event`;
  return row as unknown as { audit: string; event: string };
}

function expectRefusal(caller: Caller, answer: Answer, field: string, alone: boolean) {
  const code = caller === null ? "UNAUTHENTICATED" : "FORBIDDEN";
  expect(answer.data[field]).toBeNull();
  expect(answer.errors).toHaveLength(1);
  expect(answer.errors?.[0]).toMatchObject({ path: [field], extensions: { code } });
  if (caller !== null) expect(answer.errors?.[0]?.extensions.permission).toMatch(/^[a-z-]+:[a-z]+$/);
  expect(answer.status).toBe(alone ? (caller === null ? 401 : 403) : 200);
  return code;
}

async function expectEvent(caller: Caller, event: Record<string, unknown> | undefined, code: string, field: string) {
  expect(event).toMatchObject({
    event_type: "authz_fail",
    event_status: "FAILURE",
    user_id: caller === null ? null : await idOf(caller),
    ip_address: "127.0.0.1",
  });
  const { metadata } = event as { metadata: unknown };
  expect(typeof metadata === "string" ? JSON.parse(metadata) : metadata).toMatchObject({ code, field });
}

beforeAll(async () => {
  await app.sql`
    insert into audit_logs (actor, action, resource_type, success)
    values ('{"type": "system"}', 'operation.requested', 'operation', true)`;
  await insertOperation(app, await insertBusyInstance(app));
  await insertFinding(app, await insertBusyInstance(app));
  await insertSnapshot(app, await insertBusyInstance(app), "for-all-roles");
  // Sign-ins leave events of their own; none may fall between two looks.
  for (const role of ROLES) await clientOf(role);
});

it("the matrix holds every root field of the schema, and none besides", () => {
  expect(Object.keys(QUERIES).sort()).toEqual(Object.keys(app.schema.getQueryType()!.getFields()).sort());
  expect(Object.keys(MUTATIONS).sort()).toEqual(Object.keys(app.schema.getMutationType()!.getFields()).sort());
  expect(app.schema.getSubscriptionType()).toBeUndefined();
});

describe.each(Object.keys(QUERIES))("Query.%s", (name) => {
  const { callers, type } = QUERIES[name]!;
  const selectionOf = async () => {
    if (name === "viewer") return "viewer { role }";
    if (!type) return `${name} { totalCount nodes { id } }`;
    const where = type === "audit_logs" ? "resource_type = 'operation'" : "true";
    const tenant = ["scans", "analytics_metrics", "performance_logs"].includes(type) ? "organization_id = 1" : where;
    const chosen = type === "users" ? "organization_id = 1" : tenant;
    const [row] = await app.sql.unsafe(`select id from ${type} where ${chosen} order by id limit 1`);
    if (!row) throw new Error(`${type} has no row: give the demo some, in src/seed/demo.ts`);
    return `${name}(id: ${row.id}) { id }`;
  };

  it.each(callers)("answers %s and records nothing", async (caller) => {
    const before = await mark();
    const { status, data, errors } = await (await clientOf(caller)).run(`{ ${await selectionOf()} }`);
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data[name]).not.toBeNull();
    if (data[name].nodes) expect(data[name].nodes.length, "rows of the demo, in src/seed/demo.ts").toBeGreaterThan(0);
    expect(await recordsSince(before)).toEqual({ records: [], events: [] });
  });

  it.each(CALLERS.filter((caller) => !callers.includes(caller)))("refuses %s", async (caller) => {
    const client = await clientOf(caller);
    const selection = await selectionOf();
    const before = await mark();
    const code = expectRefusal(caller, await client.run(`{ ${selection} }`), name, true);
    const { records, events } = await recordsSince(before);
    expect(records).toEqual([]);
    expect(events).toHaveLength(1);
    await expectEvent(caller, events[0], code, `Query.${name}`);

    const again = await mark();
    const rest = caller === null ? "__typename" : "viewer { role }";
    const beside = await client.run(`{ first: ${rest} ${selection} last: ${rest} }`);
    expectRefusal(caller, beside, name, false);
    const kept = caller === null ? "Query" : { role: caller };
    expect(beside.data).toEqual({ first: kept, [name]: null, last: kept });
    expect((await recordsSince(again)).events).toHaveLength(1);
  });
});

describe.each(Object.keys(MUTATIONS))("Mutation.%s", (name) => {
  const { callers, input, actions, many } = MUTATIONS[name]!;
  const isDoor = callers === EVERYBODY;

  it.each(callers)(`is done for %s and recorded once`, async (caller) => {
    // Signing out ends the session of the token that comes along, so that one is not shared.
    const own = name === "signOut" && caller !== null;
    const client = own
      ? app.withToken((await signIn(app.anonymous, EMAILS[caller.toLowerCase() as Somebody])).accessToken)
      : await clientOf(caller);
    const given = await input(caller);
    const [before, digestBefore] = [await mark(), await digest()];
    const { status, data, errors } = await client.run(documentOf(name), { input: given });
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data[name]).not.toBeNull();
    if (name !== "recordSecurityEvent") expect(await digest()).not.toBe(digestBefore);
    const { records, events } = await recordsSince(before);
    if (isDoor) {
      expect(records).toEqual([]);
      expect(events).toHaveLength(own ? 2 : 1);
      return;
    }
    expect(events).toHaveLength(name === "recordSecurityEvent" ? 1 : 0);
    if (actions) expect(records.map(({ action }) => action)).toEqual(actions);
    else expect(records).toHaveLength(1);
    const record = records.at(-1);
    expect(record).toMatchObject({ success: true, user_id: await idOf(caller) });
    if (many) {
      const result = typeof record?.result === "string" ? JSON.parse(record.result) : record?.result;
      expect(result).toEqual({ ids: [expect.stringMatching(/^\d+$/)] });
    } else expect(record?.resource_id).toMatch(/^\d+$/);
    expect(record?.action).toMatch(/^[a-z-]+\.[a-z-]+$/);
  });

  const refused = CALLERS.filter((caller) => !callers.includes(caller));
  it.each(refused)("is refused to %s and changes nothing", async (caller) => {
    const client = await clientOf(caller);
    const given = await input(caller);
    const [before, digestBefore] = [await mark(), await digest()];
    const answer = await client.run(documentOf(name), { input: given });
    const code = expectRefusal(caller, answer, name, true);
    expect(await digest()).toBe(digestBefore);
    const { records, events } = await recordsSince(before);
    expect(events).toHaveLength(1);
    await expectEvent(caller, events[0], code, `Mutation.${name}`);
    expect(records).toHaveLength(caller === null ? 0 : 1);
    if (caller === null) return;
    const { result, actor } = records[0] as Record<string, string | object>;
    expect(records[0]).toMatchObject({ success: false, user_id: await idOf(caller) });
    expect(typeof result === "string" ? JSON.parse(result) : result).toMatchObject({ code: "FORBIDDEN" });
    expect(typeof actor === "string" ? JSON.parse(actor) : actor).toMatchObject({
      type: "user",
      id: await idOf(caller),
      role: caller,
    });
  });
});

describe("a refused mutation beside others", () => {
  it("takes none of them along, and each leaves its own record", async () => {
    const analyst = await app.as("analyst");
    const [before, organizations] = [await mark(), await app.sql`select count(*)::int as n from organizations`];
    const { status, data, errors } = await analyst.run(
      `mutation($scan: CreateScanInput!, $organization: CreateOrganizationInput!) {
        a: createScan(input: $scan) { scan { version } }
        b: createOrganization(input: $organization) { organization { id } }
        c: createScan(input: $scan) { scan { version } }
      }`,
      {
        scan: { organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" },
        organization: { name: "N", domain: "never.example" },
      },
    );
    expect(status).toBe(200);
    expect(data).toEqual({ a: { scan: { version: 1 } }, b: null, c: { scan: { version: 1 } } });
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({ path: ["b"], extensions: { code: "FORBIDDEN" } });
    const { records, events } = await recordsSince(before);
    expect(records.map(({ action, success }) => [action, success])).toEqual([
      ["scan.create", true],
      ["organization.create", false],
      ["scan.create", true],
    ]);
    expect(events).toHaveLength(1);
    expect(await app.sql`select count(*)::int as n from organizations`).toEqual(organizations);
  });

  it("the same refused field under several aliases leaves a record for each call and an error for each", async () => {
    const viewer = await app.as("viewer");
    const [before, digestBefore] = [await mark(), await digest()];
    const { status, data, errors } = await viewer.run(
      "mutation { a: deleteScan(input: { id: 1 }) { deletedScanId } b: deleteScan(input: { id: 2 }) { deletedScanId } }",
    );
    expect(status).toBe(403);
    expect(data).toEqual({ a: null, b: null });
    expect(errors?.map(({ path }) => path)).toEqual([["a"], ["b"]]);
    expect(await digest()).toBe(digestBefore);
    const { records } = await recordsSince(before);
    expect(records.map(({ action, success, resource_id }) => [action, success, resource_id])).toEqual([
      ["scan.delete", false, "1"],
      ["scan.delete", false, "2"],
    ]);
  });
});

describe("updateUser", () => {
  const UPDATE = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }";

  it.each(["VIEWER", "ANALYST", "DBA", "SECURITY"] as const)("is refused to %s for anybody else", async (role) => {
    const client = await clientOf(role);
    const colleague = await newUser();
    for (const id of [colleague, await idOf("ADMIN"), "999999"]) {
      const [before, digestBefore] = [await mark(), await digest()];
      const answer = await client.run(UPDATE, { input: { id, version: 1, fullName: "Taken over" } });
      expectRefusal(role, answer, "updateUser", true);
      expect(await digest()).toBe(digestBefore);
      const { records, events } = await recordsSince(before);
      expect(records.map(({ success }) => success)).toEqual([false]);
      expect(events).toHaveLength(1);
    }
  });

  it.each(["VIEWER", "ANALYST", "DBA", "SECURITY"] as const)("lets %s change neither role nor place", async (role) => {
    const client = await clientOf(role);
    const id = await idOf(role);
    const [row] = await app.sql`select version from users where id = ${id}`;
    for (const change of [{ role: "ADMIN" }, { organizationId: "2" }, { email: "x@x.example" }]) {
      const digestBefore = await digest();
      const answer = await client.run(UPDATE, { input: { id, version: row?.version, ...change } });
      expectRefusal(role, answer, "updateUser", true);
      expect(await digest()).toBe(digestBefore);
    }
  });
});

describe("production", () => {
  const OPERATION_MUTATIONS = [
    "createSnapshot",
    "deleteSnapshot",
    "restoreSnapshot",
    "rebootInstance",
    "modifyBackupWindow",
  ];
  const onProduction = async (name: string) => ({
    ...(await MUTATIONS[name]!.input("ADMIN")),
    instanceId: await insertInstance(app, "PRODUCTION"),
  });

  it.each(OPERATION_MUTATIONS.flatMap((name) => OPERATIONS.map((caller) => [name, caller!] as const)))(
    "%s is refused to %s, changes nothing and is recorded",
    async (name, caller) => {
      const client = await clientOf(caller);
      const given = await onProduction(name);
      const [before, digestBefore] = [await mark(), await digest()];
      const { status, data, errors } = await client.run(documentOf(name), { input: given });
      expect(status).toBe(403);
      expect(data).toEqual({ [name]: null });
      expect(errors).toHaveLength(1);
      expect(errors?.[0]).toMatchObject({
        path: [name],
        message: "Operations not allowed on production instances. Please create a CloudOps request.",
        extensions: { code: "PRODUCTION_PROTECTED" },
      });
      expect(await digest()).toBe(digestBefore);
      const { records, events } = await recordsSince(before);
      expect(records.map(({ action, success }) => [action, success])).toEqual([["operation.refused", false]]);
      expect(events).toHaveLength(1);
      await expectEvent(caller, events[0], "PRODUCTION_PROTECTED", `Mutation.${name}`);
    },
  );

  it.each(OPERATION_MUTATIONS)("who may not run %s learns that first, and nothing of the instance", async (name) => {
    const viewer = await clientOf("VIEWER");
    const input = await onProduction(name);
    const answers = [];
    for (const instanceId of [input.instanceId, await insertInstance(app, "TEST"), "987654321"]) {
      const { status, data, errors } = await viewer.run(documentOf(name), { input: { ...input, instanceId } });
      answers.push({
        status,
        data,
        errors: errors?.map(({ extensions: { requestId: _, ...rest }, ...error }) => [error, rest]),
      });
    }
    expect(answers[0]?.status).toBe(403);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });
});

describe("endpoints", () => {
  const QUERY = `query($id: ID!) { %s instance(id: $id) {
    identifier endpoint { host port } members { name role endpoint { host } } tags { key } availableOperations { type allowed reason }
  } }`;

  it.each(["VIEWER", "ANALYST"] as const)(
    "are null to %s, each with its own error, beside everything else",
    async (role) => {
      const client = await clientOf(role);
      const id = await insertInstance(app, "TEST");
      for (const beside of ["", "viewer { role }"]) {
        const before = await mark();
        const { status, data, errors } = await client.run(QUERY.replace("%s", beside), { id });
        expect(status).toBe(200);
        expect(data.instance.endpoint).toBeNull();
        expect(data.instance.members).toEqual([
          { name: "a", role: "PRIMARY", endpoint: null },
          { name: "b", role: "STANDBY", endpoint: null },
          { name: "c", role: "STANDBY", endpoint: null },
        ]);
        expect(data.instance.tags).toHaveLength(2);
        expect(JSON.stringify(data)).not.toContain(HOST);
        for (const { extensions } of errors ?? []) {
          expect(extensions).toMatchObject({ code: "FORBIDDEN", permission: "instance-endpoints:read" });
        }
        expect(errors?.map(({ path }) => path?.join(".")).sort()).toEqual(
          ["instance.endpoint", ...[0, 1, 2].map((index) => `instance.members.${index}.endpoint`)].sort(),
        );
        expect((await recordsSince(before)).records).toEqual([]);
        for (const { allowed, reason } of data.instance.availableOperations) {
          expect({ allowed, reason }).toEqual({ allowed: false, reason: "Your role may not run operations." });
        }
      }
    },
  );

  it.each(OPERATIONS)("are read by %s", async (role) => {
    const id = await insertInstance(app, "TEST");
    const { data, errors } = await (await clientOf(role)).run(QUERY.replace("%s", ""), { id });
    expect(errors).toBeUndefined();
    expect(data.instance.endpoint).toEqual({ host: HOST, port: 5432 });
    expect(data.instance.members.map(({ endpoint }: { endpoint: object | null }) => endpoint)).toEqual([
      { host: HOST },
      { host: HOST },
      null,
    ]);
    expect(data.instance.availableOperations.map(({ allowed }: { allowed: boolean }) => allowed)).toEqual(
      OPERATION_TYPES.map(() => true),
    );
  });
});

describe.each([
  ["operations", "operations:read"],
  ["findings", "findings:read"],
])("%s, where an instance leads to them", (field, permission) => {
  it.each(["VIEWER", "ANALYST"] as const)("are refused to %s", async (role) => {
    const id = await insertBusyInstance(app);
    const { data, errors } = await (await clientOf(role)).run(
      `{ instance(id: ${id}) { snapshots { totalCount } ${field} { totalCount nodes { id } } } }`,
    );
    expect(data).toEqual({ instance: { snapshots: { totalCount: expect.any(Number) }, [field]: null } });
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({
      path: ["instance", field],
      extensions: { code: "FORBIDDEN", permission },
    });
  });
});

describe("what is wrong with a member", () => {
  const QUERY = "query($id: ID!) { instance(id: $id) { members { name status lastError } } }";
  const members = [{ ...describeInstance().members[0]!, status: "failed", lastError: "It does not start." }];

  it.each(["VIEWER", "ANALYST"] as const)("is null to %s, who sees that something is", async (role) => {
    const id = await insertInstance(app, "TEST", { members });
    const { data, errors } = await (await clientOf(role)).run(QUERY, { id });
    expect(data.instance.members).toEqual([{ name: "a", status: "failed", lastError: null }]);
    expect(errors?.map(({ path, extensions }) => [path, extensions.permission])).toEqual([
      [["instance", "members", 0, "lastError"], "findings:read"],
    ]);
  });

  it.each(OPERATIONS)("is read by %s", async (role) => {
    const id = await insertInstance(app, "TEST", { members });
    const { data } = await (await clientOf(role)).run(QUERY, { id });
    expect(data.instance.members).toEqual([{ name: "a", status: "failed", lastError: "It does not start." }]);
  });
});
