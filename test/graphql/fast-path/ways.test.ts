/** The two ways out of the planner, the text that PostgreSQL builds and the resolvers, answer the same: value and order of keys. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LONG, NODE_IDS, useBothWays } from "../../support/both-ways.js";

const { app, bothWays } = useBothWays();

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
    ({ text }) =>
      /^query /m.test(text) &&
      !/viewer \{|environmentRules|explainEnvironment|planOperation|operationMetrics/.test(text),
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
