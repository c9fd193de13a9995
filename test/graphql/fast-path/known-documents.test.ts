/** A document that came before goes past Apollo: nothing that Apollo or a door would refuse may pass with it. */
import { expect, it } from "vitest";
import { type Somebody, testApp } from "../../support/app.js";

const app = testApp();
const DOCUMENT = "query Known($id: ID!) { scan(id: $id) { id targetUrl } }";
const pastApollo = () => app.log.filter(({ msg }) => msg === "went past Apollo").length;

interface Sent {
  readonly method?: string;
  readonly search?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

async function send(token: string | null, { method = "POST", search = "", headers = {}, body }: Sent) {
  const response = await fetch(`${app.url}/graphql${search}`, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = (await response.text()).replaceAll(/"requestId":"[^"]+"/g, '"requestId":"?"');
  const names = ["content-type", "cache-control", "x-frame-options", "content-security-policy", "allow"];
  return { status: response.status, headers: names.map((name) => response.headers.get(name)), text };
}

/** Of a query text, what may be sent with it. */
const REQUESTS: Record<string, (query: string) => Sent> = {
  usual: (query) => ({ body: { query, variables: { id: "1" } } }),
  "with its name": (query) => ({ body: { query, variables: { id: "1" }, operationName: "Known" } }),
  "with another name": (query) => ({ body: { query, variables: { id: "1" }, operationName: "Unknown" } }),
  "with an empty name": (query) => ({ body: { query, variables: { id: "1" }, operationName: "" } }),
  "with a name that is none": (query) => ({ body: { query, variables: { id: "1" }, operationName: 1 } }),
  "with the client's extensions": (query) => ({ body: { query, variables: { id: "1" }, extensions: { client: {} } } }),
  "with a hash": (query) => ({
    body: { query, variables: { id: "1" }, extensions: { persistedQuery: { version: 1, sha256Hash: "0" } } },
  }),
  "with extensions that are text": (query) => ({ body: { query, variables: { id: "1" }, extensions: "{}" } }),
  "without variables": (query) => ({ body: { query } }),
  "with null as variables": (query) => ({ body: { query, variables: null } }),
  "with a list as variables": (query) => ({ body: { query, variables: [] } }),
  "with text as variables": (query) => ({ body: { query, variables: '{"id":"1"}' } }),
  "with a variable of another type": (query) => ({ body: { query, variables: { id: { a: 1 } } } }),
  "with a malformed id": (query) => ({ body: { query, variables: { id: "x" } } }),
  "with a NUL": (query) => ({ body: { query, variables: { id: "1\0" } } }),
  "with unknown variables": (query) => ({ body: { query, variables: { id: "1", other: 1 } } }),
  "with variables nested too deep": (query) => ({
    body: `{"query":${JSON.stringify(query)},"variables":{"id":"1","other":${"[".repeat(70)}${"]".repeat(70)}}}`,
  }),
  "of no such row": (query) => ({ body: { query, variables: { id: "987654321" } } }),
  "in a list": (query) => ({ body: [{ query, variables: { id: "1" } }] }),
  "as plain text": (query) => ({ body: { query, variables: { id: "1" } }, headers: { "content-type": "text/plain" } }),
  "for the other JSON": (query) => ({
    body: { query, variables: { id: "1" } },
    headers: { accept: "application/graphql-response+json" },
  }),
  "for who takes no JSON": (query) => ({ body: { query, variables: { id: "1" } }, headers: { accept: "text/csv" } }),
  "by GET": (query) => ({
    method: "GET",
    search: `?query=${encodeURIComponent(query)}&variables=${encodeURIComponent('{"id":"1"}')}`,
    headers: { "apollo-require-preflight": "true" },
  }),
  "by GET without a preflight": (query) => ({
    method: "GET",
    search: `?query=${encodeURIComponent(query)}&variables=${encodeURIComponent('{"id":"1"}')}`,
  }),
  "by PUT": (query) => ({ method: "PUT", body: { query, variables: { id: "1" } } }),
};

it.each(Object.keys(REQUESTS))("%s: the same answer whether or not the document came before", async (name) => {
  for (const who of ["viewer", null] as const) {
    const token = who && (await app.as(who)).token;
    // Text of its own, so that nobody has sent it.
    const query = `# ${name} ${who}\n${DOCUMENT}`;
    const request = REQUESTS[name]!(query);
    const first = await send(token, request);
    for (const operationName of [undefined, "Known"]) {
      const body = { query, variables: { id: "1" }, operationName };
      expect((await send((await app.as("admin")).token, { body })).status).toBe(200);
    }
    expect(await send(token, request)).toEqual(first);
  }
});

it("measures each operation of a document, not only the one that came before", async () => {
  const deep = `${"organization { scans(first: 1) { nodes { ".repeat(5)}id${" } } }".repeat(5)}`;
  const query = `query Small { scan(id: "1") { id } } query Deep { scan(id: "1") { ${deep} } }`;
  const admin = await app.as("admin");
  const run = async (operationName: string) => {
    const { status, text } = await send(admin.token, { body: { query, operationName } });
    return [status, JSON.parse(text).errors?.[0]?.extensions.limit];
  };
  for (let n = 0; n < 2; n++) {
    expect(await run("Small")).toEqual([200, undefined]);
    expect(await run("Deep")).toEqual([400, "depth"]);
  }
});

it("lets the second and later requests pass, each with the rows of who sends it", async () => {
  const query = "# own rows\n{ organizations { nodes { id } } }";
  for (const [index, who] of (["viewer", "otherViewer", "admin", "viewer"] as Somebody[]).entries()) {
    const client = await app.as(who);
    const before = pastApollo();
    const { data } = await client.run(query);
    const rows = await app.sql`select o.id::text from organizations o, users u where u.email = ${`${
      { viewer: "viewer@demo", otherViewer: "viewer.clinic@demo", admin: "admin@demo" }[who as "viewer"]
    }.example`} and (u.role = 'ADMIN' or o.id = u.organization_id) order by o.created_at desc, o.id desc`;
    expect(data.organizations.nodes).toEqual([...rows]);
    expect(pastApollo() - before).toBe(index === 0 ? 0 : 1);
  }
});

const counts = async () =>
  (
    await app.sql`select (select count(*)::int from scans) as scans, (select count(*)::int from audit_logs) as records,
    (select count(*)::int from security_events where event_type = 'authz_fail') as events`
  )[0] as unknown as { scans: number; records: number; events: number };

it("leaves one record and one event of a change that its service refuses", async () => {
  const viewer = await app.as("viewer");
  const query = `# of others\nmutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }`;
  const { data } = await viewer.run("{ viewer { user { id version } } }");
  const { id, version } = data.viewer.user;
  for (const [n, past] of [0, 1, 1].entries()) {
    const [before, passed] = [await counts(), pastApollo()];
    const own = await viewer.run(query, { input: { id, version: version + n, fullName: `Known ${n}` } });
    expect([own.status, own.code]).toEqual([200, undefined]);
    const refused = await viewer.run(query, { input: { id: "1000", version: 1, fullName: "Known" } });
    expect([refused.status, refused.code, refused.data]).toEqual([403, "FORBIDDEN", { updateUser: null }]);
    const after = await counts();
    expect([after.records - before.records, after.events - before.events]).toEqual([2, 1]);
    expect(pastApollo() - passed).toBe(past + 1);
  }
});

it("leaves one record and one event of a change that is refused, and one record of one that is done", async () => {
  const query = `# a change\nmutation($input: CreateScanInput!) { createScan(input: $input) { scan { id } } }`;
  const input = { organizationId: "1", targetUrl: "https://known.example/", scanType: "FULL" };
  for (let n = 0; n < 2; n++) {
    const before = await counts();
    const done = await (await app.as("analyst")).run(query, { input });
    expect([done.status, done.code]).toEqual([200, undefined]);
    const refused = await (await app.as("viewer")).run(query, { input });
    expect([refused.status, refused.code, refused.data]).toEqual([403, "FORBIDDEN", { createScan: null }]);
    const anonymous = await app.anonymous.run(query, { input });
    expect([anonymous.status, anonymous.code]).toEqual([401, "UNAUTHENTICATED"]);
    const bad = await (await app.as("analyst")).run(query, { input: { ...input, targetUrl: "no url" } });
    expect([bad.status, bad.code]).toEqual([400, "BAD_USER_INPUT"]);
    const after = await counts();
    const more = { scans: after.scans - before.scans, records: after.records - before.records };
    expect({ ...more, events: after.events - before.events }).toEqual({ scans: 1, records: 3, events: 2 });
  }
});
