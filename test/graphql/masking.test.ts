/** Faults of ours: masked with a request id, logged once with their cause, and without values or statements. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { describeFaultForLog } from "../../src/log.js";
import { EMAILS, signIn, testApp } from "../support/app.js";

const app = testApp();
/** What was sent for requests; the list of revocations is polled whenever it is time. */
const sent = () => app.statements.filter((text) => !text.includes("revoked_at"));

/** Looks like what must never come back. */
const SECRET = "hunter2Secret";
const MASKED = "Internal error";

let undo: string[] = [];
async function breaking(statement: string, repair: string) {
  await app.sql.unsafe(statement);
  undo.unshift(repair);
}
beforeEach(async () => {
  await Promise.all([app.as("viewer"), app.as("analyst")]);
  app.log.length = 0;
});
async function mend() {
  for (const repair of undo) await app.sql.unsafe(repair);
  undo = [];
}
afterEach(mend);

/** Exactly one line at error level, with the cause and the request id, and nothing that could be a value or a statement. */
function expectLogged(requestId: string, cause: RegExp) {
  const lines = app.log.filter(({ level }) => level === "error");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ requestId });
  expect(JSON.stringify(lines[0]?.err)).toMatch(cause);
  expect(JSON.stringify(app.log)).not.toContain(SECRET);
  // The stack of the driver names functions; statements of ours always name a table in quotes.
  expect(JSON.stringify(app.log)).not.toMatch(/insert into|update \\"|select [^ ]+ from|row_to_json|delete from/i);
}

const CREATE_SCAN = `mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id } } }`;
const scan = { organizationId: "1", targetUrl: `https://${SECRET}.example/`, scanType: "T" };
const counts = async () =>
  (await app.sql`select (select count(*) from scans) s, (select count(*) from audit_logs) a`)[0];

it("a fault of the planner's statement, on the fast path and on the ordinary one", async () => {
  await breaking(
    "alter table scans rename column target_url to hidden",
    "alter table scans rename column hidden to target_url",
  );
  const client = await app.as("analyst");
  const variables = { f: { targetUrl: { eq: SECRET } } };
  const scans = "scans(filter: $f) { nodes { id } }";
  for (const document of [`query($f: ScanFilter) { ${scans} }`, `query($f: ScanFilter) { ${scans} v: __typename }`]) {
    app.log.length = 0;
    const { status, data, errors } = await client.run(document, variables, { "x-request-id": "planner" });
    expect(errors).toEqual([
      {
        message: MASKED,
        path: ["scans"],
        extensions: { code: "INTERNAL_SERVER_ERROR", requestId: "planner" },
        ...(errors?.[0] && "locations" in errors[0] && { locations: expect.any(Array) }),
      },
    ]);
    expect(data.scans).toBeNull();
    expect(status).toBe(document.includes("__typename") ? 200 : 500);
    expectLogged("planner", /42703/);
  }
});

it("a fault of a mutation: nothing is written, and the failure is audited", async () => {
  const before = await counts();
  await breaking(
    "alter table scans rename column target_url to hidden",
    "alter table scans rename column hidden to target_url",
  );
  const { status, code, errors, data } = await (await app.as("analyst")).run(
    CREATE_SCAN,
    { input: scan },
    { "x-request-id": "mutation" },
  );
  expect([status, code, errors?.[0]?.message, data]).toEqual([
    500,
    "INTERNAL_SERVER_ERROR",
    MASKED,
    { createScan: null },
  ]);
  expectLogged("mutation", /42703/);
  expect(await counts()).toEqual({ ...before, a: String(Number(before?.a) + 1) });
  expect(await app.sql`select success, result from audit_logs where request_id = 'mutation'`).toEqual([
    { success: false, result: { code: "INTERNAL_SERVER_ERROR", message: MASKED } },
  ]);
});

it("a fault of the audit log takes the change along; the record of the failure waits until it is mended", async () => {
  const before = await counts();
  await breaking(
    "alter table audit_logs rename column result to hidden",
    "alter table audit_logs rename column hidden to result",
  );
  const { status, code, errors } = await (await app.as("analyst")).run(
    CREATE_SCAN,
    { input: scan },
    { "x-request-id": "audit" },
  );
  expect([status, code, errors?.[0]?.message]).toEqual([500, "INTERNAL_SERVER_ERROR", MASKED]);
  expectLogged("audit", /42703/);
  expect(await counts()).toEqual(before);
  await mend();
  const record = () => app.sql`select success, result->>'code' as code from audit_logs where request_id = 'audit'`;
  await vi.waitFor(
    async () => expect(await record()).toEqual([{ success: false, code: "INTERNAL_SERVER_ERROR" }]),
    5000,
  );
});

it("a fault of a refusal's security event does not let anybody in; the event waits until it is mended", async () => {
  await breaking("alter table security_events rename to hidden", "alter table hidden rename to security_events");
  const { status, code } = await app.anonymous.run("{ viewer { role } }", {}, { "x-request-id": "event" });
  expect([status, code]).toEqual([401, "UNAUTHENTICATED"]);
  await mend();
  const event = () => app.sql`select event_type from security_events where metadata->>'requestId' = 'event'`;
  await vi.waitFor(async () => expect(await event()).toEqual([{ event_type: "authz_fail" }]), 5000);
});

it("a fault of signing in", async () => {
  await breaking("alter table sessions rename to hidden", "alter table hidden rename to sessions");
  const document = `mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }`;
  const input = { email: EMAILS.viewer, password: "tests-need-no-secret" };
  const { status, code, errors, data } = await app.anonymous.run(document, { input }, { "x-request-id": "sign-in" });
  expect([status, code, errors?.[0]?.message, data]).toEqual([500, "INTERNAL_SERVER_ERROR", MASKED, { signIn: null }]);
  expectLogged("sign-in", /42P01/);
  expect(JSON.stringify(app.log)).not.toMatch(/tests-need-no-secret|argon2|viewer@/);
});

it("a fault while the request's context is made", async () => {
  const { accessToken } = await signIn(app.anonymous, EMAILS.viewer);
  app.log.length = 0;
  Object.defineProperty(app.clock, "aheadMs", {
    configurable: true,
    get() {
      throw new Error("the clock has stopped");
    },
  });
  const { status, code, errors, data } = await app
    .withToken(accessToken)
    .run("{ viewer { role } }", {}, { "x-request-id": "context" });
  Object.defineProperty(app.clock, "aheadMs", { configurable: true, writable: true, value: 0 });
  expect([status, code, errors?.[0]?.message, data]).toEqual([500, "INTERNAL_SERVER_ERROR", MASKED, undefined]);
  expect(errors?.[0]?.extensions).toEqual({ code: "INTERNAL_SERVER_ERROR", requestId: "context" });
  expectLogged("context", /the clock has stopped/);
});

async function send(body: string, type = "application/json") {
  const { token } = await app.as("viewer");
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": type,
      "apollo-require-preflight": "1",
      authorization: `Bearer ${token}`,
      "x-request-id": "body",
    },
    body,
  });
  return { status: response.status, text: await response.text() };
}

it.each([
  ["not JSON", `{"query": "{ viewer { role } }", "${SECRET}`],
  ["an empty body", ""],
  ["null", "null"],
  ["a text", `"${SECRET}"`],
  ["a list", "[]"],
  ["no query", "{}"],
  ["a query that is no text", `{"query": 5}`],
  ["variables that are a text", `{"query": "{ viewer { role } }", "variables": "${SECRET}"}`],
  ["variables that are a list", `{"query": "{ viewer { role } }", "variables": ["${SECRET}"]}`],
  ["an unknown operation", `{"query": "query a { viewer { role } }", "operationName": "${SECRET}"}`],
  ["no operation named among two", `{"query": "query a { viewer { role } } query b { viewer { role } }"}`],
  ["no operation at all", `{"query": "fragment f on Viewer { role }"}`],
  ["an empty document", `{"query": " "}`],
  ["a subscription", `{"query": "subscription { x }"}`],
])("answers 400 to %s, in words of its own, and logs no error", async (_, body) => {
  app.statements.length = 0;
  const { status, text } = await send(body);
  expect(status).toBe(400);
  const { errors } = JSON.parse(text);
  expect(errors[0].extensions).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/), requestId: "body" });
  expect(errors[0].extensions.code).not.toBe("INTERNAL_SERVER_ERROR");
  expect(text).not.toMatch(/stacktrace|node_modules|hunter2Secret\\|at position/);
  expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
  expect(sent()).toEqual([]);
});

it("answers 4xx to another content type", async () => {
  for (const type of ["application/xml", "application/graphql", "text/json"]) {
    const { status, text } = await send('{"query":"{ viewer { role } }"}', type);
    expect([400, 415]).toContain(status);
    expect(text).not.toContain(MASKED);
  }
});

it.each([
  ["a literal of another type", `mutation { deleteScan(input: { id: "1", version: "${SECRET}" }) { deletedScanId } }`],
  [
    "a password without quotes",
    `mutation { signIn(input: { email: "a@b.example", password: ${SECRET} }) { accessToken } }`,
  ],
  ["a moment that is none", `{ scans(filter: { startedAt: { gt: "${SECRET}" } }) { totalCount } }`],
  ["an enum that is none", `{ scans(filter: { status: { eq: ${SECRET} } }) { totalCount } }`],
  ["a text where a name belongs", `mutation { signIn(input: { "${SECRET}" }) { accessToken } }`],
])("an error of the document repeats no value: %s", async (_, query) => {
  const { status, text } = await send(JSON.stringify({ query }));
  expect(status).toBe(400);
  expect(text).not.toContain(SECRET);
  expect(JSON.stringify(app.log)).not.toContain(SECRET);
});

it("the log names no host that a connection failed to", () => {
  const of = (code: string, address: string) => Object.assign(new Error(`write ${code} ${address}`), { code, address });
  for (const fault of [of("CONNECTION_CLOSED", "/run/postern/.s.PGSQL.5432"), of("ECONNREFUSED", "10.1.2.3")]) {
    const described = JSON.stringify(describeFaultForLog(new Error("outer", { cause: fault })));
    expect(described).toContain(fault.code);
    expect(described).not.toContain(fault.address);
  }
});
