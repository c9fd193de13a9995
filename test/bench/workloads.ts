/** What is asked: five workloads, each with a thousand seeded sets of values, in the words of each server. */
import { EVENT_TYPES, ORGANIZATIONS, READ_ORGANIZATIONS } from "./data-set.js";

export const WORKLOADS = ["W1", "W2", "W3", "W4", "W5"] as const;
export type Workload = (typeof WORKLOADS)[number];

export const SERVERS = [
  "floor",
  "postern",
  "postgraphile",
  "mercurius",
  "floorEach",
  "mercuriusEach",
  "ideal",
  "before",
] as const;
export type ServerName = (typeof SERVERS)[number];
/** What the thresholds are about. The others are measured where they are asked for. */
export const COMPARED: readonly ServerName[] = ["floor", "postern", "postgraphile", "mercurius"];

export const DESCRIPTIONS: Readonly<Record<Workload, string>> = {
  W1: "one vulnerability by id, its scan and organization",
  W2: "the 50 newest scans of an organization, each with its organization and 5 vulnerabilities",
  W3: "the 100 newest security events of a type, all columns",
  W4: "insert one scan",
  W5: "`{ __typename }`",
};

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * n);
  };
}

type Values = Readonly<Record<string, string>>;
const SETS = 1000;

function sets(seed: number, make: (random: (n: number) => number, index: number) => Values): readonly Values[] {
  const random = randomFrom(seed);
  return Array.from({ length: SETS }, (_, index) => make(random, index));
}

/** @param scale of the data set */
export const idsOfVulnerabilities = (scale: number): readonly Values[] =>
  sets(1, (random) => ({ id: String(1 + random(500_000 * scale)) }));

const VALUES: Readonly<Record<Workload, readonly Values[]>> = {
  W1: idsOfVulnerabilities(1),
  W2: sets(2, (random) => ({ organizationId: String(1 + random(READ_ORGANIZATIONS)) })),
  W3: sets(3, (random) => ({ eventType: EVENT_TYPES[random(EVENT_TYPES.length)]! })),
  W4: sets(4, (random, index) => ({
    organizationId: String(1 + READ_ORGANIZATIONS + random(ORGANIZATIONS - READ_ORGANIZATIONS)),
    targetUrl: `https://new${index}.example/path`,
    scanType: ["FULL", "QUICK", "API"][random(3)]!,
  })),
  W5: sets(5, () => ({})),
};

/** The document of a workload, and where in `data` its answer stands. */
interface Question {
  readonly query: string;
  readonly path: readonly string[];
}

const question = (query: string, ...path: string[]): Question => ({ query: query.replace(/\s+/g, " ").trim(), path });

const W1 = question(
  `query W1($id: ID!) {
    vulnerability(id: $id) {
      id severity vulnType title description scan { id targetUrl status organization { id name domain } }
    }
  }`,
  "vulnerability",
);
const W5 = question("query W5 { __typename }", "__typename");
const SCAN = "id targetUrl scanType status startedAt vulnerabilitiesFound";
const EVENT = "id eventType eventStatus ipAddress userAgent location metadata createdAt";

/** The plainest schema that answers them, which the floor only pretends to have. */
const PLAIN: Readonly<Record<Workload, Question>> = {
  W1,
  W2: question(
    `query W2($organizationId: ID!) {
      scans(organizationId: $organizationId, first: 50) {
        ${SCAN} organization { name } vulnerabilities(first: 5) { id severity title }
      }
    }`,
    "scans",
  ),
  W3: question(
    `query W3($eventType: String!) { securityEvents(eventType: $eventType, first: 100) { ${EVENT} userId } }`,
    "securityEvents",
  ),
  W4: question(
    "mutation W4($input: CreateScanInput!) { createScan(input: $input) { id status organization { name } } }",
    "createScan",
  ),
  W5,
};

const POSTERN_EVENTS = `securityEvents(filter: { eventType: { eq: $eventType } }, first: 100`;

const POSTERN: Readonly<Record<Workload, Question>> = {
  W1,
  W2: question(
    `query W2($organizationId: ID!) {
      scans(
        filter: { organizationId: { eq: $organizationId } }, orderBy: [{ field: STARTED_AT, direction: DESC }], first: 50
      ) {
        nodes { ${SCAN} organization { name } vulnerabilities(first: 5) { nodes { id severity title } } }
      }
    }`,
    "scans",
  ),
  W3: question(`query W3($eventType: String!) { ${POSTERN_EVENTS}) { nodes { ${EVENT} userId } } }`, "securityEvents"),
  W4: question(
    "mutation W4($input: CreateScanInput!) { createScan(input: $input) { scan { id status organization { name } } } }",
    ...["createScan", "scan"],
  ),
  W5,
};

const QUESTIONS: Readonly<Record<ServerName, Readonly<Record<Workload, Question>>>> = {
  floor: PLAIN,
  floorEach: PLAIN,
  mercurius: PLAIN,
  mercuriusEach: PLAIN,
  postern: POSTERN,
  before: POSTERN,
  ideal: POSTERN,
  postgraphile: {
    W1: question(
      `query W1($id: BigInt!) {
        vulnerabilityByRowId(rowId: $id) {
          id: rowId severity vulnType title description scan: scanByScanId {
            id: rowId targetUrl status organization: organizationByOrganizationId { id: rowId name domain }
          }
        }
      }`,
      "vulnerabilityByRowId",
    ),
    W2: question(
      `query W2($organizationId: BigInt!) {
        allScansList(condition: { organizationId: $organizationId }, orderBy: [STARTED_AT_DESC], first: 50) {
          id: rowId targetUrl scanType status startedAt vulnerabilitiesFound
          organization: organizationByOrganizationId { name }
          vulnerabilities: vulnerabilitiesByScanIdList(orderBy: [CREATED_AT_DESC, ROW_ID_DESC], first: 5) {
            id: rowId severity title
          }
        }
      }`,
      "allScansList",
    ),
    W3: question(
      `query W3($eventType: String!) {
        allSecurityEventsList(condition: { eventType: $eventType }, orderBy: [CREATED_AT_DESC], first: 100) {
          id: rowId eventType eventStatus ipAddress userAgent location metadata createdAt userId
        }
      }`,
      "allSecurityEventsList",
    ),
    W4: question(
      `mutation W4($input: ScanInput!) {
        createScan(input: { scan: $input }) {
          scan { id: rowId status organization: organizationByOrganizationId { name } }
        }
      }`,
      ...["createScan", "scan"],
    ),
    W5,
  },
};

const bodyOf = (operationName: string, query: string, variables: object) =>
  JSON.stringify({ operationName, query, variables });

/** @returns the values of the requests to a workload, in their order */
export const valuesOf = (workload: Workload): readonly Values[] => VALUES[workload];

/** @returns the requests, one for each set of values */
export function requestsOf(server: ServerName, workload: Workload): string[] {
  const { query } = QUESTIONS[server][workload];
  return VALUES[workload].map((values) => bodyOf(workload, query, workload === "W4" ? { input: values } : values));
}

/** W1 to Postern with the ids of a larger data set. */
export const requestsForVulnerabilities = (scale: number): string[] =>
  idsOfVulnerabilities(scale).map((values) => bodyOf("W1", W1.query, values));

/** One page of Postern's W3 for the first event type, behind a cursor. */
export function requestPage(after: string | null, only?: "cursor"): string {
  const selection = only ? "pageInfo { endCursor }" : `nodes { ${EVENT} userId }`;
  const query = `query Page($eventType: String!, $after: String) { ${POSTERN_EVENTS}, after: $after) { ${selection} } }`;
  return bodyOf("Page", query, { eventType: EVENT_TYPES[0], after });
}

/** How many documents come in rotation. */
export const DOCUMENTS = 200;

/** W1 to Postern in so many documents that mean the same, in rotation; each has names and an order of fields of its own. */
export function requestsInDocuments(count: number): string[] {
  const fields = ["id", "severity", "vulnType", "title", "description"];
  const documents = Array.from({ length: count }, (_, n) => {
    const turned = [...fields.slice(n % 5), ...fields.slice(0, n % 5)].map((field, at) =>
      (n >> at) & 1 ? `${field}${n}: ${field}` : field,
    );
    return `query Document${n}($id: ID!) { vulnerability(id: $id) { ${turned.join(" ")}
      scan { id targetUrl status organization { id name${n}: name domain } } } }`;
  });
  return VALUES.W1.map((values, index) => bodyOf(`Document${index % count}`, documents[index % count]!, values));
}

/** What a server answered, without what each may write in its own way. */
export function answerOf(server: ServerName, workload: Workload, data: unknown): unknown {
  const { path } = QUESTIONS[server][workload];
  return normalised(path.reduce((value, key) => (value as Record<string, unknown> | null)?.[key], data));
}

function normalised(value: unknown, key = ""): unknown {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map((item) => normalised(item));
  if (key === "location" || key === "metadata") return sorted(typeof value === "string" ? JSON.parse(value) : value);
  if (typeof value === "object") {
    const fields = Object.entries(value);
    if (fields.length === 1 && fields[0]![0] === "nodes") return normalised(fields[0]![1]);
    const own = fields.map(([name, field]) => [name, normalised(field, name)]);
    return Object.fromEntries(own.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
  }
  if (key.endsWith("At")) return new Date(String(value)).toISOString();
  return value;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, sorted(inner)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
