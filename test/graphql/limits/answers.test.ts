/** Answers that would be too long: names times rows are counted before a statement is sent, values where PostgreSQL builds them. */
import { type DocumentNode, Kind, parse, print } from "graphql";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.js";
import { type Answer, type Client, testApp } from "../../support/app.js";

const app = testApp();
/** The field that leaves a query to the ordinary path. */
const BESIDE = "beside: viewer { role }";
const LONG = "a".repeat(100);
/** Of a message, at most; one row of it has 20 kB. */
const MESSAGE = 20_000;
const MIB = 1_048_576;
const ROWS = 100;
let admin: Client;

beforeAll(async () => {
  admin = await app.as("admin");
  await app.sql`
    insert into chat_sessions (user_id, session_id, message, response)
    select 1, 'long', repeat('m', ${MESSAGE}), n::text from generate_series(1, ${ROWS}::int) n`;
  // Of each character three bytes, and an escape.
  await app.sql`
    insert into chat_sessions (user_id, session_id, message)
    select 1, 'wide', repeat('漢', ${MESSAGE}) from generate_series(1, ${ROWS}::int)`;
  await app.sql`
    insert into scans (organization_id, target_url, scan_type)
    select 1, 'https://nested.example/', 'NESTED' from generate_series(1, 20)`;
  await app.sql`
    insert into vulnerabilities (scan_id, severity, vuln_type, title, description)
    select id, 'LOW', 'NESTED', 't', repeat('d', ${MESSAGE}) from scans, generate_series(1, 100) where scan_type = 'NESTED'`;
});
beforeEach(() => {
  app.statements.length = 0;
});

const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join(" ");
const sent = () => app.statements.filter((text) => text.startsWith("select"));

/** In both ways; the data of the fast one, and what is wrong in each. */
async function bothWays(query: string): Promise<Answer> {
  const fast = await admin.run(query);
  const document: DocumentNode = parse(query);
  expect(document.definitions[0]?.kind).toBe(Kind.OPERATION_DEFINITION);
  const other = await admin.run(print(document).replace("{", `{ ${BESIDE}`));
  const { beside, ...data } = other.data;
  expect(beside).toEqual({ role: "ADMIN" });
  expect(data).toEqual(fast.data);
  const described = ({ errors }: Answer) =>
    errors?.map(({ message, path, extensions: { requestId: _, ...rest } }) => ({ message, path, rest }));
  expect(described(other)).toEqual(described(fast));
  return fast;
}

const expectTooLong = ({ errors }: Answer, ...keys: string[]) => {
  expect(errors?.map(({ path }) => path)).toEqual(keys.map((key) => [key]));
  for (const { message, extensions } of errors ?? []) {
    expect([message, extensions.code, extensions.limit]).toEqual([
      "This answer would be longer than 16 MiB. Ask for fewer rows or fields at once.",
      "LIMIT_EXCEEDED",
      "answer",
    ]);
  }
};

describe("names times rows", () => {
  const keys = (n: number, make = (key: string) => `${key}: id`) => times(n, (n) => make(`${LONG.slice(2)}${10 + n}`));
  const TOO_LONG: Record<string, string> = {
    "in nested pages": `{ organizations(first: 100) { nodes { scans(first: 100) { nodes { ${keys(20)} } } } } }`,
    "in fragments": `{ organizations(first: 100) { nodes { ...o } } } fragment o on Organization { scans(first: 100) { nodes { ...s } } } fragment s on Scan { ${keys(20)} }`,
    "in edges": `{ organizations(first: 100) { edges { node { scans(first: 100) { edges { ${keys(20, (key) => `${key}: cursor`)} } } } } } }`,
    "in rows of rows": `{ organizations(first: 100) { nodes { scans(first: 100) { nodes { organization { ${keys(20)} } } } } } }`,
    "in groups":
      `{ organizations(first: 100) { nodes { scans { groups(by: [{ field: TARGET_URL }], first: 400) { aggregate { ${keys(6, (key) => `${key}: count`)} } } } } } }`.replace(
        "ID }",
        "TARGET_URL }",
      ),
    "in objects of a column": `{ instances(first: 100) { nodes { operations(first: 100) { nodes { instance { endpoint { ${keys(20, (key) => `${key}: host`)} } } } } } } }`,
  };

  it.each(Object.keys(TOO_LONG))("%s: refused alone, and no statement is sent", async (name) => {
    const answer = await admin.run(TOO_LONG[name]!);
    expectTooLong(answer, Object.keys(answer.data)[0]!);
    expect(answer.status).toBe(400);
    expect(sent()).toEqual([]);
  });

  it("beside others, which are answered, both ways", async () => {
    const query = TOO_LONG["in nested pages"]!.replace("{", "{ before: scan(id: 1) { id }").replace(
      /}$/,
      "after: scan(id: 2) { id } }",
    );
    const answer = await bothWays(query);
    expectTooLong(answer, "organizations");
    expect(answer.data).toEqual({ before: { id: "1" }, organizations: null, after: { id: "2" } });
  });

  it("just below are answered", async () => {
    const { errors } = await admin.run(TOO_LONG["in nested pages"]!.replace("scans(first: 100)", "scans(first: 70)"));
    expect(errors).toBeUndefined();
  });

  it("of a change's payload are refused before anything changes", async () => {
    const count = async () => (await app.sql`select count(*)::int as n from scans`)[0]!.n;
    const before = await count();
    const nested = `organization { users(first: 100) { nodes { organization { scans(first: 100) { nodes { ${keys(20)} } } } } } }`;
    const create = `createScan(input: { organizationId: "1", targetUrl: "https://n.example/", scanType: "T" }) { scan { ${nested} } }`;
    // Of several root fields the ordinary path answers.
    for (const query of [
      `mutation { ${create} }`,
      `mutation { ${create} deleteScan(input: { id: "0" }) { deletedScanId } }`,
    ]) {
      const [error] = (await admin.run(query)).errors ?? [];
      expect([error?.path, error?.extensions.limit, error?.extensions.outcome]).toEqual([
        ["createScan"],
        "answer",
        undefined,
      ]);
    }
    expect(await count()).toBe(before);
  });
});

describe("values by their length", () => {
  const chats = (copies: number, id = "long", key = "chatSessions") =>
    `${key}: chatSessions(first: 100, filter: { sessionId: { eq: "${id}" } }) { nodes { ${times(copies, (n) => `m${n}: message`)} } }`;

  it("the longest is answered, as long as it is", async () => {
    const query = `{ ${chats(8)} }`;
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${admin.token}` },
      body: JSON.stringify({ query }),
    });
    const { length } = await response.text();
    expect([response.status, length > 15 * MIB, length < LIMITS.answerBytes]).toEqual([200, true, true]);
  });

  const TOO_LONG: Record<string, string> = {
    "copies of a text in a page": `{ ${chats(9)} }`,
    "copies in edges": `{ ${chats(9).replace("nodes {", "edges { node {")} } }`,
    "characters of several bytes": `{ ${chats(3, "wide")} }`,
    "a page that looks for the next one": `{ ${chats(9).replace("nodes", "pageInfo { hasNextPage } nodes")} }`,
    "nested pages": `{ scans(first: 20, filter: { scanType: { eq: "NESTED" } }) { nodes { vulnerabilities(first: 100) { nodes { description } } } } }`,
    "nodes and edges": `{ ${chats(5).replace(/nodes (\{.*\}) \}$/, "nodes $1 edges { node $1 } }")} }`,
  };
  it.each(Object.keys(TOO_LONG))("%s", async (name) => {
    const answer = await bothWays(TOO_LONG[name]!);
    expectTooLong(answer, Object.keys(answer.data)[0]!);
    expect(answer.status).toBe(400);
  });

  it("a single row", async () => {
    const [row] = await app.sql`
      insert into chat_sessions (user_id, session_id, message) values (1, 'one', repeat('x', 6000000)) returning id::text`;
    const one = (copies: number) => `{ chatSession(id: "${row?.id}") { ${times(copies, (n) => `m${n}: message`)} } }`;
    expectTooLong(await bothWays(one(3)), "chatSession");
    expect((await admin.run(one(2))).errors).toBeUndefined();
    await app.sql`delete from chat_sessions where id = ${row?.id}`;
  });

  it("groups, whose keys are long", async () => {
    await app.sql`
      insert into organizations (name, domain) select n || repeat('n', 100000), 'g' || n || '.example' from generate_series(1, 200) n`;
    const query = "{ organizations { groups(by: [{ field: NAME }], first: 1000) { key { name } } } }";
    expectTooLong(await bothWays(query), "organizations");
    await app.sql`delete from organizations where length(name) > 100000`;
  });

  it("in a request the field that is too long fails alone, with one statement for all and then one for each", async () => {
    const query = `{ a: scan(id: 1) { id } ${chats(9)} b: scan(id: 2) { id } }`;
    app.statements.length = 0;
    const { data, errors } = await admin.run(query);
    expect(sent()).toHaveLength(4);
    expect(errors).toHaveLength(1);
    expect(data).toEqual({ a: { id: "1" }, chatSessions: null, b: { id: "2" } });
    expectTooLong(await bothWays(query), "chatSessions");
  });

  it("of several that are too long together, those that do not fit beside the ones before", async () => {
    const query = `{ ${chats(5, "long", "first")} ${chats(5, "long", "second")} small: scan(id: 1) { id } ${chats(1, "long", "third")} }`;
    const answer = await bothWays(query);
    expectTooLong(answer, "second");
    expect([answer.data.first.nodes.length, answer.data.small, answer.data.third.nodes.length]).toEqual([
      100,
      { id: "1" },
      100,
    ]);
  });

  it("PostgreSQL stops before it has built more than the limit", async () => {
    // 29 copies of 2 MB: it would take five times as much memory and time as the limit allows.
    const query = `{ ${chats(29)} }`;
    const answer = await admin.run(query);
    expectTooLong(answer, "chatSessions");
    const [statement] = sent();
    expect(statement).toMatch(/having coalesce\(sum\(\(coalesce\(octet_length\(p\."c0"\)/);
  });
});

describe("a change whose answer is too long stays done, and says so", () => {
  const expectDone = ({ errors, data }: Answer, key: string, part: string) => {
    expect(data[key]).toBeNull();
    expect(errors?.[0]?.path).toEqual([key, part]);
    const { code, limit, outcome } = errors![0]!.extensions;
    expect([code, limit, outcome]).toEqual(["LIMIT_EXCEEDED", "answer", "done"]);
    expect(errors?.[0]?.message).toBe(
      "It was done, but is too much to answer. Do not send it again: ask for less of it in a query.",
    );
  };

  // Of several root fields the ordinary path answers.
  it.each([
    ["fast", ""],
    ["ordinary", 'deleteScan(input: { id: "0" }) { deletedScanId }'],
  ])("a page beside the changed row, in the %s way", async (way, beside) => {
    const [scan] = await app.sql`
      select id::text, version from scans where scan_type = 'NESTED' order by id limit 1`;
    const targetUrl = `https://${way}.example/`;
    const page = `vulnerabilities(first: 100) { nodes { ${times(9, (n) => `d${n}: description`)} } }`;
    const answer = await admin.run(
      `mutation { updateScan(input: { id: "${scan?.id}", version: ${scan?.version}, targetUrl: "${targetUrl}" }) { scan { ${page} } } ${beside} }`,
    );
    expectDone(answer, "updateScan", "scan");
    expect(await app.sql`select target_url from scans where id = ${scan?.id}`).toEqual([{ target_url: targetUrl }]);
    const records = await app.sql`
      select success from audit_logs where action = 'scan.update' and resource_id = ${scan?.id} order by id desc limit 1`;
    expect(records).toEqual([{ success: true }]);
  });

  it.each([
    ["fast", ""],
    ["ordinary", 'deleteScan(input: { id: "0" }) { deletedScanId }'],
  ])("one of two rows of a payload, which is named, in the %s way", async (_, beside) => {
    const [scan] = await app.sql`select id::text from scans where scan_type = 'NESTED' order by id desc limit 1`;
    const items = Array(100).fill({
      severity: "LOW",
      vulnType: "NESTED",
      title: "t",
      description: "d".repeat(MESSAGE / 2),
    });
    const answer = await admin.run(
      `mutation($input: CreateVulnerabilitiesInput!) { createVulnerabilities(input: $input) { scan { id } vulnerabilities { ${times(17, (n) => `d${n}: description`)} } } ${beside} }`,
      { input: { scanId: scan?.id, items } },
    );
    expectDone(answer, "createVulnerabilities", "vulnerabilities");
  });

  it("the changed row itself", async () => {
    const [row] = await app.sql`
      insert into chat_sessions (user_id, session_id, message, response) values (1, 'one', repeat('x', 6000000), '') returning id::text`;
    const copies = times(3, (n) => `m${n}: message`);
    const mutation = `mutation { updateChatSession(input: { id: "${row?.id}", version: 1, response: "changed" }) { chatSession { ${copies} } } }`;
    expectDone(await admin.run(mutation), "updateChatSession", "chatSession");
    expect(await app.sql`select response, version from chat_sessions where id = ${row?.id}`).toEqual([
      { response: "changed", version: 2 },
    ]);
    await app.sql`delete from chat_sessions where id = ${row?.id}`;
  });

  it("rows of a bulk change", async () => {
    const mutation = `mutation { updateChatSessions(input: { filter: { sessionId: { eq: "long" } }, expectedCount: ${ROWS}, changes: { response: "bulk" } }) { chatSessions { ${times(9, (n) => `m${n}: message`)} } } }`;
    expectDone(await admin.run(mutation), "updateChatSessions", "chatSessions");
    expect(await app.sql`select count(*)::int as n from chat_sessions where response = 'bulk'`).toEqual([{ n: ROWS }]);
  });
});
