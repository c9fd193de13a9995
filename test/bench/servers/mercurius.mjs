/** Mercurius at its best: compiled queries, loaders for every relation, resolvers by hand over postgres.js. */
import Fastify from "fastify";
import { GraphQLScalarType } from "graphql";
import mercurius from "mercurius";
import { onIdlest } from "./connections.mjs";

const ask = (text, ...parameters) => onIdlest((sql) => sql.unsafe(text, parameters, { prepare: true }));

const schema = `
  scalar DateTime
  scalar JSON
  type Organization { id: ID! name: String! domain: String! }
  type Scan {
    id: ID! targetUrl: String! scanType: String! status: String! startedAt: DateTime! vulnerabilitiesFound: Int!
    organization: Organization! vulnerabilities(first: Int!): [Vulnerability!]!
  }
  type Vulnerability { id: ID! severity: String! vulnType: String! title: String! description: String scan: Scan! }
  type SecurityEvent {
    id: ID! eventType: String! eventStatus: String! ipAddress: String userId: ID userAgent: String location: JSON
    metadata: JSON createdAt: DateTime!
  }
  type Query {
    vulnerability(id: ID!): Vulnerability
    scans(organizationId: ID!, first: Int!): [Scan!]!
    securityEvents(eventType: String!, first: Int!): [SecurityEvent!]!
  }
  input CreateScanInput { organizationId: ID! targetUrl: String! scanType: String! }
  type Mutation { createScan(input: CreateScanInput!): Scan! }
`;

const SCAN = `id, organization_id as "organizationId", target_url as "targetUrl", scan_type as "scanType", status,
  started_at as "startedAt", vulnerabilities_found as "vulnerabilitiesFound"`;
const VULNERABILITY = `id, scan_id as "scanId", severity, vuln_type as "vulnType", title, description`;
const EVENT = `id, event_type as "eventType", event_status as "eventStatus", ip_address as "ipAddress",
  user_id as "userId", user_agent as "userAgent", location, metadata, created_at as "createdAt"`;

const resolvers = {
  DateTime: new GraphQLScalarType({ name: "DateTime", serialize: (moment) => moment.toISOString() }),
  JSON: new GraphQLScalarType({ name: "JSON", serialize: (value) => value }),
  Query: {
    vulnerability: async (_, { id }) =>
      (await ask(`select ${VULNERABILITY} from vulnerabilities where id = $1`, id))[0] ?? null,
    scans: (_, { organizationId, first }) =>
      ask(
        `select ${SCAN} from scans where organization_id = $1 order by started_at desc nulls last limit $2`,
        organizationId,
        first,
      ),
    securityEvents: (_, { eventType, first }) =>
      ask(
        `select ${EVENT} from security_events where event_type = $1 order by created_at desc nulls last limit $2`,
        eventType,
        first,
      ),
  },
  Mutation: {
    createScan: async (_, { input: { organizationId, targetUrl, scanType } }) => {
      const text = `insert into scans (organization_id, target_url, scan_type) values ($1, $2, $3) returning ${SCAN}`;
      return (await ask(text, organizationId, targetUrl, scanType))[0];
    },
  },
};

/** Rows by one of their columns, which names each once. */
async function rowsOf(text, ids) {
  // Without the driver's look at array types: ids are digits.
  const rows = await ask(text, `{${[...new Set(ids)].join()}}`);
  return new Map(rows.map((row) => [row.id, row]));
}

const one = (text, key) => ({
  loader: async (queries) => {
    const rows = await rowsOf(
      text,
      queries.map(({ obj }) => obj[key]),
    );
    return queries.map(({ obj }) => rows.get(obj[key]));
  },
  opts: { cache: false },
});

const NEWEST = `
  select v.* from unnest($1::text::bigint[]) as scan (id), lateral (
    select ${VULNERABILITY} from vulnerabilities where scan_id = scan.id
    order by created_at desc nulls last, id desc nulls last limit $2
  ) v`;

const loaders = {
  Vulnerability: { scan: one(`select ${SCAN} from scans where id = any($1::text::bigint[])`, "scanId") },
  Scan: {
    organization: one(
      "select id, name, domain from organizations where id = any($1::text::bigint[])",
      "organizationId",
    ),
    vulnerabilities: {
      loader: async (queries) => {
        const rows = await ask(NEWEST, `{${queries.map(({ obj }) => obj.id).join()}}`, queries[0].params.first);
        const byScan = new Map(queries.map(({ obj }) => [obj.id, []]));
        for (const row of rows) byScan.get(row.scanId).push(row);
        return queries.map(({ obj }) => byScan.get(obj.id));
      },
      opts: { cache: false },
    },
  },
};

const app = Fastify({ logger: false });
app.register(mercurius, { schema, resolvers, loaders, jit: 1, graphiql: false });
console.log(`listens on ${await app.listen({ port: 0, host: "127.0.0.1" })}/graphql`);
// By itself, so that a profile of it is written.
process.once("SIGTERM", () => process.exit());
