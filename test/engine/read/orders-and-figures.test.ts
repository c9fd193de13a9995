/** What orders and aggregates of reads can do. */
import { describe, expect, it } from "vitest";
import { type Answer, type Somebody } from "../../support/app.js";
import { useReadRows } from "../../support/read-features.js";

const { app } = useReadRows();

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
