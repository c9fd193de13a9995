/** The HTTP host: routes, request ids, security headers, methods, bodies, and what a browser may do. */
import { createServer } from "node:http";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { createDraining } from "../../src/http/draining.js";
import { testApp } from "../support/app.js";

const app = testApp({
  CORS_ORIGINS: "https://app.example, https://b.example:8443",
  INTROSPECTION: "false",
  LANDING_PAGE: "false",
});
/** What was sent for requests; the list of revocations is polled whenever it is time. */
const sent = () => app.statements.filter((text) => !text.includes("revoked_at"));

const json = { "content-type": "application/json" };
const get = (path: string, init?: RequestInit) => fetch(`${app.url}${path}`, { redirect: "manual", ...init });
const post = (body: string, headers: Record<string, string> = json) =>
  get("/graphql", { method: "POST", headers, body });
const VIEWER = JSON.stringify({ query: "{ viewer { role } }" });
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

it.each([
  ["/health/live", 200, { status: "live" }],
  ["/health/ready", 200, { status: "ready", database: "up", records: { waiting: 0, lost: 0 } }],
  ["/version", 200, { version: "0.0.0", commit: null }],
  ["/health/live?x=1", 200, { status: "live" }],
  ["/toString", 404, { status: "not found", paths: ["/graphql", "/health/live", "/health/ready", "/version"] }],
  ["/nothing", 404, { status: "not found", paths: ["/graphql", "/health/live", "/health/ready", "/version"] }],
  ["/graphql/", 404, { status: "not found", paths: ["/graphql", "/health/live", "/health/ready", "/version"] }],
  ["/../etc/passwd", 404, { status: "not found", paths: ["/graphql", "/health/live", "/health/ready", "/version"] }],
])("GET %s answers %i", async (path, status, body) => {
  const response = await get(path);
  expect([response.status, await response.json()]).toEqual([status, body]);
  expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
});

it("leads from / to /graphql", async () => {
  const response = await get("/");
  expect([response.status, response.headers.get("location")]).toEqual([307, "/graphql"]);
});

it.each(["/health/live", "/health/ready", "/nothing", "/graphql"])("sends security headers with %s", async (path) => {
  const { headers } = await get(path, path === "/graphql" ? { method: "POST", headers: json, body: VIEWER } : {});
  expect(Object.fromEntries(headers)).toMatchObject({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-request-id": expect.stringMatching(UUID),
  });
  expect(headers.get("server")).toBeNull();
  expect(headers.get("x-powered-by")).toBeNull();
});

it.each(["a", "7f3c", "A.b_c-9", "x".repeat(36)])("keeps the request id %s", async (id) => {
  const response = await post(VIEWER, { ...json, "x-request-id": id });
  expect(response.headers.get("x-request-id")).toBe(id);
  const { errors } = (await response.json()) as { errors: { extensions: { requestId: string } }[] };
  expect(errors[0]?.extensions.requestId).toBe(id);
});

it.each(["", "x".repeat(37), "a b", "a;b", "<script>", "a/b", "\u00e9", "a,b", "'--"])(
  "replaces the request id %s",
  async (id) => {
    const response = await post(VIEWER, { ...json, "x-request-id": id });
    expect(response.headers.get("x-request-id")).toMatch(UUID);
  },
);

/** What clients of browsers send: Apollo Client with its client awareness, tracing, API keys. */
const ALLOWED_HEADERS = [
  "authorization,content-type,x-api-key,x-request-id",
  "apollo-require-preflight,apollographql-client-name,apollographql-client-version,x-apollo-operation-name",
  "traceparent,tracestate,baggage,sentry-trace",
].join();

it.each(["https://app.example", "https://b.example:8443", "http://localhost:5173", "http://localhost"])(
  "lets browsers at %s call",
  async (origin) => {
    const preflight = await get("/graphql", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET,POST",
      "access-control-allow-headers": ALLOWED_HEADERS,
      vary: expect.stringContaining("Origin"),
    });
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
    const answer = await post(VIEWER, { ...json, origin });
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-expose-headers")).toContain("x-request-id");
  },
);

it.each([
  "https://evil.example",
  "https://app.example.evil.example",
  "http://app.example",
  "null",
  "https://APP.example",
  "http://localhost.evil.example",
  "http://localhost:80.evil.example",
  "https://localhost",
])("lets no browser at %s call", async (origin) => {
  const headers = { origin, "access-control-request-method": "POST" };
  for (const response of [
    await get("/graphql", { method: "OPTIONS", headers }),
    await post(VIEWER, { ...json, origin }),
  ]) {
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  }
});

it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])(
  "refuses what a form of another site could send: %s",
  async (type) => {
    app.statements.length = 0;
    const { token } = await app.as("admin");
    app.statements.length = 0;
    const response = await get("/graphql", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, ...(type && { "content-type": type }) },
      body: Buffer.from(JSON.stringify({ query: "mutation { signOut { signedOut } }" })),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/CSRF|content-type/i);
    expect(sent()).toEqual([]);
  },
);

it("answers a query by GET behind what browsers ask for, a header or a token, and never a mutation", async () => {
  const { token } = await app.as("viewer");
  const headers = { authorization: `Bearer ${token}` };
  const query = encodeURIComponent("query($id: ID!) { viewer { role } scan(id: $id) { id } }");
  const answer = await get(`/graphql?query=${query}&variables=${encodeURIComponent('{"id":"1"}')}`, { headers });
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { data: { viewer: { role: "VIEWER" }, scan: { id: "1" } } },
  ]);
  const typename = `/graphql?query=${encodeURIComponent("{ __typename }")}`;
  const statuses = [{ "apollo-require-preflight": "1" }, {}, { authorization: "" }, { cookie: "authorization=x" }].map(
    async (bare) => (await get(typename, { headers: bare })).status,
  );
  expect(await Promise.all(statuses)).toEqual([200, 400, 400, 400]);
  app.statements.length = 0;
  const mutation = await get(`/graphql?query=${encodeURIComponent("mutation { signOut { signedOut } }")}`, { headers });
  expect([mutation.status, mutation.headers.get("allow")]).toEqual([405, "POST"]);
  expect(sent()).toEqual([]);
  expect((await app.withToken(token).run("{ viewer { role } }")).status).toBe(200);
});

it.each(["PUT", "DELETE", "PATCH"])("refuses the method %s", async (method) => {
  const response = await get("/graphql", { method, headers: { ...json, "apollo-require-preflight": "1" } });
  expect([400, 405]).toContain(response.status);
  expect(await response.text()).not.toContain("Internal error");
});

it("refuses batches", async () => {
  const response = await post(`[${VIEWER},${VIEWER}]`);
  expect(response.status).toBe(400);
});

it("hides the schema and the explorer where they are off, suggestions included", async () => {
  const { token } = await app.as("admin");
  const client = app.withToken(token);
  for (const query of ["{ __schema { types { name } } }", '{ __type(name: "User") { name } }']) {
    const { status, code } = await client.run(query);
    expect([status, code]).toEqual([400, "GRAPHQL_VALIDATION_FAILED"]);
  }
  for (const query of [
    "{ viewr { role } }",
    "{ viewer { rol } }",
    "{ scan(ids: 1) { id } }",
    'mutation { deleteScan(input: { idd: "1" }) { deletedScanId } }',
  ]) {
    const { status, errors } = await client.run(query);
    expect(status).toBe(400);
    expect(JSON.stringify(errors)).not.toMatch(/did you mean/i);
  }
  const variables = await client.run("query($f: ScanFilter) { scans(filter: $f) { totalCount } }", {
    f: { scanTyp: {} },
  });
  expect(JSON.stringify(variables.errors)).not.toMatch(/did you mean/i);
  const page = await get("/graphql", { headers: { accept: "text/html" } });
  expect(page.status).not.toBe(200);
  expect(page.headers.get("content-type")).not.toMatch(/html/);
});

it("a client that leaves in the middle of its body does no harm and is no error of ours", async () => {
  app.log.length = 0;
  const { hostname, port } = new URL(app.url);
  for (const rest of ['{"query":', ""]) {
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n${rest}`,
        );
        socket.end(() => socket.destroy());
      });
      socket.on("close", () => resolve());
    });
  }
  for (let n = 0; n < 20; n++) expect((await get("/health/live")).status).toBe(200);
  expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
});

it("waits for a body that comes in pieces", async () => {
  const stream = new ReadableStream({
    async start(controller) {
      for (const byte of Buffer.from(VIEWER)) {
        controller.enqueue(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
      controller.close();
    },
  });
  const init = { method: "POST", headers: json, body: stream, duplex: "half" };
  expect((await get("/graphql", init as RequestInit)).status).toBe(401);
});

it("a server that has stopped is kept by nothing, nor is what it answered with", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const stopped = async () => {
    const server = createServer();
    const draining = createDraining(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await draining.stop(0, undefined, () => undefined);
    return new WeakRef(server);
  };
  const ref = await stopped();
  // What was made in this turn is held until it ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(ref.deref()).toBeUndefined();
});
