/** Whoever belongs to one organization sees and changes nothing of another, by whatever way a query or mutation leads there. */
import { type GraphQLObjectType, getNamedType, isObjectType } from "graphql";
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS, type Somebody, testApp } from "../support/app.js";

const app = testApp();

type Id = string;
type Row = Record<string, string | null>;

/** Each type: its root fields, its table, its order, and which of its rows belong to an organization (`$1`). */
const TYPES = {
  Organization: {
    one: "organization",
    many: "organizations",
    table: "organizations",
    newestBy: "created_at",
    where: "t.id = $1",
  },
  User: { one: "user", many: "users", table: "users", newestBy: "created_at", where: "t.organization_id = $1" },
  Scan: { one: "scan", many: "scans", table: "scans", newestBy: "created_at", where: "t.organization_id = $1" },
  Vulnerability: {
    one: "vulnerability",
    many: "vulnerabilities",
    table: "vulnerabilities",
    newestBy: "created_at",
    where: "t.scan_id in (select id from scans where organization_id = $1)",
  },
  ChatSession: {
    one: "chatSession",
    many: "chatSessions",
    table: "chat_sessions",
    newestBy: "timestamp",
    where: "t.user_id in (select id from users where organization_id = $1)",
  },
  AnalyticsMetric: {
    one: "analyticsMetric",
    many: "analyticsMetrics",
    table: "analytics_metrics",
    newestBy: "recorded_at",
    where: "t.organization_id = $1",
  },
  PerformanceLog: {
    one: "performanceLog",
    many: "performanceLogs",
    table: "performance_logs",
    newestBy: "timestamp",
    where: "t.organization_id = $1",
  },
} as const;
type TypeName = keyof typeof TYPES;
const TYPE_NAMES = Object.keys(TYPES) as TypeName[];

/** Types that no organization owns: their root fields are refused to those who belong to one. */
const STAFF_TYPES = ["AuditLog", "SecurityEvent", "Operation", "Finding"];
/** Types of the fleet, which is the company's: they lead to themselves, to what staff sees, and to no organization. */
const EVERYONES_TYPES = ["Instance", "Snapshot"];

/** Relations as foreign keys: of the row itself (`one`), or of the rows beyond (`many`). */
const RELATIONS: Record<string, { readonly to: TypeName; readonly kind: "one" | "many"; readonly key: string }> = {
  "Organization.users": { to: "User", kind: "many", key: "organization_id" },
  "Organization.scans": { to: "Scan", kind: "many", key: "organization_id" },
  "User.organization": { to: "Organization", kind: "one", key: "organization_id" },
  "Scan.organization": { to: "Organization", kind: "one", key: "organization_id" },
  "Scan.vulnerabilities": { to: "Vulnerability", kind: "many", key: "scan_id" },
  "Vulnerability.scan": { to: "Scan", kind: "one", key: "scan_id" },
  "ChatSession.user": { to: "User", kind: "one", key: "user_id" },
  "AnalyticsMetric.organization": { to: "Organization", kind: "one", key: "organization_id" },
};

/** Who looks, and where they belong. */
const TENANTS: Partial<Record<Somebody, Id>> = { viewer: "1", analyst: "1", otherViewer: "2", otherAnalyst: "2" };
const LOOKS = (Object.keys(TENANTS) as Somebody[]).flatMap((who) =>
  (["fast", "ordinary"] as const).map((way) => ({ who, way, organization: TENANTS[who]! })),
);

/** All rows in default order, and by organization the ids of those that exist for it. */
const rows = {} as Record<TypeName, Row[]>;
const visible = {} as Record<Id, Record<TypeName, Set<Id>>>;

async function look() {
  for (const name of TYPE_NAMES) {
    const { table, newestBy, where } = TYPES[name];
    const found = await app.sql.unsafe(
      `select to_jsonb(t) as row, t.id::text from ${table} t order by t.${newestBy} desc, t.id desc`,
    );
    rows[name] = found.map(({ row, id }) => {
      const columns = (typeof row === "string" ? JSON.parse(row) : row) as Record<string, unknown>;
      return {
        ...Object.fromEntries(Object.entries(columns).map(([key, v]) => [key, v === null ? null : `${v}`])),
        id,
      };
    });
    for (const organization of ["1", "2"]) {
      const own = await app.sql.unsafe(`select t.id::text from ${table} t where ${where}`, [organization]);
      visible[organization] ??= {} as Record<TypeName, Set<Id>>;
      visible[organization][name] = new Set(own.map(({ id }) => id));
    }
  }
}

beforeAll(async () => {
  // What the demo leaves out: rows of the second organization, and of staff.
  const idOf = async (who: Somebody) => (await app.sql`select id from users where email = ${EMAILS[who]}`)[0]?.id;
  for (const who of ["otherViewer", "otherAnalyst", "admin", "dba"] as const) {
    await app.sql`insert into chat_sessions (user_id, session_id, message) values (${await idOf(who)}, 'x', ${who})`;
  }
  await app.sql`
    insert into performance_logs (organization_id, service_name, endpoint, response_time_ms)
    select 2, 'theirs', '/', n from generate_series(1, 5) n`;
  await app.sql`insert into organizations (name, domain) values ('Third', 'third.example')`;
  await look();
});

const own = (name: TypeName, organization: Id) => rows[name].filter(({ id }) => visible[organization]?.[name].has(id!));
const idsOf = (list: readonly Row[]) => list.map(({ id }) => id as Id);
const foreign = (name: TypeName, organization: Id) =>
  idsOf(rows[name].filter(({ id }) => !visible[organization]?.[name].has(id!)));

const chunks = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));

/** Asks in one of the two ways. @returns the data, without what forces the way */
async function ask(
  client: Client,
  way: "fast" | "ordinary",
  selection: string,
  variables?: object,
  head = "query",
  fragments = "",
) {
  const query = `${head} { ${selection} ${way === "ordinary" ? "theWay: viewer { role }" : ""} } ${fragments}`;
  app.log.length = 0;
  const { data, errors, status } = await client.run(query, variables as Record<string, unknown>);
  expect(errors).toBeUndefined();
  expect(status).toBe(200);
  expect(app.log.some(({ msg }) => msg === "answered by the plan alone")).toBe(way === "fast");
  const { theWay: _, ...rest } = data;
  return rest;
}

/** The relations of an object type, as the schema has them. */
function relationsOf(typeName: string): string[] {
  const type = app.schema.getType(typeName) as GraphQLObjectType;
  return Object.values(type.getFields())
    .filter(({ type }) => isObjectType(getNamedType(type)))
    .map(({ name }) => name);
}

/** Those of them that lead to rows: what a row holds itself leads nowhere. */
const declaredRelationsOf = (typeName: string): string[] => {
  const type = app.schema.getType(typeName) as GraphQLObjectType;
  const rowTypes = [...TYPE_NAMES, ...STAFF_TYPES, ...EVERYONES_TYPES];
  return relationsOf(typeName).filter((name) =>
    rowTypes.includes(getNamedType(type.getFields()[name]!.type).name.replace(/Connection$/, "")),
  );
};

it("knows every type and relation of the schema", () => {
  const query = app.schema.getQueryType()!.getFields();
  const roots = Object.keys(query).filter((name) => name !== "viewer");
  const staffRoots = [
    "auditLog",
    "auditLogs",
    "securityEvent",
    "securityEvents",
    "operation",
    "operations",
    "finding",
    "findings",
  ];
  const everyonesRoots = ["instance", "instances", "snapshot", "snapshots"];
  const tenantRoots = TYPE_NAMES.flatMap((name) => [TYPES[name].one, TYPES[name].many]);
  expect(roots.sort(), "named in TYPES").toEqual([...tenantRoots, ...staffRoots, ...everyonesRoots].sort());
  const relations = TYPE_NAMES.flatMap((name) => relationsOf(name).map((relation) => `${name}.${relation}`));
  expect(relations.sort(), "named in RELATIONS").toEqual(Object.keys(RELATIONS).sort());
  expect(STAFF_TYPES.flatMap(declaredRelationsOf)).toEqual(["user", "instance", "snapshot", "instance"]);
  expect(EVERYONES_TYPES.flatMap(declaredRelationsOf)).toEqual(["snapshots", "findings", "operations", "instance"]);
  expect(relationsOf("Viewer").sort()).toEqual(["organization", "user"]);
});

it("has rows of both sides of every type", () => {
  for (const organization of ["1", "2"]) {
    for (const name of TYPE_NAMES) {
      expect(own(name, organization).length, name).toBeGreaterThan(0);
      expect(foreign(name, organization).length, name).toBeGreaterThan(0);
    }
  }
});

describe.each(LOOKS)("$who, the $way way", ({ who, way, organization }) => {
  it("lists and counts exactly the own rows, page by page", async () => {
    const client = await app.as(who);
    for (const name of TYPE_NAMES) {
      const seen: Id[] = [];
      let after: string | null = null;
      do {
        const { list } = await ask(
          client,
          way,
          `list: ${TYPES[name].many}(first: 40, after: $after) { totalCount nodes { id } edges { node { id } } pageInfo { hasNextPage endCursor } }`,
          { after },
          "query($after: String)",
        );
        expect(list.totalCount).toBe(own(name, organization).length);
        expect(list.edges.map(({ node }: { node: object }) => node)).toEqual(list.nodes);
        seen.push(...list.nodes.map(({ id }: { id: Id }) => id));
        after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
      } while (after);
      expect(seen, name).toEqual(idsOf(own(name, organization)));
    }
  });

  it("finds each own row by id, and no other", async () => {
    const client = await app.as(who);
    for (const name of TYPE_NAMES) {
      for (const ids of chunks(idsOf(rows[name]), 19)) {
        const fields = ids.map((id) => `_${id}: ${TYPES[name].one}(id: ${id}) { ... on ${name} { id ...Key } }`);
        const data = await ask(client, way, fields.join(" "), {}, "query", `fragment Key on ${name} { id }`);
        const expected = ids.map((id) => [`_${id}`, visible[organization]?.[name].has(id) ? { id } : null]);
        expect(data).toEqual(Object.fromEntries(expected));
      }
    }
  });

  it("finds none by a filter on ids or references of others", async () => {
    const client = await app.as(who);
    for (const name of TYPE_NAMES) {
      const [mine, theirs] = [idsOf(own(name, organization)), foreign(name, organization)];
      const filters: Record<string, [filter: object, expected: Id[]]> = {
        in: [{ id: { in: theirs } }, []],
        eq: [{ id: { eq: theirs[0] } }, []],
        both: [{ id: { in: [...theirs, mine[0]] } }, [mine[0]!]],
        or: [{ or: [{ id: { in: theirs } }, { id: { eq: mine[0] } }] }, [mine[0]!]],
        notMine: [{ not: { id: { in: mine } } }, []],
        notIn: [{ id: { notIn: mine } }, []],
        notNull: [{ not: { id: { isNull: true } } }, mine],
        orNothing: [{ or: [{}, { id: { in: theirs } }] }, mine],
      };
      for (const [path, { to, kind, key }] of Object.entries(RELATIONS)) {
        const [from, relation] = path.split(".");
        if (from !== name || kind !== "one") continue;
        filters[`${relation}In`] = [{ [`${relation}Id`]: { in: foreign(to, organization) } }, []];
        filters[`${relation}Null`] = [
          { [`${relation}Id`]: { isNull: true } },
          idsOf(own(name, organization).filter((row) => row[key] === null)),
        ];
        filters[`${relation}Not`] = [{ [`${relation}Id`]: { ne: idsOf(own(to, organization))[0] } }, []];
        filters[`${relation}Not`]![1] = idsOf(
          own(name, organization).filter((row) => row[key] !== idsOf(own(to, organization))[0]),
        );
      }
      const given = Object.entries(filters);
      const data = await ask(
        client,
        way,
        given
          .map(([k]) => `${k}: ${TYPES[name].many}(first: 100, filter: $${k}) { totalCount nodes { id } }`)
          .join(" "),
        Object.fromEntries(given.map(([k, [filter]]) => [k, filter])),
        `query(${given.map(([k]) => `$${k}: ${name}Filter`).join(", ")})`,
      );
      for (const [k, [, expected]] of given) {
        expect(data[k].totalCount, `${name} ${k}`).toBe(expected.length);
        expect(
          data[k].nodes.map(({ id }: { id: Id }) => id),
          `${name} ${k}`,
        ).toEqual(expected.slice(0, 100));
      }
    }
  });

  it("sees the own rows only in whatever order, from either end", async () => {
    const client = await app.as(who);
    for (const name of TYPE_NAMES) {
      const fields = (app.schema.getType(`${name}OrderField`) as unknown as { getValues(): { name: string }[] })
        .getValues()
        .map((value) => value.name);
      const mine = visible[organization]![name];
      const parts = fields.flatMap((field) => [
        `${field}_F: ${TYPES[name].many}(first: 100, orderBy: { field: ${field} }) { totalCount nodes { id } }`,
        `${field}_L: ${TYPES[name].many}(last: 100, orderBy: { field: ${field}, direction: DESC }) { totalCount nodes { id } }`,
      ]);
      for (const some of chunks(parts, 18)) {
        const data = await ask(client, way, some.join(" "));
        for (const list of Object.values(data) as { totalCount: number; nodes: { id: Id }[] }[]) {
          expect(list.totalCount).toBe(mine.size);
          expect(list.nodes).toHaveLength(Math.min(100, mine.size));
          expect(list.nodes.filter(({ id }) => !mine.has(id))).toEqual([]);
        }
      }
    }
  });

  it("reads the own rows only around a cursor of another's row", async () => {
    const [client, admin] = [await app.as(who), await app.as("admin")];
    for (const name of TYPE_NAMES) {
      const { many } = TYPES[name];
      const all = rows[name];
      const theirs = new Set(foreign(name, organization));
      // One at an end and one in the middle of the list of all.
      const some = idsOf(all).filter((id) => theirs.has(id));
      for (const id of new Set([some[0]!, some[Math.floor(some.length / 2)]!, some.at(-1)!])) {
        const { data } = await admin.run(`{ ${many}(filter: { id: { eq: ${id} } }) { edges { cursor } } }`);
        const { cursor } = data[many].edges[0];
        const at = all.findIndex((row) => row.id === id);
        const mine = ({ id }: Row) => visible[organization]![name].has(id!);
        const [before, after] = [all.slice(0, at).filter(mine), all.slice(at + 1).filter(mine)].map(idsOf);
        const page = "totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
        const found = await ask(
          client,
          way,
          `after: ${many}(first: 100, after: $c) { ${page} } before: ${many}(last: 100, before: $c) { ${page} }`,
          { c: cursor },
          "query($c: String)",
        );
        expect(found.after.nodes.map((node: { id: Id }) => node.id)).toEqual(after!.slice(0, 100));
        expect(found.before.nodes.map((node: { id: Id }) => node.id)).toEqual(before!.slice(-100));
        expect(found.after.totalCount).toBe(visible[organization]![name].size);
        expect(found.after.pageInfo.hasPreviousPage).toBe(before!.length > 0);
        expect(found.before.pageInfo.hasNextPage).toBe(after!.length > 0);
        for (const edge of [found.after, found.before]) {
          expect([edge.pageInfo.startCursor, edge.pageInfo.endCursor]).not.toContain(cursor);
        }
      }
    }
  });

  it("meets the own rows only through every relation, there and back", async () => {
    const client = await app.as(who);
    for (const name of TYPE_NAMES) {
      const data = await ask(client, way, `list: ${TYPES[name].many}(first: 4) { ${listBelow(name, DEPTH)} }`);
      expect(data.list, name).toEqual(expectedList(own(name, organization), name, organization, DEPTH, 4));
    }
  });
});

/** Relations that one query follows. */
const DEPTH = 4;
const WIDTH = 2;

const listBelow = (name: TypeName, depth: number) => `totalCount nodes { ${below(name, depth)} }`;

/** Everything that is reached from a type over so many relations, as the schema has them. */
function below(name: TypeName, depth: number): string {
  const further = relationsOf(name).map((relation) => {
    const { to, kind } = RELATIONS[`${name}.${relation}`]!;
    if (depth === 0) return "";
    return kind === "one"
      ? `${relation} { ${below(to, depth - 1)} }`
      : `${relation}(first: ${WIDTH}) { ${listBelow(to, depth - 1)} }`;
  });
  return `__typename id ${further.join(" ")}`;
}

const expectedList = (list: Row[], name: TypeName, organization: Id, depth: number, first: number): object => ({
  totalCount: list.length,
  nodes: list.slice(0, first).map((row) => expectedRow(row, name, organization, depth)),
});

/** The same, computed from the tables. */
function expectedRow(row: Row, name: TypeName, organization: Id, depth: number): object {
  const entries = Object.entries(RELATIONS)
    .filter(([path]) => depth > 0 && path.startsWith(`${name}.`))
    .map(([path, { to, kind, key }]) => {
      const mine = own(to, organization);
      const relation = path.split(".")[1]!;
      if (kind === "many") {
        const list = mine.filter((candidate) => candidate[key] === row.id);
        return [relation, expectedList(list, to, organization, depth - 1, WIDTH)];
      }
      const target = mine.find(({ id }) => id === row[key]);
      return [relation, target ? expectedRow(target, to, organization, depth - 1) : null];
    });
  return { __typename: name, id: row.id, ...Object.fromEntries(entries) };
}

describe.each(Object.entries(TENANTS) as [Somebody, Id][])("%s", (who, organization) => {
  it("meets the own rows only through the viewer", async () => {
    const client = await app.as(who);
    const { data, errors } = await client.run(
      `{ viewer { user { email ${below("User", 3)} } organization { ${below("Organization", 3)} } } }`,
    );
    expect(errors).toBeUndefined();
    const self = rows.User.find(({ email }) => email === EMAILS[who])!;
    const home = rows.Organization.find(({ id }) => id === organization)!;
    expect(data.viewer).toEqual({
      user: { email: EMAILS[who], ...expectedRow(self, "User", organization, 3) },
      organization: expectedRow(home, "Organization", organization, 3),
    });
  });

  it("is refused what only staff sees, also for the own organization", async () => {
    const client = await app.as(who);
    const { status, data, errors } = await client.run(
      "{ auditLogs { totalCount } auditLog(id: 1) { id } securityEvents { totalCount } securityEvent(id: 1) { id } }",
    );
    expect(data).toEqual({ auditLogs: null, auditLog: null, securityEvents: null, securityEvent: null });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(Array(4).fill("FORBIDDEN"));
    expect(status).toBe(403);
  });
});

describe("a row of another organization answers exactly as one that does not exist", () => {
  const UNKNOWN = "987654321";

  /** The body as it is, with what may differ taken out. */
  async function raw(client: Client, query: string, variables: object, id: Id) {
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${client.token}`,
        "x-request-id": "same",
      },
      body: JSON.stringify({ query, variables }),
    });
    const headers = [...response.headers]
      .filter(([name]) => name !== "date")
      .filter(([name]) => name !== "content-length");
    return { status: response.status, headers, body: (await response.text()).replaceAll(`"${id}"`, '"<id>"') };
  }

  const digest = async () => {
    const parts = TYPE_NAMES.map(
      (name) => `(select md5(string_agg(t::text, ',' order by id)) from ${TYPES[name].table} t)`,
    );
    return (await app.sql.unsafe(`select concat_ws(' ', ${parts.join(", ")}) as d`))[0]?.d;
  };

  it.each(TYPE_NAMES)("%s in queries: null", async (name) => {
    const viewer = await app.as("viewer");
    const query = `query($id: ID!) { ${TYPES[name].one}(id: $id) { id } }`;
    const unknown = await raw(viewer, query, { id: UNKNOWN }, UNKNOWN);
    expect(unknown.status).toBe(200);
    expect(unknown.body).toBe(`{"data":{"${TYPES[name].one}":null}}`);
    for (const id of foreign(name, "1").slice(0, 5)) expect(await raw(viewer, query, { id }, id)).toEqual(unknown);
    const beside = `query($id: ID!) { ${TYPES[name].one}(id: $id) { id } viewer { role } }`;
    const [id] = foreign(name, "1");
    expect(await raw(viewer, beside, { id }, id!)).toEqual(await raw(viewer, beside, { id: UNKNOWN }, UNKNOWN));
  });

  /** By mutation: the type that the id is of, and the input with it. */
  const MUTATIONS: Record<string, [type: TypeName, input: (id: Id) => object]> = {
    updateScan: ["Scan", (id) => ({ id, version: 1, scanType: "X" })],
    deleteScan: ["Scan", (id) => ({ id })],
    updateVulnerability: ["Vulnerability", (id) => ({ id, version: 1, title: "X" })],
    deleteVulnerability: ["Vulnerability", (id) => ({ id, version: 1 })],
    updateChatSession: ["ChatSession", (id) => ({ id, version: 1, message: "X" })],
    deleteChatSession: ["ChatSession", (id) => ({ id })],
    updateAnalyticsMetric: ["AnalyticsMetric", (id) => ({ id, version: 1, value: 0 })],
    deleteAnalyticsMetric: ["AnalyticsMetric", (id) => ({ id })],
    updatePerformanceLog: ["PerformanceLog", (id) => ({ id, version: 1, endpoint: "X" })],
    deletePerformanceLog: ["PerformanceLog", (id) => ({ id })],
    createScan: [
      "Organization",
      (organizationId) => ({ organizationId, targetUrl: "https://x.example/", scanType: "X" }),
    ],
    createVulnerability: ["Scan", (scanId) => ({ scanId, severity: "LOW", vulnType: "X", title: "X" })],
    createVulnerabilities: ["Scan", (scanId) => ({ scanId, items: [{ severity: "LOW", vulnType: "X", title: "X" }] })],
    createChatSession: ["User", (userId) => ({ userId, sessionId: "X", message: "X" })],
    createAnalyticsMetric: ["Organization", (organizationId) => ({ organizationId, metricType: "X", value: 1 })],
    createScans: [
      "Organization",
      (organizationId) => ({
        items: ["1", organizationId].map((id) => ({
          organizationId: id,
          targetUrl: "https://x.example/",
          scanType: "X",
        })),
      }),
    ],
    createChatSessions: [
      "User",
      (userId) => ({ items: ["2", userId].map((id) => ({ userId: id, sessionId: "X", message: "X" })) }),
    ],
    createAnalyticsMetrics: [
      "Organization",
      (organizationId) => ({
        items: ["1", organizationId].map((id) => ({ organizationId: id, metricType: "X", value: 1 })),
      }),
    ],
    createPerformanceLogs: [
      "Organization",
      (organizationId) => ({
        items: ["1", organizationId].map((id) => ({
          organizationId: id,
          serviceName: "X",
          endpoint: "X",
          responseTimeMs: 1,
        })),
      }),
    ],
    createPerformanceLog: [
      "Organization",
      (organizationId) => ({ organizationId, serviceName: "X", endpoint: "X", responseTimeMs: 1 }),
    ],
  };

  it("covers every mutation that an analyst may call", () => {
    const all = Object.keys(app.schema.getMutationType()!.getFields());
    const others =
      /^(signIn|refreshSession|signOut|recordSecurityEvent|setEnvironmentMapping|createSnapshot|deleteSnapshot|restoreSnapshot|rebootInstance|modifyBackupWindow|cancelOperation|(create|update|delete|upsert)(Organization|User)s?|(update|delete)(Scans|Vulnerabilities|ChatSessions|AnalyticsMetrics|PerformanceLogs))$/;
    const message = "named in MUTATIONS, or, where it changes rows by a filter, in CHANGES and above";
    expect(Object.keys(MUTATIONS).sort(), message).toEqual(all.filter((name) => !others.test(name)).sort());
  });

  it.each(Object.keys(MUTATIONS))("%s: NOT_FOUND, nothing changes, one record of the failure", async (name) => {
    const [type, input] = MUTATIONS[name]!;
    const analyst = await app.as("analyst");
    const query = `mutation($input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { __typename } }`;
    const before = await digest();
    const unknown = await raw(analyst, query, { input: input(UNKNOWN) }, UNKNOWN);
    const theirs = foreign(type, "1").slice(0, 3);
    for (const id of theirs) {
      const [{ max }] = (await app.sql`select coalesce(max(id), 0) as max from audit_logs`) as unknown as [
        { max: string },
      ];
      expect(await raw(analyst, query, { input: input(id) }, id)).toEqual(unknown);
      const records =
        await app.sql`select success, resource_id, result->>'code' as code from audit_logs where id > ${max}`;
      expect([...records]).toEqual([
        { success: false, resource_id: /^(create|upsert)/.test(name) ? null : id, code: "NOT_FOUND" },
      ]);
    }
    expect(await digest()).toBe(before);
    expect(unknown.status).toBe(404);
    expect(JSON.parse(unknown.body).errors[0].extensions.code).toBe("NOT_FOUND");
  });

  /** By type: changes to rows that match a filter. */
  const CHANGES: Record<string, [names: string, changes: object]> = {
    Scan: ["Scans", { scanType: "X" }],
    Vulnerability: ["Vulnerabilities", { title: "X" }],
    ChatSession: ["ChatSessions", { message: "X" }],
    AnalyticsMetric: ["AnalyticsMetrics", { value: 0 }],
    PerformanceLog: ["PerformanceLogs", { endpoint: "X" }],
  };
  const byFilter = async (verb: "update" | "delete", type: string, input: object) => {
    const [names, changes] = CHANGES[type]!;
    const analyst = await app.as("analyst");
    const query = `mutation($input: ${verb[0]!.toUpperCase()}${verb.slice(1)}${names}Input!) { ${verb}${names}(input: $input) { __typename } }`;
    return analyst.run(query, { input: { ...input, ...(verb === "update" && { changes }) } });
  };

  it.each(Object.keys(CHANGES))("%s by a filter: rows of others neither match nor count", async (name) => {
    const before = await digest();
    const all = own(name as TypeName, "1").length;
    const theirs = foreign(name as TypeName, "1");
    const words = all > 1000 ? "More than 1000 rows match" : `${all} row${all === 1 ? " matches" : "s match"}`;
    for (const verb of ["update", "delete"] as const) {
      const cases: [filter: object, expectedCount: number, message: string][] = [
        [{ id: { in: theirs } }, 1, "0 rows match"],
        [{ id: { eq: theirs[0] } }, 1, "0 rows match"],
        [{ id: { eq: UNKNOWN } }, 1, "0 rows match"],
        [{}, all + 1, words],
        [{ id: { isNull: false } }, rows[name as TypeName].length, words],
        [{ not: { id: { in: idsOf(own(name as TypeName, "1")) } } }, theirs.length, "0 rows match"],
      ];
      for (const [filter, expectedCount, message] of cases) {
        const { code, status, errors } = await byFilter(verb, name, { filter, expectedCount });
        expect([code, status]).toEqual(["CONFLICT", 409]);
        expect(errors?.[0]?.message).toContain(`${message}, where ${expectedCount}`);
      }
    }
    expect(await digest()).toBe(before);
  });

  it.each(Object.keys(CHANGES))("%s by the filter for all: exactly the own rows change", async (name) => {
    const type = name as TypeName;
    const { table } = TYPES[type];
    const of = async (ids: readonly Id[]) =>
      (
        await app.sql.unsafe(
          `select md5(string_agg(t::text, ',' order by id)) as d from ${table} t where id in (${ids})`,
        )
      )[0]?.d;
    const theirs = await of(foreign(type, "1"));
    const mine = idsOf(own(type, "1"));
    const { data, errors } = await byFilter("update", name, { filter: {}, expectedCount: mine.length });
    expect([errors, data]).toEqual([undefined, expect.anything()]);
    expect(await of(foreign(type, "1"))).toBe(theirs);
    const changed = await app.sql.unsafe(`select id::text from ${table} where version = 2`);
    expect(changed.map(({ id }) => id).sort()).toEqual(mine.sort());
  });

  it("a stale version of another's row is NOT_FOUND, not CONFLICT", async () => {
    const analyst = await app.as("analyst");
    const [id] = foreign("Scan", "1");
    const { code } = await analyst.run(
      "mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { id } } }",
      { input: { id, version: 77, scanType: "X" } },
    );
    expect(code).toBe("NOT_FOUND");
    const { code: deleted } = await analyst.run(
      "mutation($input: DeleteScanInput!) { deleteScan(input: $input) { deletedScanId } }",
      { input: { id, version: 77 } },
    );
    expect(deleted).toBe("NOT_FOUND");
  });

  it("an analyst records a response time for the own organization only, and not for the platform", async () => {
    const analyst = await app.as("analyst");
    const query =
      "mutation($input: CreatePerformanceLogInput!) { createPerformanceLog(input: $input) { performanceLog { id } } }";
    const input = { serviceName: "X", endpoint: "X", responseTimeMs: 1 };
    const before = await digest();
    for (const organizationId of [undefined, null]) {
      const { data, errors } = await analyst.run(query, { input: { ...input, organizationId } });
      expect(data).toEqual({ createPerformanceLog: null });
      expect(errors).toHaveLength(1);
      expect(["BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN"]).toContain(errors?.[0]?.extensions.code);
    }
    expect(await digest()).toBe(before);
  });
});
