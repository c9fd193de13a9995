/** The two ways out of the planner, the text that PostgreSQL builds and the resolvers, answer the same: value and order of keys. */
import { readdirSync, readFileSync } from "node:fs";
import { type DocumentNode, Kind, parse, print, visit } from "graphql";
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, testApp } from "../../support/app.js";
import { HOST, insertFinding, insertInstance, insertOperation } from "../../support/fleet-port.js";

const app = testApp();

/** A row of each kind that data may take: absent values, text that JSON must escape, moments and numbers at their edges. */
beforeAll(async () => {
  await app.sql`
    insert into vulnerabilities (scan_id, severity, vuln_type, title, description, created_at) values
      (1, 'LOW', 'T"\\', ${'quote " backslash \\ slash / tab \t newline \n \u2028 é 漢 😀 </script>'}, '', '0001-01-01T00:00:00Z'),
      (1, 'INFO', 'EMPTY', '', null, '9999-12-31T23:59:59.999999Z')`;
  await app.sql`
    insert into analytics_metrics (organization_id, metric_type, value, recorded_at) values
      (1, 'edge', 1e300, now()), (1, 'edge', -0.1, now()), (1, 'edge', 5e-324, now()), (1, 'edge', 12345678901234567890, now())`;
  await app.sql`
    insert into audit_logs (actor, action, resource_type, parameters, result, success) values
      (${'{"type": "system", "z": 1, "a": {"10": 1, "9": [null, true, 1.50, "x"]}}'}::text::jsonb, 'edge', 'edge', 'null', '[]', null)`;
  const id = await insertInstance(app, "TEST", { identifier: "both-ways" });
  await insertInstance(app, "PRODUCTION", {
    identifier: "bare",
    endpoint: null,
    members: [],
    tags: [],
    multiAz: false,
  });
  const operation = await insertOperation(app, id, "RUNNING");
  await insertOperation(app, id);
  const [snapshot] = await app.sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, size_bytes, tags, automated, created_at)
    values (${id}, 's-1', 'arn:s-1', 'x', 'available', 5e9, '[{"key": "k", "value": ""}]', false, now()) returning id`;
  const failure = '{"code": "DiskFull", "message": "No \\"space\\".", "guidance": "Make some."}';
  await app.sql`
    insert into operations (type, instance_id, parameters, status, requested_by, snapshot_id, error, result)
    values ('CREATE_SNAPSHOT', ${id}, '{}', 'FAILED', '{}', ${snapshot?.id}, ${failure}::text::jsonb, 'null')`;
  await insertFinding(app, id);
  expect([id, operation]).toEqual(["1", "1"]);
});

const LONG = "a".repeat(70);

const NODE_IDS = ["Scan:1", "User:1", "Scan:999999", "Nothing:1", "Organization:1", "Scan:1"].map((text) =>
  Buffer.from(text).toString("base64url"),
);

/** Document and variables; each is a query whose every root field is planned. */
const TRICKY: Record<string, [document: string, variables?: Record<string, unknown>]> = {
  "one row": ["{ scan(id: 1) { id targetUrl } }"],
  "no such row": ["{ scan(id: 999999) { id } }"],
  "the same field twice under aliases": ["{ a: scan(id: 1) { id } b: scan(id: 2) { x: id y: id } }"],
  "a root alias of 70 characters": [`{ ${LONG}: scan(id: 1) { id } }`],
  "an alias of 70 characters in an object": [`{ scan(id: 1) { id ${LONG}: targetUrl } }`],
  "aliases of 70 characters that differ in the last": [
    `{ scan(id: 1) { ${LONG}1: id ${LONG}2: status ${LONG}3: version } }`,
  ],
  "an alias of 70 characters on a connection": [
    `{ ${LONG}: scans(first: 2) { ${LONG}n: nodes { ${LONG}i: id } ${LONG}t: totalCount } }`,
  ],
  "an alias of 70 characters on an edge": [
    `{ scans(first: 2) { ${LONG}e: edges { ${LONG}c: cursor ${LONG}n: node { id } } ${LONG}p: pageInfo { ${LONG}h: hasNextPage } } }`,
  ],
  "an alias of 70 characters in figures and groups": [
    `{ scans { ${LONG}a: aggregate { ${LONG}s: sum { ${LONG}v: vulnerabilitiesFound } } ${LONG}g: groups(by: [{ field: STATUS }]) { ${LONG}k: key { ${LONG}f: status __typename } ${LONG}a: aggregate { ${LONG}m: min { ${LONG}t: startedAt __typename } } __typename } } }`,
  ],
  "figures of extreme numbers and of nothing": [
    `{ analyticsMetrics(filter: { metricType: { eq: "edge" } }) { aggregate { count sum { value } avg { value } min { value } max { value } } groups(by: [{ field: VALUE }, { field: ORGANIZATION_ID }]) { key { value organizationId } aggregate { count } } }
       users(filter: { id: { eq: "0" } }) { aggregate { count min { email } max { createdAt } } groups(by: [{ field: ROLE }]) { aggregate { count } } } }`,
  ],
  "filters in JSON with keys of every kind": [
    `query($json: JSON) { securityEvents(filter: { metadata: { contains: $json }, location: { isNull: true } }) { totalCount nodes { id } } }`,
    { json: { a: { "10": 1 } } },
  ],
  "aliases that look like SQL": [
    "{ select: scans(first: 1) { from: nodes { null: id where: status p: scanType t0: targetUrl i: createdAt c0: startedAt } } }",
  ],
  "an alias that is a name of the statement": [
    "{ scans(first: 2) { nodes { o: version id } } given: scan(id: 1) { o: organization { o: name } position: id } }",
  ],
  "an alias that is another field": ["{ scan(id: 1) { id: targetUrl targetUrl: id version: status } }"],
  "merged root fields": ["{ scan(id: 1) { id } scan(id: 1) { status } scan(id: 1) { id version } }"],
  "merged relations": ["{ scan(id: 1) { organization { id } status organization { name } } }"],
  "merged connections": [
    "{ scans(first: 2) { nodes { id } } scans(first: 2) { totalCount nodes { status organization { id } } } scans(first: 2) { nodes { organization { name } } } }",
  ],
  "merged edges": ["{ scans(first: 2) { edges { cursor } edges { node { id } } edges { node { status } cursor } } }"],
  "a named fragment": ["{ scan(id: 1) { ...S } } fragment S on Scan { id status }"],
  "fragments in fragments, spread twice": [
    "{ scan(id: 1) { ...A id ...B } } fragment A on Scan { status ...B } fragment B on Scan { version organization { ...O } } fragment O on Organization { id name }",
  ],
  "a fragment on the root type": [
    "{ ...Q organization(id: 1) { id } } fragment Q on Query { scan(id: 1) { id } organization(id: 1) { name } }",
  ],
  "inline fragments with and without a type": [
    "{ ... { scan(id: 1) { ... on Scan { id } ... { status } } } ... on Query { scan(id: 1) { version } } }",
  ],
  "a fragment on a connection": [
    "{ scans(first: 2) { ...C } } fragment C on ScanConnection { totalCount edges { ...E } pageInfo { ...P } } fragment E on ScanEdge { node { id } cursor } fragment P on PageInfo { endCursor hasNextPage }",
  ],
  "@include and @skip with variables that are true": [
    "query($t: Boolean!, $f: Boolean!) { scan(id: 1) { id @include(if: $t) status @skip(if: $f) version @include(if: $f) targetUrl @skip(if: $t) } }",
    { t: true, f: false },
  ],
  "@include and @skip on fragments, relations and root fields": [
    "query($t: Boolean!, $f: Boolean!) { a: scan(id: 1) @include(if: $t) { ...S @skip(if: $f) ... @include(if: $f) { version } organization @skip(if: $t) { id } } b: scan(id: 2) @skip(if: $t) { id } } fragment S on Scan { id organization @include(if: $t) { name } }",
    { t: true, f: false },
  ],
  "@include with a default": ["query($t: Boolean = false) { scan(id: 1) { id status @include(if: $t) } }"],
  "@include and @skip together": [
    "query($t: Boolean!) { scan(id: 1) { id status @include(if: $t) @skip(if: $t) version @include(if: $t) @skip(if: false) } }",
    { t: true },
  ],
  "a fragment that is skipped once and included once": [
    "query($t: Boolean!) { scan(id: 1) { ...S @skip(if: $t) id ...S @include(if: $t) } } fragment S on Scan { status version }",
    { t: true },
  ],
  "__typename at every level": [
    "{ scans(first: 2) { __typename edges { __typename cursor node { __typename id organization { __typename name } vulnerabilities(first: 1) { __typename nodes { __typename scan { __typename } } pageInfo { __typename hasNextPage } } } } pageInfo { __typename } } }",
  ],
  "nothing but __typename": ["{ scans { __typename } s: scans { nodes { __typename } } scan(id: 1) { __typename } }"],
  "an aliased __typename": ["{ scan(id: 1) { kind: __typename id __typename } }"],
  "edges, nodes, pageInfo and totalCount together": [
    "{ scans(first: 3) { totalCount pageInfo { startCursor endCursor hasNextPage hasPreviousPage } nodes { id } edges { node { id } cursor } } }",
  ],
  "nested connections with their own arguments": [
    "{ scans(first: 3, orderBy: { field: ID }) { nodes { id a: vulnerabilities(first: 1, orderBy: [{ field: TITLE, direction: DESC }]) { totalCount nodes { title } } b: vulnerabilities(last: 2, filter: { severity: { in: [HIGH, CRITICAL] } }) { totalCount edges { cursor node { severity } } pageInfo { hasPreviousPage } } } } }",
  ],
  "relations there and back": [
    "{ organizations { nodes { users { nodes { organization { scans(first: 2) { nodes { vulnerabilities(first: 2) { nodes { scan { organization { name } } } } } } } } } } } }",
  ],
  "an order by several fields": [
    "{ scans(first: 10, orderBy: [{ field: SCAN_TYPE }, { field: STATUS, direction: DESC }, { field: VULNERABILITIES_FOUND }]) { edges { cursor node { scanType status vulnerabilitiesFound } } } }",
  ],
  "an order by a field that may be absent": [
    "{ a: vulnerabilities(first: 3, orderBy: { field: DESCRIPTION }) { edges { cursor node { description } } } b: vulnerabilities(first: 3, orderBy: { field: DESCRIPTION, direction: DESC }) { edges { cursor node { description } } } }",
  ],
  "variables in a filter": [
    "query($like: String!, $s: [Severity!]!, $id: ID) { vulnerabilities(filter: { title: { contains: $like }, severity: { in: $s }, or: [{ scanId: { ne: $id } }, { not: { vulnType: { eq: $like } } }] }) { totalCount nodes { id } } }",
    { like: "e", s: ["HIGH", "LOW"], id: "3" },
  ],
  "a whole filter in a variable": [
    "query($f: ScanFilter) { scans(filter: $f) { totalCount nodes { id status } } }",
    {
      f: {
        and: [{ status: { in: ["COMPLETED"] } }, { not: { scanType: { startsWith: "f" } } }],
        startedAt: { gte: "2026-01-10T00:00:00+02:00" },
      },
    },
  ],
  "order enums in variables": [
    "query($f: ScanOrderField!, $d: OrderDirection, $o: [ScanOrder!]) { a: scans(first: 4, orderBy: [{ field: $f, direction: $d }]) { nodes { id } } b: scans(first: 4, orderBy: $o) { nodes { id } } }",
    { f: "TARGET_URL", d: "DESC", o: [{ field: "STATUS" }, { field: "ID", direction: "DESC" }] },
  ],
  "null variables and absent ones": [
    "query($first: Int, $after: String, $last: Int, $f: ScanFilter, $o: [ScanOrder!]) { scans(first: $first, after: $after, last: $last, filter: $f, orderBy: $o) { totalCount nodes { id } pageInfo { endCursor } } }",
    { first: null, after: null, f: null },
  ],
  "null literals": ["{ scans(first: null, after: null, filter: null, orderBy: null) { totalCount nodes { id } } }"],
  "an empty page": [
    '{ scans(filter: { targetUrl: { eq: "nowhere" } }) { totalCount nodes { id } edges { cursor } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }',
  ],
  "first: 0": [
    "{ scans(first: 0) { totalCount nodes { id } edges { cursor } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }",
  ],
  "last: 0": ["{ scans(last: 0) { nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }"],
  "only totalCount": [
    "{ scans { totalCount } v: vulnerabilities(filter: { severity: { eq: LOW } }) { n: totalCount m: totalCount } }",
  ],
  last: [
    "{ scans(last: 3) { nodes { id } edges { cursor } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }",
  ],
  "an empty list in a filter": [
    "query($s: [ScanStatus!]) { a: scans(filter: { status: { in: $s } }) { totalCount } b: scans(filter: { status: { notIn: [] } }) { totalCount } c: scans(filter: { or: [] }) { totalCount } d: scans(filter: {}) { totalCount } }",
    { s: [] },
  ],
  "text that JSON must escape, and numbers at their edges": [
    '{ vulnerabilities(first: 100, filter: { scanId: { eq: 1 } }) { edges { cursor node { title vulnType description createdAt } } } analyticsMetrics(first: 10, filter: { metricType: { eq: "edge" } }) { nodes { value } } }',
  ],
  "a filter with text that SQL and patterns must escape": [
    'query($t: String!) { vulnerabilities(filter: { or: [{ title: { contains: $t } }, { title: { startsWith: "%_\\\\\'\\"" } }] }) { totalCount nodes { title } } }',
    { t: "\\ slash / tab \t" },
  ],
  "JSON scalars": ["{ auditLogs { nodes { actor parameters result success resourceId } } }"],
  "a node, with aliases of 70 characters": [
    `query($id: ID!) { ${LONG}: node(nodeId: $id) { __typename ${LONG}n: nodeId ... on Scan { ${LONG}s: status organization { n: name } } ... on User { ${LONG}e: email } } }`,
    { id: NODE_IDS[0] },
  ],
  "a node beside the row itself, and none": [
    `{ scan(id: 1) { id nodeId } a: node(nodeId: "${NODE_IDS[0]}") { ... on Scan { id } nodeId } b: node(nodeId: "${NODE_IDS[2]}") { nodeId } c: node(nodeId: "${NODE_IDS[3]}") { nodeId __typename } }`,
  ],
  "nodes of several types": [
    "query($ids: [ID!]!) { nodes(nodeIds: $ids) { ...N } } fragment N on Node { __typename nodeId ... on Scan { x: scanType vulnerabilities(first: 1) { totalCount nodes { ... on Node { nodeId ... on Vulnerability { title } ... on Scan { id } } } } } ... on User { x: email id } ... on Organization { x: name id } }",
    { ids: NODE_IDS },
  ],
  "nodes in the document, one and none": [
    `{ a: nodes(nodeIds: "${NODE_IDS[1]}") { nodeId } b: nodes(nodeIds: []) { nodeId } c: nodes(nodeIds: ["${NODE_IDS[3]}"]) { nodeId } }`,
  ],
  "fragments of other types on a row": [
    "{ scan(id: 1) { ... on Node { ... on User { email } ...S nodeId } id } } fragment S on Node { ... on Scan { status } ... on User { role } }",
  ],
  "defaults of variables": [
    "query($first: Int = 2, $o: [ScanOrder!] = [{ field: ID }]) { scans(first: $first, orderBy: $o) { nodes { id } } }",
  ],
  "several root fields of several types": [
    "{ organizations { nodes { name } } users(first: 2) { nodes { email role organization { name } } } chatSessions(first: 2) { nodes { message user { email } } } performanceLogs(first: 2) { nodes { responseTimeMs } } securityEvents(first: 2) { nodes { location metadata user { email } } } }",
  ],
};

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

/** The same operation with a root field that is not planned at its end, which takes the ordinary path. */
const ordinary = (document: DocumentNode): string =>
  print(
    visit(document, {
      OperationDefinition: (node) => ({
        ...node,
        selectionSet: {
          ...node.selectionSet,
          selections: [
            ...node.selectionSet.selections,
            { kind: Kind.FIELD, name: { kind: Kind.NAME, value: "viewer" }, selectionSet: parseSelection("{ role }") },
          ],
        },
      }),
    }),
  );

function parseSelection(text: string) {
  const [definition] = parse(text).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error("no selection");
  return definition.selectionSet;
}

/** Postern looks for revoked sessions every second, whatever is asked. */
const POLL = /"revoked_at" > /;

/** Runs both ways, twice each, because the second run of a plan is a prepared statement. @returns the answer */
async function bothWays(client: Client, query: string, variables?: Record<string, unknown>) {
  const other = ordinary(parse(query));
  const answers = [];
  for (const document of [query, query, other, other]) {
    app.statements.length = 0;
    app.log.length = 0;
    const { status, data, errors } = await client.run(document, variables);
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    const statements = app.statements.filter((text) => !POLL.test(text));
    expect(statements).toHaveLength(1);
    // A derived value is computed by Postern, so such a document has only the ordinary path.
    const direct = document === query && !/availableOperations|(actor|requestedBy)Info|createdBy|current/.test(query);
    const alone = app.log.filter(({ msg }) => msg === "answered by the plan alone").length;
    expect(alone, "took the expected way").toBe(direct ? 1 : 0);
    if (document === other) {
      expect(Object.keys(data).at(-1)).toBe("viewer");
      delete data.viewer;
    }
    answers.push(data);
  }
  const texts = answers.map((data) => JSON.stringify(data, null, 1));
  expect(texts[1]).toBe(texts[0]);
  expect(texts[2]).toBe(texts[0]);
  expect(texts[3]).toBe(texts[0]);
  return answers[0];
}

describe("both ways answer the same", () => {
  it.each(Object.keys(TRICKY))("%s", async (name) => {
    const [query, variables] = TRICKY[name]!;
    await bothWays(await app.as("admin"), query, variables);
  });

  it("cursors forward and backward, in several orders", async () => {
    const admin = await app.as("admin");
    const query = `query($first: Int, $after: String, $last: Int, $before: String, $o: [VulnerabilityOrder!]) {
      vulnerabilities(first: $first, after: $after, last: $last, before: $before, orderBy: $o) {
        nodes { id } edges { cursor } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
      }
    }`;
    const orders = [null, [{ field: "DESCRIPTION" }], [{ field: "SEVERITY", direction: "DESC" }, { field: "TITLE" }]];
    for (const o of orders) {
      const { vulnerabilities: page } = await bothWays(admin, query, { first: 9, o });
      const [from, to] = [page.edges[2].cursor, page.edges[6].cursor];
      const ids = page.nodes.map(({ id }: { id: string }) => id);
      const between = (await bothWays(admin, query, { first: 2, after: from, before: to, o })).vulnerabilities;
      expect(between.nodes.map(({ id }: { id: string }) => id)).toEqual(ids.slice(3, 5));
      const back = (await bothWays(admin, query, { last: 2, after: from, before: to, o })).vulnerabilities;
      expect(back.nodes.map(({ id }: { id: string }) => id)).toEqual(ids.slice(4, 6));
      expect(back.pageInfo.hasPreviousPage).toBe(true);
      await bothWays(admin, query, { last: 4, before: page.edges[8].cursor, o });
      await bothWays(admin, query, { after: page.pageInfo.endCursor, o });
    }
  });

  const files = readdirSync(new URL("../../../schema/examples/", import.meta.url));
  const examples = files.map((file) => {
    const text = readFileSync(new URL(`../../../schema/examples/${file}`, import.meta.url), "utf8");
    return { file, text, variables: JSON.parse(/^# variables: (.*)$/m.exec(text)?.[1] ?? "null") };
  });
  const reads = examples.filter(
    ({ text }) => /^query /m.test(text) && !/viewer \{|environmentRules|explainEnvironment|planOperation/.test(text),
  );

  it.each(reads)("$file", async ({ text, variables }) => {
    await bothWays(await app.as("admin"), text, variables);
  });

  it("covers the examples", () => {
    expect(reads.map(({ file }) => file)).toEqual([
      "audit-trail.graphql",
      "discovery-runs.graphql",
      "environment-proposals.graphql",
      "filter-order-page.graphql",
      "first-read.graphql",
      "follow-operation.graphql",
      "instance-history.graphql",
      "inventory.graphql",
      "nested-read.graphql",
      "related-rows.graphql",
      "scan-figures.graphql",
      "security-events.graphql",
      "sessions.graphql",
    ]);
  });
});

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
