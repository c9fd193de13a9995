/** Create, update and delete of every plain type: the answer, the row, and exactly one audit record each. */
import { describe, expect, it, vi } from "vitest";
import { type Somebody, testApp } from "../support/app.js";

const app = testApp();

interface Kind {
  readonly type: string;
  readonly table: string;
  /** What the audit log calls it. */
  readonly resource: string;
  readonly who: Somebody;
  readonly create: Record<string, unknown>;
  readonly changes: Record<string, unknown>;
  /** What the payload selects, and answers after the creation and after the change. */
  readonly selection: string;
  readonly created: Record<string, unknown>;
  readonly changed: Record<string, unknown>;
  /** Of the inputs, what the audit log must hold instead. */
  readonly redacted?: Record<string, unknown>;
}

const AT = "2026-03-01T10:00:00.123456Z";
const KINDS: Kind[] = [
  {
    type: "Organization",
    table: "organizations",
    resource: "organization",
    who: "admin",
    create: { name: "North", domain: "North.Example" },
    changes: { subscriptionTier: "PRO" },
    selection: "name domain subscriptionTier",
    created: { name: "North", domain: "north.example", subscriptionTier: "FREE" },
    changed: { name: "North", domain: "north.example", subscriptionTier: "PRO" },
  },
  {
    type: "User",
    table: "users",
    resource: "user",
    who: "admin",
    create: { email: "New@Demo.Example", password: "four-random-words", role: "ANALYST", organizationId: "1" },
    changes: { fullName: "Nora New", password: "other-random-words" },
    selection: "email fullName role organization { id }",
    created: { email: "new@demo.example", fullName: null, role: "ANALYST", organization: { id: "1" } },
    changed: { email: "new@demo.example", fullName: "Nora New", role: "ANALYST", organization: { id: "1" } },
    redacted: { password: "[redacted]" },
  },
  {
    type: "Scan",
    table: "scans",
    resource: "scan",
    who: "analyst",
    create: { organizationId: "1", targetUrl: "https://new.example/", scanType: "FULL", startedAt: AT },
    changes: { status: "RUNNING" },
    selection: "targetUrl scanType status startedAt vulnerabilitiesFound organization { id }",
    created: {
      targetUrl: "https://new.example/",
      scanType: "FULL",
      status: "PENDING",
      startedAt: AT,
      vulnerabilitiesFound: 0,
      organization: { id: "1" },
    },
    changed: {
      targetUrl: "https://new.example/",
      scanType: "FULL",
      status: "RUNNING",
      startedAt: AT,
      vulnerabilitiesFound: 0,
      organization: { id: "1" },
    },
  },
  {
    type: "Vulnerability",
    table: "vulnerabilities",
    resource: "vulnerability",
    who: "analyst",
    create: { scanId: "1", severity: "HIGH", vulnType: "XSS", title: "Stored", description: "See the comments." },
    changes: { severity: "LOW", description: null },
    selection: "severity vulnType title description scan { id }",
    created: {
      severity: "HIGH",
      vulnType: "XSS",
      title: "Stored",
      description: "See the comments.",
      scan: { id: "1" },
    },
    changed: { severity: "LOW", vulnType: "XSS", title: "Stored", description: null, scan: { id: "1" } },
  },
  {
    type: "ChatSession",
    table: "chat_sessions",
    resource: "chat-session",
    who: "analyst",
    create: { userId: "2", sessionId: "talk", message: "Which scans failed?", timestamp: AT },
    changes: { response: "None." },
    selection: "user { id } sessionId message response timestamp",
    created: {
      user: { id: "2" },
      sessionId: "talk",
      message: "Which scans failed?",
      response: null,
      timestamp: AT,
    },
    changed: {
      user: { id: "2" },
      sessionId: "talk",
      message: "Which scans failed?",
      response: "None.",
      timestamp: AT,
    },
  },
  {
    type: "AnalyticsMetric",
    table: "analytics_metrics",
    resource: "analytics-metric",
    who: "analyst",
    create: { organizationId: "1", metricType: "risk", value: 0.1, recordedAt: AT },
    changes: { value: -1.5e300 },
    selection: "metricType value recordedAt organization { id }",
    created: { metricType: "risk", value: 0.1, recordedAt: AT, organization: { id: "1" } },
    changed: { metricType: "risk", value: -1.5e300, recordedAt: AT, organization: { id: "1" } },
  },
  {
    type: "PerformanceLog",
    table: "performance_logs",
    resource: "performance-log",
    who: "analyst",
    create: { organizationId: "1", serviceName: "api", endpoint: "/graphql", responseTimeMs: 12.5, timestamp: AT },
    changes: { responseTimeMs: 0 },
    selection: "serviceName endpoint responseTimeMs timestamp",
    created: { serviceName: "api", endpoint: "/graphql", responseTimeMs: 12.5, timestamp: AT },
    changed: { serviceName: "api", endpoint: "/graphql", responseTimeMs: 0, timestamp: AT },
  },
];

const ACTORS = {
  admin: { type: "user", email: "admin@demo.example", role: "ADMIN" },
  analyst: { type: "user", email: "analyst@demo.example", role: "ANALYST" },
};

const lastAuditId = async () => (await app.sql`select coalesce(max(id), 0)::text as id from audit_logs`)[0]!.id;
const auditSince = (id: string) => app.sql`
  select actor, action, resource_type, resource_id, parameters, result, success, request_id,
    duration_seconds >= 0 and duration_seconds < 60 as timed, user_id::text = actor->>'id' as same_user
  from audit_logs where id > ${id} order by id`;
const rowsOf = (table: string, id: string) =>
  app.sql.unsafe(`select to_jsonb(t) - 'updated_at' as row from ${table} t where id = $1`, [id]);

describe.each(KINDS)("$type", (kind) => {
  const { type, table, resource, who } = kind;
  const field = type.charAt(0).toLowerCase() + type.slice(1);
  const mutation = (verb: "create" | "update") =>
    `mutation($input: ${verb === "create" ? "Create" : "Update"}${type}Input!) {
       ${verb}${type}(input: $input) { ${field} { id version ${kind.selection} } } }`;
  const deletion = `mutation($input: Delete${type}Input!) { delete${type}(input: $input) { deleted${type}Id } }`;

  /** What one successful call must leave, and nothing beside it. */
  const record = (verb: string, id: string, input: Record<string, unknown>) => [
    {
      actor: { ...ACTORS[who as keyof typeof ACTORS], id: expect.stringMatching(/^\d+$/) },
      action: `${resource}.${verb}`,
      resource_type: resource,
      resource_id: id,
      parameters: { ...input, ...("password" in input && kind.redacted) },
      result: null,
      success: true,
      request_id: `${type}.${verb}`,
      timed: true,
      same_user: true,
    },
  ];

  it("is created, changed with its version, refused when stale, and deleted", async () => {
    const client = await app.as(who);
    const run = (verb: string, document: string, input: object) =>
      client.run(document, { input }, { "x-request-id": `${type}.${verb}` });

    let before = await lastAuditId();
    const creation = await run("create", mutation("create"), kind.create);
    expect(creation.errors).toBeUndefined();
    const { id, ...created } = creation.data[`create${type}`][field];
    expect(created).toEqual({ version: 1, ...kind.created });
    expect(creation.headers.get("x-request-id")).toBe(`${type}.create`);
    expect(await auditSince(before)).toEqual(record("create", id, kind.create));

    before = await lastAuditId();
    const update = { id, version: 1, ...kind.changes };
    const updated = await run("update", mutation("update"), update);
    expect(updated.errors).toBeUndefined();
    expect(updated.data[`update${type}`][field]).toEqual({ id, version: 2, ...kind.changed });
    expect(await auditSince(before)).toEqual(record("update", id, update));

    before = await lastAuditId();
    const kept = await rowsOf(table, id);
    expect(kept[0]?.row.version).toBe(2);
    const answers = [
      await run("update", mutation("update"), update),
      await run("delete", deletion, { id, version: 1 }),
    ];
    for (const stale of answers) {
      expect([stale.code, stale.status, stale.errors?.[0]?.extensions.field, stale.errors?.[0]?.message]).toEqual([
        "CONFLICT",
        409,
        "version",
        expect.stringContaining("its version is 2 now"),
      ]);
    }
    expect(await rowsOf(table, id)).toEqual(kept);
    expect(await auditSince(before)).toMatchObject(
      ["update", "delete"].map((verb) => ({
        action: `${resource}.${verb}`,
        resource_id: id,
        success: false,
        result: { code: "CONFLICT" },
        request_id: `${type}.${verb}`,
      })),
    );

    before = await lastAuditId();
    const deleted = await run("delete", deletion, { id, version: 2 });
    expect(deleted.data).toEqual({ [`delete${type}`]: { [`deleted${type}Id`]: id } });
    expect(await rowsOf(table, id)).toEqual([]);
    expect(await auditSince(before)).toEqual(record("delete", id, { id, version: 2 }));

    const again = await run("delete", deletion, { id });
    expect([again.code, again.status]).toEqual(["NOT_FOUND", 404]);
  });

  it("leaves neither row nor record when the audit record cannot be written", async () => {
    const client = await app.as(who);
    const state = () => app.sql.unsafe(`select (select count(*) from ${table}) r, (select count(*) from audit_logs) a`);
    const before = await state();
    await app.sql.unsafe("alter table audit_logs rename column result to hidden");
    const input = { ...kind.create, ...(type === "Organization" && { domain: "unaudited.example" }) };
    const { code, status } = await client.run(mutation("create"), { input });
    await app.sql.unsafe("alter table audit_logs rename column hidden to result");
    expect([code, status]).toEqual(["INTERNAL_SERVER_ERROR", 500]);
    // The record of the failure waits, because it could not be written either.
    const [kept] = await before;
    await vi.waitFor(
      async () => expect((await state())[0]).toEqual({ ...kept, a: String(Number(kept?.a) + 1) }),
      10_000,
    );
  });
});
