/** The log has a line of what is no request, of a client that leaves, and of slow statements; and no line holds a value. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it, vi } from "vitest";
import { EMAILS, PASSWORD } from "../support/app.js";
import { bearer, JSON_TYPE, line, SCANS, sha256, useRequestLog } from "../support/request-log.js";
import { SOON } from "../support/soon.js";

const { app, nextId, tokens, lineOf, fetchAs, post, analyst } = useRequestLog();

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
  // Whose token it is, is known then without a question to the database.
  await post(nextId(), { query: SCANS }, bearer(tokens.analyst));
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
