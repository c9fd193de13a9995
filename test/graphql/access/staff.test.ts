/** What each staff role sees across organizations, and where its sight ends; and that everybody sees itself. */
import { beforeAll, describe, expect, it } from "vitest";
import { specimens } from "../../specimens/index.js";
import { tableOf } from "../../specimens/specimen.js";
import { EMAILS, PASSWORD, type Somebody, testApp } from "../../support/app.js";
import { chunks } from "../../support/chunks.js";

const app = testApp();

const count = async (table: string, where = "true"): Promise<number> =>
  (await app.sql.unsafe(`select count(*)::int as n from ${table} where ${where}`))[0]?.n;

beforeAll(async () => {
  await app.sql`
    insert into audit_logs (actor, action, resource_type, resource_id, success) values
      ('{"type": "system"}', 'operation.requested', 'operation', '7', true),
      ('{"type": "system"}', 'operation.ended', 'operation', '7', false),
      ('{"type": "system"}', 'scan.create', 'scan', '7', true),
      ('{"type": "system"}', 'user.update', 'operations', '7', true)`;
});

const WAYS = ["", "viewer { role }"];

describe.each(WAYS)("audit records %s", (beside) => {
  it("a DBA sees those of operations only: listed, counted, by id, filtered, in any order", async () => {
    const dba = await app.as("dba");
    const operations =
      await app.sql`select id from audit_logs where resource_type = 'operation' order by timestamp desc, id desc`;
    const others = await app.sql`select id from audit_logs where resource_type <> 'operation' order by id`;
    expect([operations.length, others.length]).toEqual([2, 2]);
    const ids = operations.map(({ id }) => id);
    const { data, errors } = await dba.run(`{
      all: auditLogs { totalCount nodes { id action resourceType } }
      back: auditLogs(last: 10) { nodes { id } }
      ordered: auditLogs(orderBy: { field: ACTION }) { nodes { action } }
      scans: auditLogs(filter: { resourceType: { eq: "scan" } }) { totalCount nodes { id } }
      notOperations: auditLogs(filter: { not: { resourceType: { eq: "operation" } } }) { totalCount nodes { id } }
      either: auditLogs(filter: { or: [{ resourceType: { ne: "operation" } }, {}] }) { totalCount }
      one: auditLog(id: ${ids[0]}) { id } two: auditLog(id: ${others[0]?.id}) { id } three: auditLog(id: 999999) { id }
      ${beside}
    }`);
    expect(errors).toBeUndefined();
    expect(data.all.totalCount).toBe(2);
    expect(data.all.nodes.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(data.back.nodes.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(data.ordered.nodes).toEqual([{ action: "operation.ended" }, { action: "operation.requested" }]);
    expect(data.scans).toEqual({ totalCount: 0, nodes: [] });
    expect(data.notOperations).toEqual({ totalCount: 0, nodes: [] });
    expect(data.either).toEqual({ totalCount: 2 });
    expect([data.one, data.two, data.three]).toEqual([{ id: ids[0] }, null, null]);
  });

  it.each(["security", "admin"] as const)("%s sees all of them", async (who) => {
    const { data, errors } = await (await app.as(who)).run(`{
      auditLogs(first: 100) { totalCount } scan: auditLogs(filter: { resourceType: { eq: "scan" } }) { totalCount } ${beside}
    }`);
    expect(errors).toBeUndefined();
    expect(data.auditLogs.totalCount).toBe(await count("audit_logs"));
    expect(data.scan.totalCount).toBe(1);
  });
});

describe.each(WAYS)("the user of an audit record %s", (beside) => {
  const USER = `auditLogs(filter: { action: { eq: "user.look" } }, orderBy: { field: ID }) { nodes { user { email organization { name } } } }`;

  beforeAll(async () => {
    if (beside) return;
    // The second user's account is gone, and the third actor was no user.
    const look = (userId: string | null) => app.sql`
      insert into audit_logs (user_id, actor, action, resource_type) values (${userId}, '{"type": "user"}', 'user.look', 'operation')`;
    const [viewer] = await app.sql`select id from users where email = ${EMAILS.viewer}`;
    for (const userId of [viewer?.id, "987654321", null]) await look(userId);
  });

  it("is the account as it is now, or null", async () => {
    const { data, errors } = await (await app.as("security")).run(`{
      ${USER}
      of: auditLogs(filter: { user: { email: { eq: "${EMAILS.viewer}" } } }) { totalCount nodes { action } } ${beside}
    }`);
    expect(errors).toBeUndefined();
    const user = { email: EMAILS.viewer, organization: { name: "Harbour Bank" } };
    expect(data.auditLogs.nodes).toEqual([{ user }, { user: null }, { user: null }]);
    expect(data.of).toEqual({ totalCount: 1, nodes: [{ action: "user.look" }] });
  });

  it("is refused to a DBA, who gets the records", async () => {
    const dba = await app.as("dba");
    const { status, data, errors } = await dba.run(`{ ${USER} ${beside} }`);
    expect(status).toBe(200);
    expect(data.auditLogs.nodes).toEqual([{ user: null }, { user: null }, { user: null }]);
    expect(errors?.map(({ path, extensions }) => [path?.join("."), extensions.permission])).toEqual(
      [0, 1, 2].map((index) => [`auditLogs.nodes.${index}.user`, "users:read"]),
    );
    for (const argument of ["filter: { user: { role: { eq: ADMIN } } }", "orderBy: { field: USER_EMAIL }"]) {
      const { data, code } = await dba.run(`{ auditLogs(${argument}) { totalCount nodes { id } } ${beside} }`);
      expect([data?.auditLogs ?? null, code]).toEqual([null, "FORBIDDEN"]);
    }
  });
});

describe.each(WAYS)("across organizations %s", (beside) => {
  it("a DBA sees every performance log, and nothing of data", async () => {
    const dba = await app.as("dba");
    const { data, errors } = await dba.run(`{ performanceLogs { totalCount } ${beside} }`);
    expect(errors).toBeUndefined();
    expect(data.performanceLogs.totalCount).toBe(60);
    expect(await count("performance_logs", "organization_id is null")).toBe(20);
  });

  it("a DBA reads, filters, orders and groups performance logs by their organization", async () => {
    const dba = await app.as("dba");
    const { data, errors } = await dba.run(`{
      performanceLogs(first: 100, orderBy: [{ field: ORGANIZATION_NAME }]) {
        nodes { organization { name domain subscriptionTier performanceLogs { totalCount } } }
        groups(by: { field: ORGANIZATION_ID }) { key { organizationId } aggregate { count } }
      }
      ours: performanceLogs(filter: { organization: { domain: { eq: "demo.example" } } }) { totalCount }
      ${beside}
    }`);
    expect(errors).toBeUndefined();
    const ofTenants = await count("performance_logs", "organization_id is not null");
    const { nodes, groups } = data.performanceLogs;
    expect(nodes.map(({ organization }: { organization: { name: string } | null }) => organization?.name)).toEqual([
      ...Array(60 - ofTenants).fill(undefined),
      ...Array(ofTenants).fill("Harbour Bank"),
    ]);
    expect(nodes.at(-1).organization.performanceLogs).toEqual({ totalCount: ofTenants });
    expect(groups).toEqual([
      { key: { organizationId: null }, aggregate: { count: 60 - ofTenants } },
      { key: { organizationId: "1" }, aggregate: { count: ofTenants } },
    ]);
    expect(data.ours.totalCount).toBe(ofTenants);
  });

  it.each([
    ["dba", "performanceLogs", "analyticsMetrics", "metrics:read"],
    ["security", "users", "analyticsMetrics", "metrics:read"],
    ["security", "users", "performanceLogs", "performance-logs:read"],
  ] as const)(
    "%s is refused %s { organization { %s } }, and gets the organization",
    async (who, list, name, permission) => {
      const filter = "filter: { not: { organizationId: { isNull: true } } }";
      const { status, data, errors } = await (await app.as(who)).run(
        `{ ${list}(first: 1, ${filter}) { nodes { organization { name ${name} { totalCount } } } } ${beside} }`,
      );
      expect(status).toBe(200);
      expect(data[list].nodes).toEqual([{ organization: { name: expect.any(String), [name]: null } }]);
      expect(errors?.map(({ path, extensions }) => [path?.join("."), extensions.permission])).toEqual([
        [`${list}.nodes.0.organization.${name}`, permission],
      ]);
    },
  );

  it("SECURITY sees every user with its organization, every security event with its user", async () => {
    const security = await app.as("security");
    const { data, errors } = await security.run(`{
      users(first: 100) { totalCount nodes { email organization { name users { totalCount } } } }
      securityEvents(first: 100) { totalCount nodes { user { email } } }
      ${beside}
    }`);
    expect(errors).toBeUndefined();
    expect(data.users.totalCount).toBe(await count("users"));
    const organizations = data.users.nodes.map(
      (user: { organization: { name: string } | null }) => user.organization?.name,
    );
    expect(new Set(organizations)).toEqual(new Set([undefined, "Harbour Bank", "Lighthouse Clinic"]));
    expect(data.securityEvents.totalCount).toBe(await count("security_events"));
    const concerned = data.securityEvents.nodes.filter(({ user }: { user: object | null }) => user !== null);
    expect(concerned).toHaveLength(
      await count("security_events e", "exists (select from users u where u.id = e.user_id)"),
    );
  });

  it("SECURITY is refused data where users lead to it, at its path and once", async () => {
    const security = await app.as("security");
    const before = await count("security_events", "event_type = 'authz_fail'");
    const { status, data, errors } = await security.run(`{
      users(first: 100) { nodes { email organization { name scans { totalCount } } } } ${beside}
    }`);
    expect(status).toBe(200);
    const tenants = await count("users", "organization_id is not null");
    expect(errors).toHaveLength(tenants);
    for (const { path, extensions } of errors ?? []) {
      expect(extensions).toMatchObject({ code: "FORBIDDEN", permission: "scans:read" });
      expect(path).toEqual(["users", "nodes", expect.any(Number), "organization", "scans"]);
    }
    // A connection is never null, so the organization is.
    expect(
      data.users.nodes.filter(({ organization }: { organization: object | null }) => organization !== null),
    ).toEqual([]);
    expect(data.users.nodes[0].email).toContain("@");
    expect(await count("security_events", "event_type = 'authz_fail'")).toBe(before + 1);
    const [event] = await app.sql`select metadata->>'field' as field from security_events order by id desc limit 1`;
    expect(event).toEqual({ field: "Organization.scans" });
  });

  it("an administrator sees everything", async () => {
    const admin = await app.as("admin");
    for (const some of chunks(specimens, 15)) {
      const asked = some.map(({ type }) => `${type.plural} { totalCount }`);
      const { data, errors } = await admin.run(`{ ${asked.join(" ")} ${beside} }`);
      expect(errors).toBeUndefined();
      for (const specimen of some) {
        const { plural } = specimen.type;
        expect(data[plural].totalCount, plural).toBe(await count(tableOf(specimen)));
      }
    }
  });
});

describe("a filter or order on what may not be read is refused", () => {
  it("SECURITY filters users by organization, which it may read", async () => {
    const { data, errors } = await (await app.as("security")).run(
      "{ users(filter: { organizationId: { eq: 1 } }) { totalCount } }",
    );
    expect(errors).toBeUndefined();
    expect(data.users.totalCount).toBe(2);
  });
});

describe.each(Object.entries(EMAILS) as [Somebody, string][])("%s", (who, email) => {
  const home = { viewer: "Harbour Bank", analyst: "Harbour Bank" } as Record<string, string>;
  const other = { otherViewer: "Lighthouse Clinic", otherAnalyst: "Lighthouse Clinic" } as Record<string, string>;
  const name = home[who] ?? other[who];
  const organization = name ? { name } : null;
  const role = /viewer/i.test(who) ? "VIEWER" : /analyst/i.test(who) ? "ANALYST" : who.toUpperCase();

  it("reads who it is and where it belongs", async () => {
    const { status, data, errors } = await (await app.as(who)).run(
      "{ viewer { role user { email role fullName } organization { name } serviceName permissions sessionExpiresAt } }",
    );
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data.viewer).toMatchObject({ role, user: { email, role }, organization, serviceName: null });
    expect(data.viewer.permissions).toEqual(data.viewer.permissions.toSorted());
    expect(data.viewer.permissions).toContain("profile:write");
  });

  it("learns the same when it signs in", async () => {
    const below = organization
      ? "role permissions user { email organization { name } } organization { name users { totalCount } }"
      : "role permissions user { email } organization { name }";
    const { data, errors } = await app.anonymous.run(
      `mutation($input: SignInInput!) { signIn(input: $input) { accessToken viewer { ${below} } } }`,
      { input: { email, password: PASSWORD } },
    );
    expect(errors).toBeUndefined();
    const again = await app.withToken(data.signIn.accessToken).run(`{ viewer { ${below} } }`);
    expect(again.errors).toBeUndefined();
    expect(data.signIn.viewer).toEqual(again.data.viewer);
  });
});
