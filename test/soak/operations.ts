/** What is asked in the soak: reads, writes, refusals and sign-ins, as often as a working day has them. */
import type { Actor } from "./actors.js";
import { PASSWORD } from "./actors.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

/** One connection: who it is, and the scans that it has made and not deleted. */
export interface Place {
  readonly actor: Actor;
  readonly scans: { id: string; version: number }[];
}

export interface Operation {
  readonly name: string;
  /** How often, among all that the actor may ask. */
  readonly weight: number;
  readonly roles: readonly Actor["role"][];
  readonly document: string;
  /** @returns undefined where there is nothing yet to ask for */
  readonly input: (place: Place) => object | undefined;
  /** Of an answer without errors. */
  readonly keep?: (place: Place, data: Json) => void;
  /** It is signed in with a password, not with a token. */
  readonly isAnonymous?: boolean;
  /** The code that answers it; data where there is none. */
  readonly code?: string;
}

const ALL = ["ANALYST", "VIEWER", "SECURITY"] as const;
const OWN = ["ANALYST", "VIEWER"] as const;
/** So that the tables stay about as large as they are. */
const KEPT_SCANS = 5;

const anyOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)];
const newScan = ({ actor: { organizationId } }: Place) => ({
  input: { organizationId, targetUrl: `https://host${Math.floor(Math.random() * 1e6)}.example/`, scanType: "FULL" },
});

export const OPERATIONS: readonly Operation[] = [
  {
    ...{ name: "viewer", weight: 15, roles: ALL },
    document: "{ viewer { role organization { id name } permissions } }",
    input: () => ({}),
  },
  {
    ...{ name: "scans, a page", weight: 25, roles: OWN },
    document: `query($first: Int!) { scans(first: $first, orderBy: [{ field: STARTED_AT, direction: DESC }]) { totalCount
      nodes { id targetUrl status organization { id name } vulnerabilities(first: 3) { nodes { id severity title } } } } }`,
    input: () => ({ first: 10 }),
  },
  {
    ...{ name: "scan, by id", weight: 20, roles: ["ANALYST"] },
    document: "query($id: ID!) { scan(id: $id) { id status version organization { id name } } }",
    input: ({ scans }) => anyOf(scans) && { id: anyOf(scans)?.id },
  },
  {
    ...{ name: "security events, a page", weight: 20, roles: ["SECURITY"] },
    document: `query($filter: SecurityEventFilter) { securityEvents(first: 20, filter: $filter) {
      nodes { id eventType ipAddress createdAt } } }`,
    input: () => ({ filter: { eventType: { eq: "authn_login_success" } } }),
  },
  {
    ...{ name: "createScan", weight: 10, roles: ["ANALYST"] },
    document: "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id version } } }",
    input: (place) => (place.scans.length < KEPT_SCANS ? newScan(place) : undefined),
    keep: ({ scans }, { createScan }) => scans.push(createScan.scan),
  },
  {
    ...{ name: "updateScan", weight: 10, roles: ["ANALYST"] },
    document: "mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { id version } } }",
    input: ({ scans: [scan] }) => scan && { input: { ...scan, status: anyOf(["RUNNING", "COMPLETED", "FAILED"]) } },
    keep: ({ scans }, { updateScan }) => {
      scans[0] = updateScan.scan;
    },
  },
  {
    ...{ name: "createVulnerabilities", weight: 5, roles: ["ANALYST"] },
    document: `mutation($input: CreateVulnerabilitiesInput!) {
      createVulnerabilities(input: $input) { scan { id version } vulnerabilities { id } } }`,
    input: ({ scans: [scan] }) => {
      const item = { severity: anyOf(["LOW", "HIGH"]), vulnType: "XSS", title: "Found in the soak" };
      return scan && { input: { scanId: scan.id, items: [item, item] } };
    },
    keep: ({ scans }, { createVulnerabilities }) => {
      scans[0] = createVulnerabilities.scan;
    },
  },
  {
    ...{ name: "deleteScan", weight: 10, roles: ["ANALYST"] },
    document: "mutation($input: DeleteScanInput!) { deleteScan(input: $input) { deletedScanId } }",
    input: ({ scans }) => (scans.length > 1 ? { input: { id: scans.at(-1)?.id } } : undefined),
    keep: ({ scans }) => void scans.pop(),
  },
  {
    ...{ name: "refused createScan", weight: 1, roles: ["VIEWER"], code: "FORBIDDEN" },
    document: "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id } } }",
    input: newScan,
  },
  {
    ...{ name: "signIn", weight: 0.3, roles: ALL, isAnonymous: true },
    document: "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
    input: ({ actor: { email } }) => ({ input: { email, password: PASSWORD } }),
    keep: ({ actor }, { signIn }) => {
      actor.token = signIn.accessToken;
    },
  },
];

/** @returns one of those that the actor may ask now, by their weights, and its variables */
export function chooseFor(place: Place): { operation: Operation; variables: object } {
  const may = OPERATIONS.filter(({ roles }) => roles.includes(place.actor.role));
  for (;;) {
    let left = Math.random() * may.reduce((sum, { weight }) => sum + weight, 0);
    const chosen = may.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    const operation = chosen ?? (may[0] as Operation);
    const variables = operation.input(place);
    if (variables) return { operation, variables };
  }
}
