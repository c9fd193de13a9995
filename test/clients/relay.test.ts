/** Relay: its compiler's artifacts in its runtime, as its hooks use them. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  type GraphQLResponse,
  getFragment,
  getPaginationMetadata,
  getPaginationVariables,
  getRefetchMetadata,
  getRequest,
  getSingularSelector,
  Network,
  RecordSource,
  type SingularReaderSelector,
  Store,
  type Variables,
} from "relay-runtime";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { codeBelow } from "../deploy/texts.js";
import { testApp } from "../support/app.js";
import { createScan } from "./scan.js";

const app = testApp();
const ROOT = new URL("../..", import.meta.url).pathname;

const DOCUMENTS = [
  `fragment Client_scan on Scan @refetchable(queryName: "Client_scan_Refetch_Query") { nodeId status version }`,
  `fragment Client_vulnerabilities on Scan @refetchable(queryName: "Client_vulnerabilities_Page_Query")
   @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
     nodeId
     vulnerabilities(first: $count, after: $cursor, orderBy: [{ field: ID }]) @connection(key: "Client_vulnerabilities") {
       edges { node { title } } } }`,
  `fragment Client_scans on Organization @refetchable(queryName: "Client_scans_Page_Query")
   @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" }) {
     scans(first: $count, after: $cursor, filter: { scanType: { eq: "CLIENT" } }, orderBy: [{ field: ID }])
     @connection(key: "Client_scans") { __id edges { node { nodeId } } } }`,
  `query Client_Query($id: ID!) { scan(id: $id) { ...Client_scan ...Client_vulnerabilities } }`,
  `query Client_organization_Query($id: ID!) { organization(id: $id) { ...Client_scans } }`,
  `mutation Client_delete_Mutation($input: DeleteScanInput!) { deleteScan(input: $input) { deletedNodeId @deleteRecord } }`,
  `mutation Client_remove_Mutation($input: DeleteScanInput!, $connections: [ID!]!) {
     deleteScan(input: $input) { deletedNodeId @deleteEdge(connections: $connections) } }`,
];

let folder: string;
let artifact: (name: string) => never;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-relay-"));
  for (const name of ["src", "out"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "src", "Client.js"), DOCUMENTS.map((text) => `graphql\`${text}\`;`).join("\n"));
  await writeFile(join(folder, "schema.graphql"), await readFile(join(ROOT, "schema/schema.graphql")));
  const config = {
    src: "src",
    schema: "schema.graphql",
    language: "javascript",
    artifactDirectory: "out",
    eagerEsModules: false,
  };
  const [told] = await codeBelow("../schema/README.md", "Clients");
  await writeFile(join(folder, "relay.config.json"), JSON.stringify({ ...config, ...JSON.parse(told!) }));
  const compiler = join(ROOT, "node_modules/.bin/relay-compiler");
  await promisify(execFile)(compiler, ["--noWatchman", "--output", "quiet-with-errors"], { cwd: folder });
  const require = createRequire(join(folder, "out/"));
  artifact = (name) => require(`./Client_${name}.graphql.js`) as never;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let environment: Environment;
beforeEach(async () => {
  const { token } = await app.as("admin");
  const network = Network.create(async ({ text }, variables) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const body = JSON.stringify({ query: text, variables });
    return (await fetch(`${app.url}/graphql`, { method: "POST", headers, body })).json() as Promise<GraphQLResponse>;
  });
  // As schema/README.md says.
  const getDataID = (record: { nodeId?: string }) => record.nodeId as string;
  environment = new Environment({ network, store: new Store(new RecordSource(), {}), getDataID: getDataID as never });
});

/** Sends a query; what it answers stays in the store. @returns the reference to what its only field answers */
async function ask(query: never, variables: Variables) {
  environment.retain(createOperationDescriptor(getRequest(query), variables));
  const answer = (await fetchQuery(environment, query, variables).toPromise()) as Record<string, never>;
  return Object.values(answer)[0]!;
}

/** A fragment as `useFragment` and its kin read it. */
const selectorOf = (name: string, reference: never) =>
  getSingularSelector(getFragment(artifact(name)), reference) as SingularReaderSelector;
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
const read = (selector: SingularReaderSelector) => environment.lookup(selector).data as any;

/** Asks for the next page as `loadNext` does. */
async function loadNext(name: string, selector: SingularReaderSelector, nodeId: string, count: number, cursor: string) {
  const { paginationRequest, paginationMetadata } = getPaginationMetadata(getFragment(artifact(name)), name);
  const variables = getPaginationVariables("forward", count, cursor, selector.variables, {}, paginationMetadata);
  await ask(paginationRequest as never, { ...variables, nodeId });
}

it("a refetchable fragment is asked for again by its nodeId", async () => {
  const scan = await createScan(app);
  const selector = selectorOf("scan", await ask(artifact("Query"), { id: scan.id }));
  expect(read(selector)).toEqual({ nodeId: scan.nodeId, status: "PENDING", version: 1 });
  await app.sql`update scans set status = 'RUNNING', version = 2 where id = ${scan.id}`;
  const { refetchableRequest, identifierInfo } = getRefetchMetadata(getFragment(artifact("scan")), "scan");
  expect(identifierInfo).toEqual({ identifierField: "nodeId", identifierQueryVariableName: "nodeId" });
  await ask(refetchableRequest as never, { nodeId: read(selector).nodeId });
  expect(read(selector), "the same record of the store").toEqual({
    nodeId: scan.nodeId,
    status: "RUNNING",
    version: 2,
  });
});

it("pages of a nested list become one", async () => {
  const scan = await createScan(app, ["0", "1", "2", "3", "4"]);
  const selector = selectorOf("vulnerabilities", await ask(artifact("Query"), { id: scan.id }));
  const titles = () => read(selector).vulnerabilities.edges.map(({ node }: { node: { title: string } }) => node.title);
  expect(titles()).toEqual(["0", "1"]);
  const end = () => read(selector).vulnerabilities.pageInfo;
  expect(end()).toEqual({ endCursor: expect.any(String), hasNextPage: true });
  await loadNext("vulnerabilities", selector, scan.nodeId, 2, end().endCursor);
  expect(titles()).toEqual(["0", "1", "2", "3"]);
  await loadNext("vulnerabilities", selector, scan.nodeId, 2, end().endCursor);
  expect(titles()).toEqual(["0", "1", "2", "3", "4"]);
  expect(end()).toEqual({ endCursor: expect.any(String), hasNextPage: false });
});

it("@deleteRecord takes a row out of the store by its deletedNodeId, and @deleteEdge its edge out of a list", async () => {
  await app.sql`delete from scans where scan_type = 'CLIENT'`;
  const scans = [await createScan(app), await createScan(app), await createScan(app)];
  const organization = selectorOf("scans", await ask(artifact("organization_Query"), { id: "1" }));
  const page = () => read(organization).scans;
  const { nodeId } = (await (await app.as("admin")).run(`{ organization(id: "1") { nodeId } }`)).data.organization;
  await loadNext("scans", organization, nodeId, 5, page().pageInfo.endCursor);
  const nodes = () => page().edges.map(({ node }: { node: { nodeId: string } | null }) => node?.nodeId ?? null);
  expect(nodes()).toEqual(scans.map((scan) => scan.nodeId));
  const commit = (name: string, scan: { id: string }, more = {}) =>
    new Promise((onCompleted, onError) => {
      const variables = { input: { id: scan.id }, ...more };
      commitMutation(environment, { mutation: artifact(name), variables, onCompleted, onError });
    });
  await commit("remove_Mutation", scans[0]!, { connections: [page().__id] });
  expect(nodes(), "without its edge").toEqual([scans[1]!.nodeId, scans[2]!.nodeId]);
  await commit("delete_Mutation", scans[1]!);
  expect(nodes(), "without its row").toEqual([null, scans[2]!.nodeId]);
  expect(environment.getStore().getSource().get(scans[1]!.nodeId)).toBeNull();
  expect(await app.sql`select id::text from scans where scan_type = 'CLIENT'`).toEqual([{ id: scans[2]!.id }]);
});
