/** Requests with which one caller could stop all others, for the suite and for `npm run bench -- --hostile`, and what answers them. */
import { getIntrospectionQuery } from "graphql";

export interface Hostile {
  readonly name: string;
  /** Who sends it: somebody of the one tenant, staff, or nobody. */
  readonly actor: "anonymous" | "viewer" | "analyst" | "security";
  /** How many at once. */
  readonly connections: number;
  /** The body of the nth request. */
  readonly body: (n: number) => string;
  /** The codes that may answer it; `data` where it is answered. */
  readonly answers: readonly string[];
  /** The table that its statements take long with; where the data is small, the suite makes them wait for it. */
  readonly waitsFor?: string;
}

const request = (query: string, variables?: object) => JSON.stringify({ query, variables });
const letters = (count: number) => "a".repeat(count);

const FILTERED = "query($filter: ScanFilter) { scans(filter: $filter) { nodes { id } } }";
const RECORD = "mutation($input: RecordSecurityEventInput!) { recordSecurityEvent(input: $input) { __typename } }";
/** Put together by hand: JSON.stringify gives up on such depths. */
const recording = (metadata: string) =>
  `{"query":${JSON.stringify(RECORD)},"variables":{"input":{"eventType":"probe","eventStatus":"SUCCESS","metadata":${metadata}}}}`;
const TOO_MUCH = ["LIMIT_EXCEEDED"];
const MALFORMED = ["LIMIT_EXCEEDED", "BAD_USER_INPUT"];
const INVALID = ["LIMIT_EXCEEDED", "GRAPHQL_VALIDATION_FAILED"];

/** The same request each time. */
const always = (body: string) => () => body;

export const HOSTILE: readonly Hostile[] = [
  {
    name: "a text of 900 kB in contains",
    ...{ actor: "analyst", connections: 24, answers: TOO_MUCH },
    body: always(request(FILTERED, { filter: { targetUrl: { contains: letters(900_000) } } })),
  },
  {
    name: "texts of 120 kB in a filter",
    ...{ actor: "analyst", connections: 24, answers: TOO_MUCH },
    body: always(request(FILTERED, { filter: { targetUrl: { in: Array(60).fill(letters(2000)) } } })),
  },
  {
    name: "an alias of 900 kB, times the rows",
    ...{ actor: "analyst", connections: 8, answers: TOO_MUCH },
    body: always(request(`{ scans(first: 100) { nodes { ${letters(900_000)}: id } } }`)),
  },
  {
    name: "an alias of 60 kB in a fragment, times rows of rows",
    ...{ actor: "analyst", connections: 8, answers: TOO_MUCH },
    body: always(
      request(`{ scans(first: 100) { nodes { vulnerabilities(first: 100) { nodes { ...F } } } } }
        fragment F on Vulnerability { ${letters(60_000)}: id }`),
    ),
  },
  {
    name: "24 slow statements in flight",
    ...{ actor: "security", connections: 24, answers: ["data"], waitsFor: "security_events" },
    body: (n) =>
      request("query($filter: SecurityEventFilter) { securityEvents(filter: $filter) { totalCount } }", {
        filter: { userAgent: { contains: `nobody ${n % 24}` } },
      }),
  },
  {
    name: "280 identical root fields",
    ...{ actor: "anonymous", connections: 8, answers: TOO_MUCH },
    body: always(request(`{ ${"viewer { role } ".repeat(280)}}`)),
  },
  {
    name: "distinct small documents",
    ...{ actor: "analyst", connections: 8, answers: ["data"] },
    body: (n) => request(`query Document${n} { viewer { role } }`),
  },
  {
    name: "distinct documents with a comment of 60 kB",
    ...{ actor: "analyst", connections: 8, answers: ["data"] },
    body: (n) => request(`query Document${n} { viewer { role } } # ${letters(60_000)}`),
  },
  {
    name: "introspection by nobody",
    ...{ actor: "anonymous", connections: 8, answers: ["data"] },
    body: always(request(getIntrospectionQuery())),
  },
  {
    name: "distinct questions about the schema by nobody",
    ...{ actor: "anonymous", connections: 8, answers: ["data", "RATE_LIMITED"] },
    body: (n) => request(`query Schema${n} { __schema { types { name fields { name type { name } } } } }`),
  },
  {
    name: "the schema twelve times",
    ...{ actor: "anonymous", connections: 8, answers: TOO_MUCH },
    body: (n) =>
      request(`query Schema${n} { ${Array.from({ length: 12 }, (_, at) => `r${at}: __schema { types { name } }`)} }`),
  },
  {
    name: "320 operations beside 50 fragments",
    ...{ actor: "anonymous", connections: 8, answers: INVALID },
    body: (n) =>
      request(
        `${"{ a } ".repeat(320)} ${Array.from({ length: 50 }, (_, at) => `fragment F${at}x${n} on Query { ${Array.from({ length: 14 }, (_, f) => `f${f}`).join(" ")} }`).join(" ")}`,
      ),
  },
  {
    name: "a hundred names that are almost those of types",
    ...{ actor: "anonymous", connections: 8, answers: INVALID },
    body: (n) =>
      request(
        `query X${n}(${Array.from({ length: 100 }, (_, at) => `$v${at}: PerformanceLogConnectionXy${at}`)}) { a }`,
      ),
  },
  {
    name: "refused mutations",
    ...{ actor: "viewer", connections: 8, answers: ["FORBIDDEN"] },
    body: always(request('mutation { deleteScan(input: { id: "1" }) { deletedScanId } }')),
  },
  {
    name: "attempts to sign in",
    ...{ actor: "anonymous", connections: 8, answers: ["UNAUTHENTICATED"] },
    body: (n) =>
      request("mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }", {
        input: { email: "admin@demo.example", password: `not the password ${n % 1000}` },
      }),
  },
  {
    name: "variables 100,000 deep",
    ...{ actor: "security", connections: 8, answers: MALFORMED },
    body: always(recording(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)),
  },
  {
    name: "variables with 60,000 keys",
    ...{ actor: "security", connections: 8, answers: MALFORMED },
    body: always(recording(`{${Array.from({ length: 60_000 }, (_, n) => `"k${n}":${n}`).join()}}`)),
  },
];
