/** The log has one line for each request, whatever answers it: who asked for what, with which result, and never a value. */
import { hash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { beforeAll, expect, it, vi } from "vitest";
import { EMAILS, PASSWORD, testApp } from "../support/app.js";
import { SOON } from "../support/soon.js";

// Every statement is slow.
const app = testApp({ CORS_ORIGINS: "https://app.example", SLOW_STATEMENT_MS: "0" });

const sha256 = (text: string) => hash("sha256", text);
const JSON_TYPE = { "content-type": "application/json" };
let next = 0;
const nextId = () => `line-${next++}`;

let tokens: Record<"analyst" | "viewer", string>;
beforeAll(async () => {
  const [analyst, viewer] = await Promise.all([app.as("analyst"), app.as("viewer")]);
  tokens = { analyst: analyst.token as string, viewer: viewer.token as string };
});
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Waits for the line, which is written when the answer has been sent. */
const lineOf = (id: string) =>
  vi.waitFor(() => {
    const lines = app.log.filter(({ msg, requestId }) => msg === "request" && requestId === id);
    if (lines.length !== 1) throw new Error(`There are ${lines.length} lines of ${id}.`);
    return lines[0] as Record<string, unknown>;
  }, SOON);

const ANONYMOUS = { kind: "anonymous", id: null };
/** The line of a request, of which the test says what is particular. */
const line = (requestId: string, particular: Record<string, unknown>) => ({
  level: "info",
  time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  requestId,
  method: "POST",
  route: "/graphql",
  operation: null,
  document: null,
  actor: ANONYMOUS,
  code: null,
  status: 200,
  durationMs: expect.any(Number),
  statements: 0,
  bytes: expect.any(Number),
  msg: "request",
  ...particular,
});

async function fetchAs(id: string, path: string, init: RequestInit = {}) {
  const headers = { "x-request-id": id, ...(init.headers as Record<string, string>) };
  const response = await fetch(`${app.url}${path}`, { redirect: "manual", ...init, headers });
  const bytes = Number(response.headers.get("content-length") ?? 0);
  return { status: response.status, bytes, text: await response.text() };
}

const post = (id: string, body: unknown, headers: Record<string, string> = {}) =>
  fetchAs(id, "/graphql", {
    method: "POST",
    headers: { ...JSON_TYPE, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

/** Sends a GraphQL request and compares its line. */
async function expectLine(
  request: unknown,
  headers: Record<string, string>,
  particular: Record<string, unknown>,
): Promise<void> {
  const id = nextId();
  const { status, bytes } = await post(id, request, headers);
  expect(await lineOf(id)).toEqual(line(id, { bytes, ...particular }));
  expect(particular.status ?? 200).toBe(status);
}

const userId = async (who: keyof typeof EMAILS) =>
  (await app.sql`select id::text from users where email = ${EMAILS[who]}`)[0]?.id as string;

const analyst = async () => ({ kind: "user", id: await userId("analyst") });

const SCANS = "query Scans($first: Int) { scans(first: $first) { nodes { id targetUrl } } }";

it("names the operation, the document and the actor, whichever path answers", async () => {
  const actor = { kind: "user", id: await userId("viewer") };
  const particular = { operation: "Scans", document: sha256(SCANS), actor, statements: 1 };
  const request = { query: SCANS, variables: { first: 2 } };
  app.log.length = 0;
  await expectLine(request, bearer(tokens.viewer), particular);
  expect(app.log.filter(({ msg }) => msg === "went past Apollo")).toEqual([]);
  await expectLine(request, bearer(tokens.viewer), particular);
  await expectLine({ ...request, operationName: "Scans" }, bearer(tokens.viewer), particular);
  expect(app.log.filter(({ msg }) => msg === "went past Apollo")).toHaveLength(1);
  // By its hash, also as a GET, which Apollo answers.
  const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(SCANS) } };
  await expectLine({ extensions }, bearer(tokens.viewer), particular);
  const id = nextId();
  const search = `extensions=${encodeURIComponent(JSON.stringify(extensions))}`;
  const { bytes } = await fetchAs(id, `/graphql?${search}`, { headers: { ...JSON_TYPE, ...bearer(tokens.viewer) } });
  expect(await lineOf(id)).toEqual(line(id, { ...particular, bytes, method: "GET" }));
});

it("counts the statements", async () => {
  const actor = await analyst();
  const create = "a: createScan(input: $input) { scan { id } }";
  const one = `mutation One($input: CreateScanInput!) { ${create} }`;
  const two = `mutation Two($input: CreateScanInput!) { ${create} ${create.replace("a", "b")} }`;
  const input = { organizationId: "1", targetUrl: "https://two.example/", scanType: "T" };
  for (const [operation, query, statements] of [
    ["One", one, 1],
    ["Two", two, 4],
  ] as const) {
    for (const _path of ["Apollo", "fast"]) {
      app.statements.length = 0;
      const particular = { operation, document: sha256(query), actor, statements };
      await expectLine({ query, variables: { input } }, bearer(tokens.analyst), particular);
      expect(app.statements).toHaveLength(statements);
    }
  }
  const nothing = "{ __typename }";
  await expectLine({ query: nothing }, {}, { document: sha256(nothing) });
});

it("tells of sign-ins, and of those that fail", async () => {
  const query = "mutation SignIn($input: SignInInput!) { signIn(input: $input) { expiresAt } }";
  const particular = { operation: "SignIn", document: sha256(query) };
  for (const [password, result] of [
    [PASSWORD, {}],
    ["wrong password of ours", { code: "UNAUTHENTICATED", status: 401 }],
  ] as const) {
    app.statements.length = 0;
    const id = nextId();
    const { bytes } = await post(id, { query, variables: { input: { email: EMAILS.viewer, password } } });
    const { statements, ...rest } = await lineOf(id);
    const { statements: _, ...expected } = line(id, { ...particular, ...result, bytes }) as Record<string, unknown>;
    expect(rest).toEqual(expected);
    expect(statements).toBeGreaterThan(0);
  }
});

it("tells of refusals, of all codes of a request, and of credentials that do not count", async () => {
  const viewer = { kind: "user", id: await userId("viewer") };
  const refused = "{ securityEvents { totalCount } }";
  const both = "query ($id: ID!) { auditLogs { totalCount } scan(id: $id) { id } scans(first: 101) { totalCount } }";
  const scan = "{ scans { totalCount } }";
  const forbidden = { code: "FORBIDDEN", status: 403 };
  for (const _again of [1, 2]) {
    await expectLine({ query: refused }, bearer(tokens.viewer), {
      document: sha256(refused),
      actor: viewer,
      ...forbidden,
    });
  }
  const id = nextId();
  const { bytes } = await post(id, { query: both, variables: { id: "1" } }, bearer(tokens.viewer));
  const { code, ...rest } = await lineOf(id);
  expect((code as string).split(",").sort()).toEqual(["FORBIDDEN", "LIMIT_EXCEEDED"]);
  const { code: _, ...expected } = line(id, { document: sha256(both), actor: viewer, bytes, statements: 1 }) as Record<
    string,
    unknown
  >;
  expect(rest).toEqual(expected);
  const unauthenticated = { code: "UNAUTHENTICATED", status: 401 };
  for (const token of ["a.b.c", tokens.viewer.slice(0, -3)]) {
    await expectLine({ query: scan }, bearer(token), { document: sha256(scan), ...unauthenticated });
  }
});

const LONG = "x".repeat(70_000);
const INVALID = "query Wrong { nothing }";
const OPERATIONS = "query A { viewer { role } } query B { viewer { role } }";

it.each<[string, unknown, Record<string, unknown>]>([
  [
    "a syntax error",
    { query: "{", operationName: "Mine" },
    { operation: "Mine", document: sha256("{"), code: "GRAPHQL_PARSE_FAILED" },
  ],
  ["a wrong field", { query: INVALID }, { document: sha256(INVALID), code: "GRAPHQL_VALIDATION_FAILED" }],
  ["no operation chosen", { query: OPERATIONS }, { document: sha256(OPERATIONS), code: "BAD_USER_INPUT" }],
  [
    "an operation that is not there",
    { query: OPERATIONS, operationName: "C" },
    { operation: "C", document: sha256(OPERATIONS), code: "BAD_USER_INPUT" },
  ],
  [
    "a name that is none",
    { query: "{", operationName: 'a"\n\u001b[31m' },
    { document: sha256("{"), code: "GRAPHQL_PARSE_FAILED" },
  ],
  [
    "a name that is too long",
    { query: "{", operationName: "n".repeat(101) },
    { document: sha256("{"), code: "GRAPHQL_PARSE_FAILED" },
  ],
  ["a document that is too long", { query: `{ ${LONG} }` }, { code: "LIMIT_EXCEEDED" }],
  [
    "a hash that nobody knows",
    { extensions: { persistedQuery: { version: 1, sha256Hash: sha256("x") } } },
    { code: "PERSISTED_QUERY_NOT_FOUND", status: 200 },
  ],
  [
    "a hash that is none",
    { extensions: { persistedQuery: { version: 1, sha256Hash: "secret" } } },
    { code: "PERSISTED_QUERY_NOT_FOUND", status: 200 },
  ],
  ["no GraphQL", { nothing: 1 }, { code: "BAD_USER_INPUT" }],
  ["no JSON", "{", { code: "BAD_USER_INPUT" }],
  ["a body that is too large", LONG.repeat(20), { code: "LIMIT_EXCEEDED" }],
])("tells of a request with %s", (_, request, particular) => expectLine(request, {}, { status: 400, ...particular }));

it("tells of a fault of ours", async () => {
  await app.sql`alter table scans rename column target_url to gone`;
  const query = "{ scans { nodes { targetUrl } } }";
  await expectLine({ query }, bearer(tokens.viewer), {
    document: sha256(query),
    actor: { kind: "user", id: await userId("viewer") },
    statements: 1,
    ...{ code: "INTERNAL_SERVER_ERROR", status: 500 },
  });
  await app.sql`alter table scans rename column gone to target_url`;
});

it.each<[string, RequestInit, Record<string, unknown>]>([
  ["/graphql", { method: "PUT" }, { route: "/graphql", code: "BAD_USER_INPUT", status: 405 }],
  [
    "/graphql",
    { headers: { "content-type": "text/csv" }, method: "POST", body: "a" },
    { route: "/graphql", actor: ANONYMOUS, code: "BAD_USER_INPUT", status: 415 },
  ],
  ["/nothing?token=a", {}, { route: null, status: 404 }],
  ["/", {}, { route: "/", status: 307 }],
  ["/version", {}, { route: "/version" }],
  ["/version", { method: "HEAD" }, { route: "/version", bytes: 0 }],
  ["/health/live", {}, { route: "/health/live", level: "debug" }],
  ["/health/ready", {}, { route: "/health/ready", level: "debug" }],
  [
    "/graphql",
    { method: "OPTIONS", headers: { origin: "https://app.example", "access-control-request-method": "POST" } },
    { route: null, status: 204, bytes: 0 },
  ],
])("tells of %s %o", async (path, init, particular) => {
  const id = nextId();
  const { status, bytes } = await fetchAs(id, path, init);
  expect(await lineOf(id)).toEqual(line(id, { method: init.method ?? "GET", actor: null, bytes, ...particular }));
  expect(particular.status ?? 200).toBe(status);
});

it("gives the bytes that were sent of a compressed answer", async () => {
  const id = nextId();
  const headers = { ...bearer(tokens.viewer), "accept-encoding": "gzip" };
  const { bytes, text } = await post(id, { query: "{ scans { nodes { id targetUrl createdAt } } }" }, headers);
  expect(bytes).toBeLessThan(text.length);
  expect((await lineOf(id)).bytes).toBe(bytes);
});

it("names documents that differ in their strings alone by one hash, which no password is part of", async () => {
  const signIn = (email: string, password: string) =>
    `mutation Ours { signIn(input: { email: ${email}, password: ${password} }) { expiresAt } } # "`;
  const particular = { operation: "Ours", document: sha256(signIn('""', '""').replace('# "', "")) };
  for (const texts of [
    ['"nobody@demo.example"', '"wrong password of ours"'],
    ['"nobody@demo.\\"example"', '"""wrong "" \\""" pass\nword"""'],
  ] as [string, string][]) {
    const id = nextId();
    await post(id, { query: signIn(...texts) });
    expect(await lineOf(id)).toMatchObject(particular);
  }
  // One that does not end.
  const id = nextId();
  await post(id, { query: '{ signIn(password: """wrong \\""" password' });
  expect(await lineOf(id)).toMatchObject({ document: sha256('{ signIn(password: ""') });
  // A client that asks by the hash first, which a password is part of.
  const query = signIn('"nobody@demo.example"', '"wrong password of ours"');
  const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(query) } };
  for (const [body, expected] of [
    [{ extensions }, { document: null, code: "PERSISTED_QUERY_NOT_FOUND" }],
    [{ extensions, query }, particular],
  ] as const) {
    const asked = nextId();
    await post(asked, body);
    expect(await lineOf(asked)).toMatchObject(expected);
  }
  expect(JSON.stringify(app.log)).not.toContain(sha256(query));
  const scan = (text: string) => `query One { scan(id: ${text}) { id } }`;
  for (const [text, empty] of [
    ['"1"', '""'],
    ['"2"', '""'],
    ["3", "3"],
  ] as const) {
    const query = scan(text);
    const byHash = { extensions: { persistedQuery: { version: 1, sha256Hash: sha256(query) } } };
    // Apollo answers the first, and the fast path the others.
    for (const body of [{ query }, { query }, byHash]) {
      const id = nextId();
      await post(id, body, bearer(tokens.viewer));
      expect(await lineOf(id)).toMatchObject({ operation: "One", document: sha256(scan(empty)), code: null });
    }
  }
});

/** Opens a connection and sends what is given. */
async function raw(text: string): Promise<Socket> {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(text);
  return socket;
}
const rawPost = (id: string, body: string, headers = `content-length: ${body.length}`) =>
  `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer ${tokens.analyst}\r\nx-request-id: ${id}\r\n${headers}\r\n\r\n${body}`;

it.each([
  ["no HTTP", "HELLO\r\n\r\n", 400, "BAD_USER_INPUT"],
  ["too long headers", `GET / HTTP/1.1\r\nhost: x\r\na: ${"x".repeat(20_000)}\r\n\r\n`, 431, "LIMIT_EXCEEDED"],
])("tells of a connection that sends %s", async (_, text, status, code) => {
  const socket = await raw(text);
  const [answer] = (await once(socket, "data")) as [Buffer];
  const [head = "", body = ""] = answer.toString().split("\r\n\r\n");
  const id = /x-request-id: (\S+)/.exec(head)?.[1] as string;
  const none = { method: null, route: null, actor: null };
  expect(await lineOf(id)).toEqual(line(id, { ...none, status, code, bytes: body.length }));
});

it("tells of a request without a host", async () => {
  const id = nextId();
  const socket = await raw(`GET /version HTTP/1.1\r\nx-request-id: ${id}\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 .*"field":"host"/s);
  const particular = { method: "GET", route: "/version", actor: null, status: 400, code: "BAD_USER_INPUT" };
  expect(await lineOf(id)).toEqual(line(id, particular));
});

it("refuses CONNECT and tells of it, also behind another request", async () => {
  const ids = [nextId(), nextId()] as const;
  const requests = ["GET /version", "CONNECT elsewhere.example:443"] as const;
  const text = requests.map((each, at) => `${each} HTTP/1.1\r\nhost: x\r\nx-request-id: ${ids[at]}\r\n\r\n`).join("");
  const socket = await raw(text);
  let answers = "";
  socket.on("data", (chunk) => (answers += chunk));
  await once(socket, "close");
  expect(answers).toMatch(/^HTTP\/1\.1 200 .*HTTP\/1\.1 405 .*\r\nallow: GET, HEAD\r\n.*"field":"method"/s);
  expect(await lineOf(ids[0])).toMatchObject({ route: "/version", status: 200 });
  const refused = { method: "CONNECT", route: null, actor: null, status: 405, code: "BAD_USER_INPUT" };
  expect(await lineOf(ids[1])).toEqual(line(ids[1], refused));
  // One that leaves at once ends nothing else.
  const left = nextId();
  (await raw(text.replace(ids[0], nextId()).replace(ids[1], left))).resetAndDestroy();
  expect((await fetchAs(nextId(), "/version")).status).toBe(200);
});

it("has one line of a request whose body turns out to be malformed", async () => {
  const id = nextId();
  const socket = await raw(rawPost(id, "5\r\nhello\r\nnonsense\r\n", "transfer-encoding: chunked"));
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toContain(`x-request-id: ${id}\r\n`);
  await once(socket, "close");
  expect(await lineOf(id)).toEqual(line(id, { actor: await analyst(), status: 400, code: "BAD_USER_INPUT" }));
});

it("says that a client left in the middle of its body", async () => {
  const id = nextId();
  const socket = await raw(rawPost(id, '{"query":', "content-length: 500"));
  socket.resetAndDestroy();
  expect(await lineOf(id)).toEqual(line(id, { actor: await analyst(), status: null, bytes: 0, aborted: true }));
  // Where it may still listen, it is answered.
  const other = nextId();
  (await raw(rawPost(other, '{"query":', "content-length: 500"))).end();
  const refused = { actor: await analyst(), status: 400, code: "BAD_USER_INPUT", aborted: true };
  expect(await lineOf(other)).toEqual(line(other, refused));
});

it("says that a client left before its answer, and what was done for it", async () => {
  const actor = await analyst();
  const read = "query Left { scans { nodes { id targetUrl status } } }";
  const change = "mutation Left($input: CreateScanInput!) { createScan(input: $input) { scan { id } } }";
  const input = { organizationId: "1", targetUrl: "https://left.example/", scanType: "T" };
  const ids = [nextId(), nextId()] as const;
  const bodies = [{ query: read }, { query: change, variables: { input } }].map((body) => JSON.stringify(body));
  app.statements.length = 0;
  await app.sql.begin(async (sql) => {
    await sql`lock table scans in access exclusive mode`;
    const sockets = [await raw(rawPost(ids[0], bodies[0] as string)), await raw(rawPost(ids[1], bodies[1] as string))];
    await vi.waitFor(() => expect(app.statements.filter((text) => text.includes('"scans"')).length).toBe(2), SOON);
    for (const socket of sockets) socket.destroy();
    const stopped = { code: "TIMEOUT", status: 504, aborted: true };
    expect(await lineOf(ids[0])).toEqual(
      line(ids[0], { operation: "Left", document: sha256(read), actor, statements: 1, ...stopped }),
    );
  });
  expect(await lineOf(ids[1])).toEqual(
    line(ids[1], { operation: "Left", document: sha256(change), actor, statements: 1, aborted: true }),
  );
  expect(await app.sql`select 1 from scans where target_url = ${input.targetUrl}`).toHaveLength(1);
});

it("says that a client left whose answer waited behind another", async () => {
  const ids = [nextId(), nextId()] as const;
  const slow = JSON.stringify({ query: "query Slow { scans { nodes { id scanType } } }" });
  const quick = JSON.stringify({ query: "query Quick { viewer { role } }" });
  await app.sql.begin(async (sql) => {
    await sql`lock table scans in access exclusive mode`;
    const socket = await raw(rawPost(ids[0], slow) + rawPost(ids[1], quick));
    await vi.waitFor(() => expect(app.log.some(({ operation }) => operation === "Quick")).toBe(false), SOON);
    await vi.waitFor(async () => {
      const waiting =
        await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%"scans"%'`;
      expect(waiting.length).toBeGreaterThan(0);
    }, SOON);
    socket.destroy();
    expect(await lineOf(ids[0])).toMatchObject({ operation: "Slow", code: "TIMEOUT", aborted: true });
  });
  expect((await lineOf(ids[1])).aborted).toBe(true);
});

it("logs slow statements by a hash, with the request that sent them, and their text for debugging", async () => {
  const id = nextId();
  app.log.length = 0;
  app.statements.length = 0;
  await post(id, { query: SCANS, variables: { first: 3 } }, bearer(tokens.viewer));
  const [text, ...others] = app.statements.filter((text) => text.includes('"scans"'));
  expect(others).toEqual([]);
  const statement = sha256(text as string);
  const slow = app.log.filter((logged) => logged.statement === statement);
  expect(slow).toEqual([
    {
      level: "warn",
      time: expect.any(String),
      ...{ statement, durationMs: expect.any(Number), rows: 1, requestId: id, operation: "Scans" },
      msg: "slow statement",
    },
    { level: "debug", time: expect.any(String), statement, text, msg: "text of a slow statement" },
  ]);
});

it("says why a slow statement failed", async () => {
  const id = nextId();
  await app.sql`alter table scans rename column target_url to gone`;
  await post(id, { query: "{ scans(last: 2) { nodes { targetUrl } } }" }, bearer(tokens.viewer));
  await app.sql`alter table scans rename column gone to target_url`;
  const slow = app.log.filter(({ requestId, msg }) => requestId === id && msg === "slow statement");
  expect(slow).toEqual([expect.objectContaining({ level: "warn", code: "42703", operation: null })]);
});

/** Texts that stand for secrets. Each is sent in every place where a client may send one. */
const MARK = "hunter2secret";

it("holds no value that a client sends, at any level", async () => {
  app.log.length = 0;
  const email = `${MARK}@demo.example`;
  const value = `the ${MARK}`;
  const last = nextId();
  const documents: { query: string; variables?: object; operationName?: string }[] = [
    {
      query: "mutation($i: SignInInput!) { signIn(input: $i) { accessToken } }",
      variables: { i: { email, password: value } },
    },
    { query: `mutation { signIn(input: { email: "${email}", password: "${value}" }) { accessToken } }` },
    { query: `mutation { signIn(input: { email: "${email}", password: "${value}" }) { nothing(a: "${value}") } }` },
    { query: `mutation { signIn(input: { email: "${email}", password: "${value}` },
    {
      query: "mutation($i: RefreshSessionInput!) { refreshSession(input: $i) { accessToken } }",
      variables: { i: { refreshToken: value } },
    },
    {
      query: "query($f: ScanFilter) { scans(filter: $f) { totalCount } }",
      variables: { f: { targetUrl: { contains: value } } },
    },
    {
      query: "query($f: ScanFilter) { scans(filter: $f) { totalCount } }",
      variables: { f: { [MARK]: { contains: value } } },
    },
    { query: `{ scans(filter: { targetUrl: { contains: "${value}" } }) { totalCount nodes { id } } }` },
    { query: `{ scan(id: "${value}") { id } }` },
    {
      query: "mutation($i: CreateScanInput!) { createScan(input: $i) { scan { id targetUrl } } }",
      variables: {
        i: {
          organizationId: "1",
          targetUrl: `https://${MARK}.example/`,
          scanType: value.slice(0, 8),
          idempotencyKey: MARK,
        },
      },
    },
    {
      query: "mutation($i: CreateUserInput!) { createUser(input: $i) { user { id email } } }",
      variables: { i: { email, fullName: value, password: value, role: "VIEWER", organizationId: "1" } },
    },
    { query: "{ viewer { role } }", operationName: `${value}\u0000` },
  ];
  const admin = (await app.as("admin")).token as string;
  for (const body of documents) {
    // Twice, so that both paths answer what somebody may do.
    for (const token of [admin, admin, undefined, `${MARK}.${MARK}.${MARK}`]) {
      const headers = { ...(token && bearer(token)), "x-request-id": value, "user-agent": value, cookie: value };
      await post(nextId(), body, headers);
    }
  }
  const search = new URLSearchParams({
    query: documents[5]?.query as string,
    variables: JSON.stringify(documents[5]?.variables),
    [MARK]: value,
  });
  await fetchAs(nextId(), `/graphql?${search}`, { headers: { ...JSON_TYPE, ...bearer(tokens.analyst) } });
  await fetchAs(nextId(), `/${MARK}?token=${MARK}`);
  await post(nextId(), `{"query": "${MARK}`);
  await post(nextId(), { query: documents[0]?.query, variables: value });
  await post(nextId(), { extensions: { persistedQuery: { version: 1, sha256Hash: MARK } } });
  await fetchAs(nextId(), "/graphql", { method: "POST", headers: { "content-type": `text/${MARK}` }, body: value });
  for (const text of [`${MARK} / HTTP/1.1\r\n\r\n`, `GET /${MARK} HTTP/1.1\r\n${MARK}\r\n\r\n`]) {
    await once(await raw(text), "data");
  }
  await post(last, { query: "{ __typename }" });
  await lineOf(last);
  const text = JSON.stringify(app.log);
  expect(text).not.toContain(MARK);
  for (const secret of [...Object.values(tokens), admin, PASSWORD, ...Object.values(EMAILS)])
    expect(text).not.toContain(secret);
});
