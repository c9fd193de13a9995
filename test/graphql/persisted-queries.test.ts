/** Automatic persisted queries as Apollo Client's link sends them: the hash first, then once the text with it. */
import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

const app = testApp();
const sha256 = (text: string) => hash("sha256", text);
const named = (sha256Hash: unknown, version: unknown = 1) => ({ persistedQuery: { version, sha256Hash } });

interface Sent {
  readonly query?: string;
  readonly variables?: object;
  readonly operationName?: string;
  readonly extensions?: object;
}

async function send(sent: Sent, { token, method = "POST" }: { token?: string | null; method?: string } = {}) {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(method === "POST" ? { "content-type": "application/json" } : { "apollo-require-preflight": "1" }),
  };
  const parameters = Object.entries(sent).map(([name, value]) => [
    name,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
  const search = method === "GET" ? `?${new URLSearchParams(Object.fromEntries(parameters))}` : "";
  const response = await fetch(`${app.url}/graphql${search}`, {
    method,
    headers,
    ...(method === "POST" && { body: JSON.stringify(sent) }),
  });
  const { data, errors } = (await response.json()) as Json;
  return { status: response.status, data, errors, requestId: response.headers.get("x-request-id") };
}

const notFound = (requestId: string | null) => [
  { message: "PersistedQueryNotFound", extensions: { code: "PERSISTED_QUERY_NOT_FOUND", requestId } },
];

it.each(["POST", "GET"])("the hash, then the text with it, then the hash alone, by %s", async (method) => {
  const { token } = await app.as("viewer");
  const query = `query Persisted($id: ID!) { scan(id: $id) { id } } # ${method}`;
  const sent = { operationName: "Persisted", variables: { id: "1" }, extensions: named(sha256(query)) };
  const unknown = await send(sent, { token, method });
  expect([unknown.status, unknown.errors]).toEqual([200, notFound(unknown.requestId)]);
  for (const request of [{ ...sent, query }, sent, sent]) {
    const { status, data, errors } = await send(request, { token, method });
    expect([status, data, errors]).toEqual([200, { scan: { id: "1" } }, undefined]);
  }
  // Each as itself: a hash is no way around a door.
  const other = await send({ ...sent, variables: { id: "31" } }, { token, method });
  expect(other.data).toEqual({ scan: null });
  const anonymous = await send(sent, { method });
  expect([anonymous.status, anonymous.errors[0].extensions.code]).toEqual([401, "UNAUTHENTICATED"]);
});

it("a document that is known by its text is known by its hash", async () => {
  const viewer = await app.as("viewer");
  const query = "{ viewer { role } } # by its text";
  await viewer.run(query);
  const { data } = await send({ extensions: named(sha256(query)) }, { token: viewer.token });
  expect(data).toEqual({ viewer: { role: "VIEWER" } });
});

it("a mutation by its hash runs by POST and never by GET", async () => {
  const { token } = await app.as("analyst");
  const query = `mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id } } } # by its hash`;
  const sent = {
    variables: { input: { organizationId: "1", targetUrl: "https://hash.example/", scanType: "FULL" } },
    extensions: named(sha256(query)),
  };
  const count = async () =>
    (await app.sql`select count(*)::int as n from scans where target_url = 'https://hash.example/'`)[0]?.n;
  expect((await send({ ...sent, query }, { token })).status).toBe(200);
  expect((await send(sent, { token })).status).toBe(200);
  expect(await count()).toBe(2);
  const byGet = await send(sent, { token, method: "GET" });
  expect([byGet.status, byGet.errors[0].extensions]).toMatchObject([405, { code: "BAD_USER_INPUT", field: "method" }]);
  expect(await count()).toBe(2);
});

it.each([
  ["does not parse", "{ viewer {", 400, "GRAPHQL_PARSE_FAILED"],
  ["is not valid", "{ nothing }", 400, "GRAPHQL_VALIDATION_FAILED"],
  [
    "asks for too much",
    `{ viewer { ${Array.from({ length: 31 }, (_, n) => `a${n}: role`).join(" ")} } }`,
    400,
    "LIMIT_EXCEEDED",
  ],
  ["is refused", "{ auditLogs { totalCount } }", 403, "FORBIDDEN"],
  ["is refused in every root field", "{ auditLogs { totalCount } securityEvents { totalCount } }", 403, "FORBIDDEN"],
])("a document that %s is not kept", async (_, query, status, code) => {
  const { token } = await app.as("viewer");
  const extensions = named(sha256(query));
  const answer = await send({ query, extensions }, { token });
  expect([answer.status, answer.errors[0].extensions.code]).toEqual([status, code]);
  const later = await send({ extensions }, { token });
  expect([later.status, later.errors]).toEqual([200, notFound(later.requestId)]);
});

it("a document of which a root field passes is kept", async () => {
  const { token } = await app.as("viewer");
  const query = "{ viewer { role } auditLogs { totalCount } }";
  const extensions = named(sha256(query));
  for (const sent of [{ query, extensions }, { extensions }]) {
    const { data, errors } = await send(sent, { token });
    expect([data, errors.length]).toEqual([{ viewer: { role: "VIEWER" }, auditLogs: null }, 1]);
  }
});

it.each<[string, Sent, string]>([
  [
    "another document's hash",
    { query: "{ __typename }", extensions: named(sha256("{ viewer { role } }")) },
    "sha256Hash",
  ],
  ["a hash that is none", { query: "{ __typename }", extensions: named("abc") }, "sha256Hash"],
  [
    "a hash in capitals",
    { query: "{ __typename }", extensions: named(sha256("{ __typename }").toUpperCase()) },
    "sha256Hash",
  ],
  ["no hash", { query: "{ __typename }", extensions: named(undefined) }, "sha256Hash"],
  ["a hash that is a number", { extensions: named(1) }, "sha256Hash"],
  ["another version", { extensions: named(sha256("{ __typename }"), 2) }, "version"],
  ["a version as text", { extensions: named(sha256("{ __typename }"), "1") }, "version"],
  ["no object", { query: "{ __typename }", extensions: { persistedQuery: true } }, "version"],
])("refuses %s", async (_, sent, field) => {
  for (const method of ["POST", "GET"]) {
    app.log.length = 0;
    const { status, errors } = await send(sent, { method });
    const extensions = { code: "BAD_USER_INPUT", field: `extensions.persistedQuery.${field}` };
    expect([status, errors[0].extensions]).toMatchObject([400, extensions]);
    expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
  }
});

it("null is no persisted query", async () => {
  const { data } = await send({ query: "{ __typename }", extensions: { persistedQuery: null } });
  expect(data).toEqual({ __typename: "Query" });
});
