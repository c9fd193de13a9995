/** Apollo Client: persisted queries, pages that become one, and what it says of itself. */
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { relayStylePagination } from "@apollo/client/utilities";
import { filter, firstValueFrom } from "rxjs";
import { beforeEach, expect, it } from "vitest";
import { testApp } from "../support/app.js";
import { createScan } from "./scan.js";

const app = testApp();

interface Sent {
  readonly method: string;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: requests are looked at, not computed with
  readonly body: any;
}
/** What went over the wire; empty it before what you look at. */
const sent: Sent[] = [];
const seen: typeof fetch = async (address, { method = "GET", headers, body } = {}) => {
  const text = typeof body === "string" ? JSON.parse(body) : Object.fromEntries(new URL(String(address)).searchParams);
  sent.push({ method, headers: new Headers(headers), body: text });
  return fetch(address, { method, headers, body });
};
beforeEach(() => {
  sent.length = 0;
});

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A client of Apollo's as its documentation makes one. */
async function clientOf(options: { links?: ApolloLink[]; cache?: InMemoryCache } = {}) {
  const { token } = await app.as("admin");
  const http = new HttpLink({ uri: `${app.url}/graphql`, headers: { authorization: `Bearer ${token}` }, fetch: seen });
  return new ApolloClient({
    link: ApolloLink.from([...(options.links ?? []), http]),
    cache: options.cache ?? new InMemoryCache(),
    clientAwareness: { name: "portal", version: "1.2.3" },
  });
}

it("a persisted query is sent whole once, then by its hash, and by GET where that is preferred", async () => {
  const query = gql`
    query Persisted($id: ID!) {
      organization(id: $id) { id name }
    }
  `;
  const ask = async (useGETForHashedQueries: boolean) => {
    const client = await clientOf({ links: [new PersistedQueryLink({ sha256, useGETForHashedQueries })] });
    return (await client.query({ query, variables: { id: "1" } })).data;
  };
  const answer = await ask(false);
  expect(answer).toMatchObject({ organization: { __typename: "Organization", id: "1" } });
  expect(await ask(false)).toEqual(answer);
  expect(await ask(true)).toEqual(answer);
  expect(sent.map(({ method, body }) => [method, "query" in body])).toEqual([
    ["POST", false],
    ["POST", true],
    ["POST", false],
    ["GET", false],
  ]);
});

it("says which client it is, and which library", async () => {
  const client = await clientOf();
  await client.query({ query: gql`{ viewer { role } }` });
  expect(sent).toHaveLength(1);
  const [{ headers, body }] = sent as [Sent];
  expect([headers.get("apollographql-client-name"), headers.get("apollographql-client-version")]).toEqual([
    "portal",
    "1.2.3",
  ]);
  expect(body.extensions).toEqual({ clientLibrary: { name: "@apollo/client", version: expect.any(String) } });
});

const PAGE = gql`
  query Page($after: String, $first: Int, $filter: VulnerabilityFilter, $orderBy: [VulnerabilityOrder!]) {
    vulnerabilities(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
      edges { cursor node { id title } }
      nodes { title }
      pageInfo { endCursor hasNextPage }
    }
  }
`;
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Page = any;
const titles = ({ vulnerabilities }: Page) => vulnerabilities.edges.map(({ node }: Page) => node.title);

it("relayStylePagination makes one list of the edges of pages, not of nodes, for each filter and order its own", async () => {
  // As schema/README.md says.
  const vulnerabilities = relayStylePagination(["filter", "orderBy"]);
  const cache = new InMemoryCache({ typePolicies: { Query: { fields: { vulnerabilities } } } });
  const client = await clientOf({ cache });
  const scan = await createScan(app, ["0", "1", "2"]);
  const other = await createScan(app, ["a"]);
  const of = ({ id }: { id: string }, direction: string) => ({
    first: 2,
    filter: { scanId: { eq: id } },
    orderBy: [{ field: "ID", direction }],
  });
  const list = client.watchQuery<Page>({ query: PAGE, variables: of(scan, "ASC") });
  const subscription = list.subscribe(() => undefined);
  const shown = async () => (await firstValueFrom(list.pipe(filter(({ loading }) => !loading)))).data;
  const data = await shown();
  expect(titles(data)).toEqual(["0", "1"]);
  await list.fetchMore({ variables: { after: data.vulnerabilities.pageInfo.endCursor } });
  const whole = await shown();
  expect(titles(whole)).toEqual(["0", "1", "2"]);
  expect(whole.vulnerabilities).toMatchObject({ pageInfo: { hasNextPage: false }, nodes: [{ title: "2" }] });
  for (const [variables, expected] of [
    [of(scan, "DESC"), ["2", "1"]],
    [of(other, "ASC"), ["a"]],
  ] as const)
    expect(titles((await client.query({ query: PAGE, variables })).data)).toEqual(expected);
  expect(titles(await shown())).toEqual(["0", "1", "2"]);
  expect(sent).toHaveLength(4);
  subscription.unsubscribe();
});

it("an object that one answer changes is changed in all", async () => {
  const client = await clientOf();
  const scan = await createScan(app);
  const read = gql`query One($id: ID!) { scan(id: $id) { id status version } }`;
  const variables = { id: scan.id };
  await client.query({ query: read, variables });
  const mutation = gql`
    mutation Begin($input: UpdateScanInput!) {
      updateScan(input: $input) { scan { id status version } }
    }
  `;
  await client.mutate({ mutation, variables: { input: { id: scan.id, version: 1, status: "RUNNING" } } });
  expect(client.readQuery({ query: read, variables })).toMatchObject({ scan: { status: "RUNNING", version: 2 } });
  expect(sent).toHaveLength(2);
});
