/** The log has one line for each request, whatever answers it: who asked for what, with which result, and never a value. */
import { expect, it } from "vitest";
import { EMAILS, PASSWORD } from "../support/app.js";
import { ANONYMOUS, bearer, JSON_TYPE, line, SCANS, sha256, useRequestLog } from "../support/request-log.js";

const { app, nextId, tokens, lineOf, fetchAs, post, expectLine, userId, analyst } = useRequestLog();

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
