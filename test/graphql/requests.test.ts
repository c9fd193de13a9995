/** What is no GraphQL over HTTP: refused with its status, code and field, in the form of every error, and never logged as ours. */
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();

const QUERY = "{ __typename }";
const MUTATION = "mutation { signOut { signedOut } }";
const PREFLIGHT = { "apollo-require-preflight": "1" };
const utf8 = (text: string) => Buffer.from(text);

beforeEach(() => {
  app.log.length = 0;
  app.statements.length = 0;
});
afterEach(() => {
  expect(app.log.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
});

interface Sent {
  readonly method?: string;
  readonly search?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | object | string;
}

async function send({ method = "POST", search = "", headers = {}, body }: Sent) {
  const bytes = typeof body === "object" && !Buffer.isBuffer(body) ? JSON.stringify(body) : body;
  const type = method === "POST" ? { "content-type": "application/json" } : {};
  // Bytes, because fetch would name a type for a text.
  const init = bytes === undefined ? {} : { body: Buffer.from(bytes as string) };
  const { "content-type": given = type["content-type"], ...others } = headers;
  const response = await fetch(`${app.url}/graphql${search}`, {
    method,
    headers: { ...others, ...(given && { "content-type": given }) },
    ...init,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const get = (search: string, headers: Record<string, string> = PREFLIGHT): Sent => ({ method: "GET", search, headers });
const typed = (type: string, more: Record<string, string> = {}): Sent => ({
  headers: { "content-type": type, ...more },
  body: { query: QUERY },
});
const accepting = (accept: string): Sent => ({ headers: { accept }, body: { query: QUERY } });
const query = encodeURIComponent(QUERY);

const REFUSED: [string, Sent, number, string][] = [
  ["PUT", { method: "PUT" }, 405, "method"],
  ["DELETE", { method: "DELETE" }, 405, "method"],
  ["PATCH", { method: "PATCH", headers: PREFLIGHT }, 405, "method"],
  ["OPTIONS without an origin", { method: "OPTIONS" }, 405, "method"],
  ["a mutation by GET", get(`?query=${encodeURIComponent(MUTATION)}`), 405, "method"],
  ["a form of another site", typed("text/plain"), 400, "content-type"],
  ["no type", typed(""), 400, "content-type"],
  ["text", typed("text/plain", PREFLIGHT), 415, "content-type"],
  ["files", typed("multipart/form-data; boundary=x", PREFLIGHT), 415, "content-type"],
  ["XML", typed("application/xml"), 415, "content-type"],
  ["bare GraphQL", typed("application/graphql"), 415, "content-type"],
  ["a sequence of JSON", typed("application/json-seq"), 415, "content-type"],
  ["a type that is none", typed("json"), 415, "content-type"],
  ["UTF-16", typed("application/json; charset=utf-16"), 415, "content-type"],
  ["Latin 1", typed('application/json; a=b; charset="ISO-8859-1"'), 415, "content-type"],
  ["an unknown charset", typed("application/json; charset=x"), 415, "content-type"],
  ["by GET a type", get(`?query=${query}`, { ...PREFLIGHT, "content-type": "text/plain" }), 415, "content-type"],
  ["wanting CSV", accepting("text/csv"), 406, "accept"],
  ["wanting no JSON", accepting("application/json;q=0"), 406, "accept"],
  ["wanting parts only", accepting("multipart/mixed"), 406, "accept"],
  ["by GET wanting CSV", get(`?query=${query}`, { ...PREFLIGHT, accept: "text/csv" }), 406, "accept"],
  ["no body", {}, 400, "body"],
  ["null", { body: "null" }, 400, "body"],
  ["a number", { body: "1" }, 400, "body"],
  ["a text", { body: '"{}"' }, 400, "body"],
  ["half a body", { body: '{"query":' }, 400, "body"],
  ["nothing in a batch", { body: "[]" }, 400, "body"],
  ["a batch", { body: [{ query: QUERY }, { query: QUERY }] }, 400, "body"],
  ["deep brackets", { body: "[".repeat(500_000) }, 400, "body"],
  [
    "a byte that is no UTF-8",
    { body: Buffer.concat([utf8(`{"query":"# `), Buffer.of(0xff), utf8(`\\n${QUERY}"}`)]) },
    400,
    "body",
  ],
  [
    "half a character",
    { body: Buffer.concat([utf8(`{"query":"${QUERY} # `), Buffer.of(0xe2, 0x82), utf8('"}')]) },
    400,
    "body",
  ],
  [
    "a character in too many bytes",
    { body: Buffer.concat([utf8(`{"query":"${QUERY} # `), Buffer.of(0xc0, 0xaf), utf8('"}')]) },
    400,
    "body",
  ],
  [
    "half a pair",
    { body: Buffer.concat([utf8(`{"query":"${QUERY} # `), Buffer.of(0xed, 0xa0, 0x80), utf8('"}')]) },
    400,
    "body",
  ],
  ["UTF-16 undeclared", { body: Buffer.from(JSON.stringify({ query: QUERY }), "utf16le") }, 400, "body"],
  ["nothing asked", { body: {} }, 400, "query"],
  ["a number asked", { body: { query: 1 } }, 400, "query"],
  ["null asked", { body: { query: null } }, 400, "query"],
  ["an empty text asked", { body: { query: "" } }, 400, "query"],
  ["a parsed document", { body: { query: { kind: "Document", definitions: [] } } }, 400, "query"],
  ["variables as text", { body: { query: QUERY, variables: "{}" } }, 400, "variables"],
  ["variables as a list", { body: { query: QUERY, variables: [] } }, 400, "variables"],
  ["variables as a number", { body: { query: QUERY, variables: 0 } }, 400, "variables"],
  ["extensions as text", { body: { query: QUERY, extensions: "{}" } }, 400, "extensions"],
  ["extensions as a list", { body: { query: QUERY, extensions: [] } }, 400, "extensions"],
  ["a name that is a number", { body: { query: QUERY, operationName: 1 } }, 400, "operationName"],
  ["a name that is an object", { body: { query: QUERY, operationName: {} } }, 400, "operationName"],
  ["a name of nothing", { body: { query: QUERY, operationName: "No" } }, 400, "operationName"],
  [
    "no name for one of two",
    { body: { query: "query A { __typename } query B { __typename }" } },
    400,
    "operationName",
  ],
  ["by GET without a preflight", get(`?query=${query}`, {}), 400, "apollo-require-preflight"],
  ["by GET nothing", get(""), 400, "query"],
  ["by GET two documents", get(`?query=${query}&query=${query}`), 400, "query"],
  ["by GET variables that are no JSON", get(`?query=${query}&variables=%7B`), 400, "variables"],
  ["by GET variables as a list", get(`?query=${query}&variables=[]`), 400, "variables"],
  ["by GET extensions as a text", get(`?query=${query}&extensions=%22%22`), 400, "extensions"],
  ["by GET a name of nothing", get(`?query=${query}&operationName=No`), 400, "operationName"],
  ["by GET a byte that is no UTF-8", get(`?query=${query}%23%ff`), 400, "query"],
  [
    "by GET variables that are no UTF-8",
    get(`?query=${query}&variables=%7B%22a%22%3A%22%ED%A0%80%22%7D`),
    400,
    "variables",
  ],
  ["by GET extensions that are no UTF-8", get(`?query=${query}&extensions=%7B%22%C0%AF%22%3A1%7D`), 400, "extensions"],
];

it.each(REFUSED)("refuses %s", async (_, request, status, field) => {
  const answer = await send(request);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    status,
    {
      errors: [
        {
          message: expect.stringMatching(/\.$/),
          extensions: { code: "BAD_USER_INPUT", field, requestId: answer.headers.get("x-request-id") },
        },
      ],
    },
  ]);
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  if (status === 405) expect(answer.headers.get("allow")).toMatch(/POST/);
  expect(app.statements).toEqual([]);
});

it.each<[string, Sent]>([
  ["the usual type", typed("application/json")],
  ["a charset in capitals", typed("application/json;charset=UTF-8")],
  ["a charset in quotes, among others", typed('application/JSON; a=b; charset="utf-8"; boundary=x')],
  ["another name of the charset", typed("application/json; charset=utf8")],
  ["a parameter that is none", typed("application/json; charset")],
  ["JSON of a kind", typed("application/graphql+json")],
  ["a byte order mark", { body: Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), utf8(JSON.stringify({ query: QUERY }))]) }],
  ["characters of every length", { body: { query: `# é€𝄞\n${QUERY}` } }],
  ["null for what is left out", { body: { query: QUERY, variables: null, operationName: null, extensions: null } }],
  ["unknown extensions and fields", { body: { query: QUERY, extensions: { a: 1 }, id: 1 } }],
  ["any type wanted", accepting("text/html, */*;q=0.1")],
  ["what Apollo Client wants", accepting("multipart/mixed;deferSpec=20220824,application/json")],
  ["by GET", get(`?query=${query}&variables=%7B%7D&extensions=%7B%7D&other=%C3%A9`)],
  ["by GET with a percent sign", get(`?query=${query}%23%`)],
  ["by GET with the type of JSON", get(`?query=${query}`, { "content-type": "application/json" })],
])("answers %s", async (_, request) => {
  const { status, text } = await send(request);
  expect([status, JSON.parse(text)]).toEqual([200, { data: { __typename: "Query" } }]);
});

it("answers in the type that is wanted most", async () => {
  const types = ["application/graphql-response+json", "application/json;q=0.5, application/graphql-response+json"];
  for (const accept of types) {
    for (let n = 0; n < 2; n++) {
      const { headers } = await send(accepting(accept));
      expect(headers.get("content-type")).toBe("application/graphql-response+json; charset=utf-8");
    }
  }
});

it.each(["text/html", "text/html, multipart/mixed", "multipart/mixed;q=0.5, text/html"])(
  "shows a page to who accepts %s, and runs nothing of the request",
  async (accept) => {
    const many = encodeURIComponent(`{ ${"viewer { role } ".repeat(21)}}`);
    for (const search of ["", `?query=${query}`, `?query=${many}`, "?query={"]) {
      const { status, headers, text } = await send(get(search, { accept }));
      expect([status, headers.get("content-type")?.split(";")[0]]).toEqual([200, "text/html"]);
      expect(text).not.toMatch(/"(data|errors)":/);
    }
    expect(app.statements).toEqual([]);
  },
);

it("runs no mutation whose answer nobody takes", async () => {
  const { token } = await app.as("admin");
  const authorization = `Bearer ${token}`;
  const input = '{ organizationId: "1", targetUrl: "https://a.example/", scanType: "FULL" }';
  const body = { query: `mutation { createScan(input: ${input}) { scan { id } } }` };
  const count = async () => (await app.sql`select count(*)::int as n from scans`)[0]?.n;
  const before = await count();
  expect((await send({ headers: { authorization, accept: "text/csv" }, body })).status).toBe(406);
  expect(await count()).toBe(before);
  expect((await send({ headers: { authorization }, body })).status).toBe(200);
  expect(await count()).toBe(before + 1);
});

it("HEAD is a method of GraphQL neither", async () => {
  const { status, headers, text } = await send({ method: "HEAD" });
  expect([status, headers.get("allow"), text]).toEqual([405, "GET, POST", ""]);
});

/** What comes back for bytes on a socket of their own. */
const raw = (bytes: string) =>
  new Promise<string>((resolve, reject) => {
    const { hostname, port } = new URL(app.url);
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });

const body = JSON.stringify({ query: QUERY });
const post = (headers: string, content = body) =>
  `POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n${headers}\r\n\r\n${content}`;
const length = `content-length: ${body.length}`;

it.each([
  ["two lengths", post(`${length}\r\ncontent-length: 5`), 400, { code: "BAD_USER_INPUT", field: "request" }],
  [
    "a length and parts",
    post(`${length}\r\ntransfer-encoding: chunked`),
    400,
    { code: "BAD_USER_INPUT", field: "request" },
  ],
  ["a length that is none", post("content-length: x"), 400, { code: "BAD_USER_INPUT", field: "request" }],
  ["no HTTP", "hello\r\n\r\n", 400, { code: "BAD_USER_INPUT", field: "request" }],
  ["long headers", post(`${length}\r\nx: ${"y".repeat(20_000)}`), 431, { code: "LIMIT_EXCEEDED", limit: "headers" }],
])("refuses %s before there is a request", async (_, bytes, status, extensions) => {
  const [head = "", content = ""] = (await raw(bytes)).split("\r\n\r\n");
  const requestId = /^x-request-id: (.+)$/m.exec(head)?.[1]?.trim();
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toContain("x-content-type-options: nosniff");
  expect(JSON.parse(content)).toEqual({
    errors: [{ message: expect.stringMatching(/\.$/), extensions: { ...extensions, requestId } }],
  });
});

it.each(["100-continue", "something else"])("answers who expects %s", async (expectation) => {
  const answer = await raw(post(`${length}\r\nexpect: ${expectation}`));
  expect(answer).toMatch(/HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toMatch(/\{"data":\{"__typename":"Query"\}\}$/);
});
