/** Filters across relations and into JSON, orders by related rows, and figures over lists: what they answer, and to whom. */
import { beforeAll, describe, expect, it } from "vitest";
import { filterFields } from "../../../src/engine/read/filter.js";
import { SECRET } from "../../specimens/specimen.js";
import { type Answer, type Somebody, testApp } from "../../support/app.js";
import { rootTypes } from "../../support/model.js";

const app = testApp();

/** Two organizations: A, to which `viewer` belongs, and B, to which `otherViewer` does. */
beforeAll(async () => {
  await app.sql.unsafe(`
    truncate scans, vulnerabilities, chat_sessions, analytics_metrics, performance_logs cascade;
    insert into scans (id, organization_id, target_url, scan_type, status, started_at, created_at) values
      (101, 1, 'https://a.example/100%', 'FULL', 'COMPLETED', '2026-01-05T23:59:59.999999Z', '2026-01-01'),
      (102, 1, 'https://a.example/1000', 'API', 'FAILED', '2026-01-06T00:00:00Z', '2026-01-02'),
      (103, 1, 'https://a.example/étéω/x_y', 'API', 'COMPLETED', '2026-02-01T00:00:00Z', '2026-01-03'),
      (104, 2, 'https://b.example/xzy', 'FULL', 'COMPLETED', '2026-01-06T12:00:00Z', '2026-01-04');
    insert into vulnerabilities (id, scan_id, severity, vuln_type, title, description) values
      (1, 101, 'HIGH', 'XSS', 'one', null), (2, 101, 'LOW', 'XSS', 'two', 'seen'),
      (3, 102, 'HIGH', 'SQLI', 'three', 'seen'), (4, 104, 'CRITICAL', 'SQLI', 'four', null);
    insert into analytics_metrics (organization_id, metric_type, value, recorded_at) values
      (1, 'cpu', 1.5, '2026-01-05T10:10:00Z'), (1, 'cpu', 2.5, '2026-01-05T10:50:00Z'), (1, 'cpu', -1, '2026-01-11T23:00:00Z'),
      (1, 'disk', 10, '2026-01-12T00:00:00Z'), (2, 'cpu', 100, '2026-01-05T10:30:00Z');
    insert into performance_logs (organization_id, service_name, endpoint, response_time_ms) values
      (null, 's', '/platform', 5), (1, 's', '/a', 7), (2, 's', '/b', 9);
    insert into security_events (event_type, event_status, user_id, metadata, location) values
      ('json', 'SUCCESS', (select id from users where email = 'admin@demo.example'), '{"a": {"b": 1, "c": [1, 2, 3]}, "d": null}', null),
      ('json', 'SUCCESS', (select id from users where email = 'dba@demo.example'), '["a", {"b": 1}]', '{"country": "NL"}'),
      ('json', 'SUCCESS', null, null, null)`);
});

async function ids(who: Somebody, list: string, filter: object, type: string): Promise<string[]> {
  const query = `query($filter: ${type}Filter) { ${list}(filter: $filter, orderBy: [{ field: ID }]) { nodes { id } totalCount } }`;
  const { data, errors } = await (await app.as(who)).run(query, { filter });
  expect(errors).toBeUndefined();
  const found = data[list].nodes.map(({ id }: { id: string }) => id);
  expect(data[list].totalCount).toBe(found.length);
  return found;
}

describe("filters across relations", () => {
  it.each<[string, Somebody, object, string[]]>([
    ["of the row it belongs to", "admin", { organization: { domain: { startsWith: "CLINIC." } } }, ["104"]],
    ["some", "admin", { vulnerabilities: { some: { severity: { eq: "HIGH" } } } }, ["101", "102"]],
    [
      "every, and so where there are none",
      "admin",
      { vulnerabilities: { every: { severity: { eq: "HIGH" } } } },
      ["102", "103"],
    ],
    [
      "every judges an absent value as not holding",
      "admin",
      { vulnerabilities: { every: { description: { contains: "s" } } } },
      ["102", "103"],
    ],
    ["none", "admin", { vulnerabilities: { none: { vulnType: { eq: "SQLI" } } } }, ["101", "103"]],
    ["all given ones", "admin", { vulnerabilities: { some: {}, none: { description: { isNull: true } } } }, ["102"]],
    ["negated", "admin", { not: { vulnerabilities: { some: {} } } }, ["103"]],
    [
      "deeper",
      "admin",
      {
        organization: {
          users: { some: { email: { eq: "viewer@demo.example" } } },
          scans: { some: { id: { eq: "103" } } },
        },
      },
      ["101", "102", "103"],
    ],
    [
      "there and back",
      "viewer",
      { vulnerabilities: { some: { scan: { organization: { scans: { some: { status: { eq: "FAILED" } } } } } } } },
      ["101", "102"],
    ],
    ["only over visible rows", "viewer", { organization: { scans: { some: { id: { eq: "104" } } } } }, []],
    [
      "every, only over visible rows",
      "viewer",
      { organization: { scans: { every: { targetUrl: { contains: "a.example" } } } } },
      ["101", "102", "103"],
    ],
  ])("%s", async (_, who, filter, expected) => {
    expect(await ids(who, "scans", filter, "Scan")).toEqual(expected);
  });

  it("may not lead where the role may not read", async () => {
    const query = `{ users(filter: { organization: { scans: { some: { status: { eq: FAILED } } } } }) { nodes { id } } }`;
    const { code, status, errors, data } = await (await app.as("security")).run(query);
    expect([code, status, errors?.[0]?.extensions.permission, data]).toEqual([
      "FORBIDDEN",
      403,
      "scans:read",
      { users: null },
    ]);
  });
});

describe("texts are found in any case, and literally", () => {
  it.each([
    [{ contains: "100%" }, ["101"]],
    [{ contains: "X_Y" }, ["103"]],
    [{ endsWith: "_Y" }, ["103"]],
    [{ endsWith: "ZY" }, ["104"]],
    [{ endsWith: "0" }, ["102"]],
    [{ startsWith: "HTTPS://A" }, ["101", "102", "103"]],
    [{ contains: "\\" }, []],
    [{ contains: "ÉTÉ" }, ["103"]],
    [{ contains: "Ω" }, ["103"]],
  ])("%j", async (targetUrl, expected) => {
    expect(await ids("admin", "scans", { targetUrl }, "Scan")).toEqual(expected);
  });
});

describe("containment in JSON", () => {
  const found = async (metadata: object) => {
    const query = `query($metadata: JSONFilter) { securityEvents(filter: { eventType: { eq: "json" }, metadata: $metadata }, orderBy: [{ field: ID }]) { nodes { metadata } } }`;
    const { data, errors } = await (await app.as("security")).run(query, { metadata });
    expect(errors).toBeUndefined();
    return data.securityEvents.nodes.map((node: { metadata: unknown }) =>
      Array.isArray(node.metadata) ? "list" : node.metadata && "object",
    );
  };
  it.each<[unknown, (string | null)[]]>([
    [{ contains: { a: { b: 1 } } }, ["object"]],
    [{ contains: { a: { c: [3, 1] } } }, ["object"]],
    [{ contains: { d: null } }, ["object"]],
    [{ contains: ["a"] }, ["list"]],
    [{ contains: "a" }, ["list"]],
    [{ contains: {} }, ["object"]],
    [{ contains: { a: { b: 2 } } }, []],
    [{ isNull: true }, [null]],
  ])("%j", async (filter, expected) => expect(await found(filter as object)).toEqual(expected));

  it("also written in the document, with variables inside", async () => {
    const query = `query($b: Int) { securityEvents(filter: { metadata: { contains: { a: { b: $b } } } }) { totalCount } }`;
    const security = await app.as("security");
    expect((await security.run(query, { b: 1 })).data.securityEvents.totalCount).toBe(1);
    expect((await security.run(query, { b: 2 })).data.securityEvents.totalCount).toBe(0);
  });
});

describe("JSON that a column cannot hold is refused, where it would find nothing", () => {
  const looked = rootTypes.flatMap((type) =>
    [...filterFields(type)].flatMap(([name, field]) => (field.kind === "json" ? [{ type, name, field }] : [])),
  );

  it("only these hold any JSON", () => {
    const open = looked.filter(({ field }) => !field.contained).map(({ type, name }) => `${type.name}.${name}`);
    expect(open.sort()).toEqual([
      "InstanceChange.after",
      "InstanceChange.before",
      "SecurityEvent.location",
      "SecurityEvent.metadata",
    ]);
  });

  const among = async (type: string, plural: string, name: string, contains: unknown) =>
    (await app.as("admin")).run(`query($filter: ${type}Filter) { ${plural}(filter: $filter) { totalCount } }`, {
      filter: { [name]: { contains } },
    });
  it.each(
    looked.filter(({ field }) => field.contained).map(({ type, name }) => [type.name, type.plural, name] as const),
  )("%s in %s by %s", async (type, plural, name) => {
    const isList = name === "tags";
    for (const wrong of [SECRET, 1, true, isList ? { key: SECRET } : [SECRET], isList ? [SECRET] : [{}]]) {
      const { code, errors } = await among(type, plural, name, wrong);
      const field = isList && Array.isArray(wrong) ? `filter.${name}.contains.0` : `filter.${name}.contains`;
      expect([code, errors?.[0]?.extensions.field], JSON.stringify(wrong)).toEqual(["BAD_USER_INPUT", field]);
      expect(errors?.[0]?.message).toMatch(/`[[{].*`|such as/);
      expect(JSON.stringify(errors)).not.toContain(SECRET);
    }
    const { errors } = await among(type, plural, name, isList ? [] : {});
    expect(errors).toBeUndefined();
  });

  it.each([
    [[{ value: "shop" }], "0.key"],
    [[{ key: "" }], "0.key"],
    [[{ key: "k".repeat(129) }], "0.key"],
    [[{ key: "Owner", value: 1 }], "0.value"],
    [[{ key: "Owner", value: null }], "0.value"],
    [[{ key: "Owner" }, { key: "Owner", Value: "shop" }], "1"],
    [{ Owner: "shop" }, ""],
    [Array.from({ length: 51 }, () => ({ key: "Owner" })), ""],
  ])("labels: %j", async (contains, at) => {
    const { code, errors } = await among("Instance", "instances", "tags", contains);
    const field = ["filter.tags.contains", at].filter(Boolean).join(".");
    expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
  });

  it("actors: a key that none has, and an id that is no text", async () => {
    for (const [contains, at] of [
      [{ userId: "1" }, ""],
      [{ id: 1 }, ".id"],
    ] as const) {
      const { code, errors } = await among("AuditLog", "auditLogs", "actor", contains);
      expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", `filter.actor.contains${at}`]);
    }
  });

  it("of a plan that is known, too", async () => {
    const query = "query($json: JSON) { instances(filter: { tags: { contains: $json } }) { totalCount } }";
    const admin = await app.as("admin");
    expect((await admin.run(query, { json: [{ key: "Owner" }] })).errors).toBeUndefined();
    expect((await admin.run(query, { json: [{ key: "Owner", value: "x" }] })).errors).toBeUndefined();
    expect((await admin.run(query, { json: [{ value: "x" }] })).code).toBe("BAD_USER_INPUT");
  });
});

describe("order", () => {
  const ordered = async (who: Somebody, list: string, key: string, orderBy: string, filter = "") => {
    const { data, errors } = await (await app.as(who)).run(
      `{ ${list}(orderBy: ${orderBy} ${filter}) { nodes { ${key} } } }`,
    );
    expect(errors).toBeUndefined();
    return data[list].nodes.map((node: Record<string, unknown>) => node[key]);
  };

  it("by several fields, ties by id in the direction of the last", async () => {
    expect(await ordered("admin", "scans", "id", "[{ field: STATUS }, { field: SCAN_TYPE, direction: DESC }]")).toEqual(
      ["104", "101", "103", "102"],
    );
  });

  it.each([
    ["ASC", undefined, [null, null, "seen", "seen"]],
    ["ASC", "LAST", ["seen", "seen", null, null]],
    ["DESC", undefined, ["seen", "seen", null, null]],
    ["DESC", "FIRST", [null, null, "seen", "seen"]],
  ])("%s with nulls %s", async (direction, nulls, expected) => {
    const term = `{ field: DESCRIPTION, direction: ${direction}${nulls ? `, nulls: ${nulls}` : ""} }`;
    expect(await ordered("admin", "vulnerabilities", "description", `[${term}]`)).toEqual(expected);
  });

  it("by a field of a related row, absent rows as absent values", async () => {
    const json = `filter: { eventType: { eq: "json" } }`;
    const emails = async (term: string) => {
      const { data } = await (await app.as("admin")).run(
        `{ securityEvents(${json}, orderBy: [${term}]) { nodes { user { email } } } }`,
      );
      return data.securityEvents.nodes.map(({ user }: { user: { email: string } | null }) => user?.email ?? null);
    };
    const [admin, dba] = ["admin@demo.example", "dba@demo.example"];
    expect(await emails("{ field: USER_EMAIL }")).toEqual([null, admin, dba]);
    expect(await emails("{ field: USER_EMAIL, direction: DESC }")).toEqual([dba, admin, null]);
    expect(await emails("{ field: USER_EMAIL, nulls: LAST }")).toEqual([admin, dba, null]);
  });

  it("pages by a related field follow the cursors both ways", async () => {
    const page = `query($after: String, $before: String, $first: Int, $last: Int) {
      vulnerabilities(orderBy: [{ field: SCAN_STARTED_AT, direction: DESC }, { field: TITLE, nulls: LAST }], first: $first, after: $after, last: $last, before: $before) {
        nodes { title } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } } }`;
    const admin = await app.as("admin");
    const all = ["four", "three", "one", "two"];
    const forwards: string[] = [];
    for (let after: string | null = null; ; ) {
      const answer: Answer = await admin.run(page, { first: 1, after });
      const { vulnerabilities } = answer.data;
      forwards.push(...vulnerabilities.nodes.map(({ title }: { title: string }) => title));
      if (!vulnerabilities.pageInfo.hasNextPage) break;
      after = vulnerabilities.pageInfo.endCursor;
    }
    expect(forwards).toEqual(all);
    const backwards: string[] = [];
    for (let before: string | null = null; ; ) {
      const answer: Answer = await admin.run(page, { last: 3, before });
      const { vulnerabilities } = answer.data;
      backwards.unshift(...vulnerabilities.nodes.map(({ title }: { title: string }) => title));
      if (!vulnerabilities.pageInfo.hasPreviousPage) break;
      before = vulnerabilities.pageInfo.startCursor;
    }
    expect(backwards).toEqual(all);
  });

  it("may not look at what the role may not read", async () => {
    const refused = await (await app.as("security")).run(
      "{ vulnerabilities(orderBy: [{ field: SCAN_STATUS }]) { totalCount } }",
    );
    expect(refused.code).toBe("FORBIDDEN");
  });
});

describe("aggregates", () => {
  const METRICS = `{ analyticsMetrics(filter: { metricType: { eq: "cpu" } }, first: 1) {
    nodes { value } aggregate { count sum { value } avg { value } min { value metricType recordedAt } max { value recordedAt } } } }`;

  it("over the whole filtered list, whatever the page", async () => {
    const { data } = await (await app.as("admin")).run(METRICS);
    expect(data.analyticsMetrics).toEqual({
      nodes: [{ value: -1 }],
      aggregate: {
        count: 4,
        sum: { value: 103 },
        avg: { value: 25.75 },
        min: { value: -1, metricType: "cpu", recordedAt: "2026-01-05T10:10:00.000000Z" },
        max: { value: 100, recordedAt: "2026-01-11T23:00:00.000000Z" },
      },
    });
  });

  it("only over rows that exist for the actor", async () => {
    const { data } = await (await app.as("viewer")).run(METRICS);
    expect(data.analyticsMetrics.aggregate).toMatchObject({ count: 3, sum: { value: 3 }, avg: { value: 1 } });
    const other = await (await app.as("otherViewer")).run(METRICS);
    expect(other.data.analyticsMetrics.aggregate).toMatchObject({ count: 1, sum: { value: 100 } });
  });

  it("of no rows have no values, and count 0", async () => {
    const query = `{ scans(filter: { id: { eq: "9" } }) { aggregate { count sum { vulnerabilitiesFound } max { startedAt targetUrl } } groups(by: [{ field: STATUS }]) { key { status } } } }`;
    expect((await (await app.as("admin")).run(query)).data.scans).toEqual({
      aggregate: { count: 0, sum: { vulnerabilitiesFound: null }, max: { startedAt: null, targetUrl: null } },
      groups: [],
    });
  });

  it("in groups by fields, in the order of the keys or the largest first", async () => {
    const query = `{ scans { byType: groups(by: [{ field: SCAN_TYPE }, { field: STATUS }]) { key { scanType status } aggregate { count } }
      largest: groups(by: [{ field: STATUS }], largestFirst: true, first: 1) { key { s: status startedAt } aggregate { count sum { vulnerabilitiesFound } } } } }`;
    expect((await (await app.as("admin")).run(query)).data.scans).toEqual({
      byType: [
        { key: { scanType: "API", status: "COMPLETED" }, aggregate: { count: 1 } },
        { key: { scanType: "API", status: "FAILED" }, aggregate: { count: 1 } },
        { key: { scanType: "FULL", status: "COMPLETED" }, aggregate: { count: 2 } },
      ],
      largest: [
        { key: { s: "COMPLETED", startedAt: null }, aggregate: { count: 3, sum: { vulnerabilitiesFound: 3 } } },
      ],
    });
  });

  it.each([
    [
      "HOUR",
      [
        ["2026-01-05T10:00:00.000000Z", 3],
        ["2026-01-11T23:00:00.000000Z", 1],
        ["2026-01-12T00:00:00.000000Z", 1],
      ],
    ],
    [
      "DAY",
      [
        ["2026-01-05T00:00:00.000000Z", 3],
        ["2026-01-11T00:00:00.000000Z", 1],
        ["2026-01-12T00:00:00.000000Z", 1],
      ],
    ],
    // The 5th and the 12th of January 2026 are Mondays.
    [
      "WEEK",
      [
        ["2026-01-05T00:00:00.000000Z", 4],
        ["2026-01-12T00:00:00.000000Z", 1],
      ],
    ],
    ["MONTH", [["2026-01-01T00:00:00.000000Z", 5]]],
  ])("in buckets of a %s", async (bucket, expected) => {
    const query = `query($bucket: TimeBucket) { analyticsMetrics { groups(by: [{ field: RECORDED_AT, bucket: $bucket }]) { key { recordedAt } aggregate { count } } } }`;
    const { data } = await (await app.as("admin")).run(query, { bucket });
    const groups = data.analyticsMetrics.groups as { key: { recordedAt: string }; aggregate: { count: number } }[];
    expect(groups.map(({ key, aggregate }) => [key.recordedAt, aggregate.count])).toEqual(expected);
  });

  it("of nested lists, absent keys first", async () => {
    const query = `{ organizations(filter: { id: { in: [1, 2] } }, orderBy: [{ field: ID }]) { nodes { scans { aggregate { count } } } }
      performanceLogs { groups(by: [{ field: ENDPOINT }], first: 2) { key { endpoint } aggregate { avg { responseTimeMs } } } }
      vulnerabilities { groups(by: [{ field: DESCRIPTION }]) { key { description __typename } aggregate { count __typename } __typename } } }`;
    expect((await (await app.as("admin")).run(query)).data).toEqual({
      organizations: { nodes: [{ scans: { aggregate: { count: 3 } } }, { scans: { aggregate: { count: 1 } } }] },
      performanceLogs: {
        groups: [
          { key: { endpoint: "/a" }, aggregate: { avg: { responseTimeMs: 7 } } },
          { key: { endpoint: "/b" }, aggregate: { avg: { responseTimeMs: 9 } } },
        ],
      },
      vulnerabilities: {
        groups: [null, "seen"].map((description) => ({
          key: { description, __typename: "VulnerabilityGroupKey" },
          aggregate: { count: 2, __typename: "VulnerabilityAggregate" },
          __typename: "VulnerabilityGroup",
        })),
      },
    });
  });

  it.each([
    ["[]", "by", "BAD_USER_INPUT"],
    ["[{ field: STATUS }, { field: STATUS }]", "by.1.field", "BAD_USER_INPUT"],
    ["[{ field: STARTED_AT, bucket: DAY }, { field: STARTED_AT, bucket: MONTH }]", "by.1.field", "BAD_USER_INPUT"],
    ["[{ field: STATUS, bucket: DAY }]", "by.0.bucket", "BAD_USER_INPUT"],
    ["[{ field: STATUS }], first: -1", "first", "BAD_USER_INPUT"],
  ])("groups(by: %s) is refused at %s", async (by, field, code) => {
    const { status, errors } = await (await app.as("admin")).run(
      `{ scans { groups(by: ${by}) { aggregate { count } } } }`,
    );
    expect([status, errors?.[0]?.extensions.code, errors?.[0]?.extensions.field]).toEqual([400, code, field]);
  });

  it("more than 1,000 groups are refused, not cut", async () => {
    const { status, errors } = await (await app.as("admin")).run(
      `{ scans { groups(by: [{ field: STATUS }], first: 1001) { aggregate { count } } } }`,
    );
    expect([status, errors?.[0]?.extensions.code, errors?.[0]?.extensions.limit]).toEqual([
      400,
      "LIMIT_EXCEEDED",
      "pageSize",
    ]);
  });
});

it("an event keeps the id of whom it concerns when the account is gone, and is found by it", async () => {
  await app.sql`insert into security_events (event_type, event_status, user_id) values ('gone', 'SUCCESS', 424242)`;
  const query = `{ securityEvents(filter: { userId: { eq: "424242" } }, orderBy: [{ field: USER_ID }]) { nodes { userId user { id } } } }`;
  expect((await (await app.as("security")).run(query)).data.securityEvents.nodes).toEqual([
    { userId: "424242", user: null },
  ]);
});
