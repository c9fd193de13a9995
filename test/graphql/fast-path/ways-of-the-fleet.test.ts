/** The two ways out of the planner answer the same of the fleet, of unknown labels and of what is refused. */
import { parse } from "graphql";
import { beforeAll, describe, expect, it } from "vitest";
import { LONG, NODE_IDS, ordinary, useBothWays } from "../../support/both-ways.js";
import { HOST } from "../../support/fleet-port.js";

const { app, bothWays } = useBothWays();

/** What an instance or an operation holds as a whole; which parts of it VIEWER may not read is said beside. */
const EMBEDDED: Record<string, [document: string, variables?: Record<string, unknown>]> = {
  "an embedded object": ["{ instance(id: 1) { endpoint { host port } environment { environment conflict dispute } } }"],
  "an embedded list": ["{ instance(id: 1) { tags { key value } members { name role } } }"],
  "an embedded object and lists that are absent or empty": [
    '{ instance(id: "bare") { endpoint { host } members { name endpoint { host } } tags { key } } }',
  ],
  "nested embedded objects and lists": [
    "{ instance(id: 1) { members { name endpoint { host port } } environment { evidence { method environment detail } } } }",
  ],
  "aliases of embedded objects and of their fields": [
    `{ i: instance(id: 1) { e: endpoint { h: host p: port again: host } e2: endpoint { port } m: members { at: endpoint { h: host } r: role ${LONG}: name } ${LONG}: environment { ${LONG}: environment x: evidence { d: detail } } } }`,
  ],
  "aliases that look like SQL or like other fields": [
    "{ instance(id: 1) { tags: members { value: name e: role key: name } members: tags { select: key from: value } e: environment { method: environment evidence { detail: method method: detail } } } }",
  ],
  "__typename of embedded objects": [
    "{ instance(id: 1) { __typename endpoint { __typename } members { __typename endpoint { __typename host } } tags { t: __typename } environment { __typename evidence { __typename method } } availableOperations { __typename type } } }",
  ],
  "only __typename": [
    "{ instances { nodes { members { __typename } environment { __typename } tags { __typename } } } }",
  ],
  "fragments on embedded types": [
    `{ instance(id: 1) { ...I members { ...M } } }
      fragment I on Instance { endpoint { ...E } environment { ...C } members { role } }
      fragment M on InstanceMember { name endpoint { ...E } }
      fragment E on InstanceEndpoint { port ... on InstanceEndpoint { host } }
      fragment C on EnvironmentClassification { decidedBy evidence { ... { method } ...V } }
      fragment V on EnvironmentEvidence { detail method }`,
  ],
  "merged embedded objects": [
    "{ instance(id: 1) { environment { environment } members { name } environment { evidence { method } } members { role endpoint { port } } environment { evidence { detail } } members { endpoint { host } } } }",
  ],
  "@include and @skip in embedded objects": [
    "query($t: Boolean!, $f: Boolean!) { instance(id: 1) { endpoint @include(if: $f) { host } members { name @skip(if: $t) role endpoint @skip(if: $f) { host @include(if: $t) port @include(if: $f) } } environment { environment evidence @skip(if: $t) { method } } } }",
    { t: true, f: false },
  ],
  "a derived value, alone, aliased and among others": [
    "{ a: instance(id: 1) { availableOperations { type allowed reason } } instances { nodes { x: availableOperations { allowed } status y: availableOperations { why: reason } } } }",
  ],
  "lists of instances, over relations": [
    "{ instances { totalCount edges { cursor node { members { endpoint { host } } snapshots { nodes { tags { key value } instance { endpoint { host } tags { value } } } } } } } }",
  ],
};
/** Of operations, which VIEWER may not read at all. */
const OPERATED: Record<string, [document: string, variables?: Record<string, unknown>]> = {
  "embedded lists and objects of operations": [
    "{ operations { nodes { id progress { at resourceStatus message percent } error { code message guidance } result parameters } } }",
  ],
  "who requested operations, and who called": [
    "{ operations { nodes { requestedByInfo { kind id: name } requestedBy who: requestedByInfo { k: kind id email role name } } } auditLogs { nodes { actorInfo { kind email } } } }",
  ],
  "findings, and from one to its instance and back": [
    "{ findings { nodes { id kind severity subject detail openedAt resolvedAt } } finding(id: 1) { instance { autoFailover { maxLagBytes afterSeconds } members { status lagBytes replaying } findings(first: 2) { totalCount nodes { detail } } } } }",
  ],
  "from an operation to its instance, its snapshot and back": [
    "{ operation(id: 3) { error { __typename c: code } snapshot { tags { key } instance { members { name endpoint { host } } } } instance { environment { evidence { detail } } availableOperations { allowed } operations(first: 2) { nodes { progress { message } } } } } }",
  ],
};

describe("both ways answer the same of the fleet", () => {
  it.each(Object.keys({ ...EMBEDDED, ...OPERATED }))("to those who read endpoints: %s", async (name) => {
    const [query, variables] = { ...EMBEDDED, ...OPERATED }[name]!;
    for (const who of ["dba", "admin"] as const) await bothWays(await app.as(who), query, variables);
  });

  it.each(Object.keys(EMBEDDED))("to those who do not: %s", async (name) => {
    const [query, variables] = EMBEDDED[name]!;
    for (const who of ["viewer", "analyst"] as const) {
      const client = await app.as(who);
      const answers = [];
      for (const document of [query, query, ordinary(parse(query)), ordinary(parse(query))]) {
        const { status, data, errors } = await client.run(document, variables);
        expect(status).toBe(200);
        delete data.viewer;
        expect(JSON.stringify(data)).not.toContain(HOST);
        const refused = errors?.map(({ message, path, extensions: { code, permission } }) => ({
          message,
          path,
          code,
          permission,
        }));
        for (const error of refused ?? []) {
          expect(error).toMatchObject({ code: "FORBIDDEN", permission: "instance-endpoints:read" });
          // Null at the path of the error.
          expect(error.path?.reduce((value, key) => value[key], data)).toBeNull();
        }
        answers.push(JSON.stringify({ data, refused }, null, 1));
      }
      expect(new Set(answers).size).toBe(1);
    }
  });

  it("what is refused is exactly the endpoints that are asked for", async () => {
    const viewer = await app.as("viewer");
    const { data, errors } = await viewer.run(
      "{ instance(id: 1) { e: endpoint { host } f: endpoint { port } m: members { name at: endpoint { host } } } }",
    );
    expect(data).toEqual({
      instance: { e: null, f: null, m: ["a", "b", "c"].map((name) => ({ name, at: null })) },
    });
    expect(errors?.map(({ path }) => path?.join("."))).toEqual([
      "instance.e",
      "instance.f",
      ...[0, 1, 2].map((index) => `instance.m.${index}.at`),
    ]);
  });
});

describe("both ways answer the same of labels that this version does not know", () => {
  // As a newer replica beside this one may have added them, and the rows that hold them.
  beforeAll(async () => {
    await app.sql`alter type scan_status add value 'PAUSED'`;
    await app.sql`alter type severity add value 'UNRATED'`;
    await app.sql`alter type environment add value 'PREVIEW'`;
    await app.sql`alter table security_events drop constraint security_events_status`;
    await app.sql`update scans set status = 'PAUSED' where id in (1, 2)`;
    await app.sql`update vulnerabilities set severity = 'UNRATED' where scan_id = 1`;
    await app.sql`update security_events set event_status = ${'SKIPPED "BY HAND"\\\n'} where id in (1, 2)`;
    await app.sql`update instances set environment = 'PREVIEW',
      classification = jsonb_set(classification, '{environment}', '"PREVIEW"') where id = 1`;
  });

  const UNKNOWN: Record<string, [document: string, expected: string]> = {
    "of a row": ["{ scan(id: 1) { id status organization { id } } }", "PAUSED"],
    "in a list, with edges": ["{ scans(orderBy: { field: ID }) { edges { cursor node { s: status id } } } }", "PAUSED"],
    "in an order by it": [
      "{ scans(orderBy: { field: STATUS, direction: DESC }, first: 3) { edges { cursor node { status } } } }",
      "PAUSED",
    ],
    nested: ["{ scan(id: 1) { vulnerabilities { nodes { severity scan { status } } } } }", "UNRATED"],
    "in the keys of groups": [
      "{ scans { groups(by: [{ field: STATUS }]) { key { status } aggregate { count } } } }",
      "PAUSED",
    ],
    "of a text": [
      "{ securityEvent(id: 1) { eventStatus } securityEvents { groups(by: [{ field: EVENT_STATUS }]) { key { eventStatus } } nodes { eventStatus } } }",
      "SKIPPED",
    ],
    "of what an instance holds": ["{ instance(id: 1) { environment { environment } } }", "PREVIEW"],
  };

  it.each(Object.entries(UNKNOWN))("%s", async (_, [query, expected]) => {
    const answer = await bothWays(await app.as("admin"), query);
    expect(JSON.stringify(answer)).toContain(expected);
  });

  it("of a change", async () => {
    const analyst = await app.as("analyst");
    const change = (input: string) => `updateScan(input: ${input}) { scan { status version } }`;
    const alone = await analyst.run(`mutation { ${change('{ id: 1, version: 1, scanType: "X" }')} }`);
    const twice = await analyst.run(
      `mutation { a: ${change('{ id: 1, version: 2, scanType: "X" }')} b: ${change('{ id: 2, version: 1, scanType: "X" }')} }`,
    );
    expect([alone.errors, twice.errors]).toEqual([undefined, undefined]);
    expect(alone.data).toEqual({ updateScan: { scan: { status: "PAUSED", version: 2 } } });
    expect(twice.data).toEqual({
      a: { scan: { status: "PAUSED", version: 3 } },
      b: { scan: { status: "PAUSED", version: 2 } },
    });
  });
});

describe("both ways refuse the same", () => {
  const FAULTY: Record<string, [document: string, variables?: Record<string, unknown>]> = {
    "a malformed id": ['{ scan(id: "x") { id } }'],
    "a malformed id in a filter": ['{ scans(filter: { id: { in: ["1", "-1"] } }) { totalCount } }'],
    "a cursor of another order": ["query($c: String) { scans(after: $c) { nodes { id } } }", { c: "W10" }],
    "first and last": ["{ scans(first: 1, last: 1) { nodes { id } } }"],
    "a negative page": ["query($n: Int) { scans(first: $n) { nodes { id } } }", { n: -1 }],
    "a page that is too large": ["{ scans(first: 101) { nodes { id } } }"],
    "null in a filter": ["{ scans(filter: { status: { eq: null } }) { totalCount } }"],
    "too much altogether": [
      "{ organizations(first: 100) { nodes { scans(first: 100) { nodes { vulnerabilities(first: 100) { nodes { id } } } } } } }",
    ],
    "an id in place of a node id": ['{ node(nodeId: "1") { nodeId } }'],
    "a malformed node id among others": [
      "query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } }",
      { ids: [...NODE_IDS, "x"] },
    ],
    "too many node ids": [
      "query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } }",
      { ids: Array(101).fill(NODE_IDS[0]) },
    ],
    "NUL in a variable": [
      "query($t: String) { scans(filter: { targetUrl: { eq: $t } }) { totalCount } }",
      { t: "a\0b" },
    ],
  };

  it.each(Object.keys(FAULTY))("%s", async (name) => {
    const [query, variables] = FAULTY[name]!;
    const admin = await app.as("admin");
    const plain = await admin.run(query, variables);
    const other = await admin.run(ordinary(parse(query)), variables);
    const described = ({ errors }: typeof plain) =>
      errors?.map(({ message, path, extensions: { requestId: _, ...rest } }) => ({ message, path, rest }));
    expect(plain.errors).toHaveLength(1);
    expect(described(other)).toEqual(described(plain));
    expect(plain.status).toBe(400);
    expect(other.status).toBe(other.data === undefined || other.data === null ? 400 : 200);
  });
});
