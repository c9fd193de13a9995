/** What a subscription may ask for is limited as a query is, and so are connections, subscriptions and messages. */
import { once } from "node:events";
import { request } from "node:http";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { testApp } from "../../support/app.js";
import { begun, openLive, socketUrl } from "../../support/live.js";
import { SOON } from "../../support/soon.js";

const LIMITS = { connections: 6, connectionsPerActor: 2, subscriptions: 5, perConnection: 3, perActor: 4 };
const app = testApp(
  { SUBSCRIPTION_LIMITS: JSON.stringify(LIMITS), CORS_ORIGINS: "https://app.example.org", INTROSPECTION: "false" },
  undefined,
  { liveMs: 100, liveInitMs: 500, livePingMs: 200 },
);

const EVENTS = "subscription { securityEventRecorded { id } }";

let token: string;
let live: ReturnType<typeof openLive>;
beforeAll(async () => {
  token = (await app.as("admin")).token as string;
  live = openLive(app.url, token);
});
afterAll(() => live.dispose());

/** A WebSocket that says nothing by itself. @returns with the messages that came */
async function bare(options: ConstructorParameters<typeof WebSocket>[2] = {}, protocols = ["graphql-transport-ws"]) {
  const socket = new WebSocket(socketUrl(app.url), protocols, options);
  const got: { type: string; id?: string; payload?: unknown }[] = [];
  const closed = once(socket, "close") as Promise<[number, Buffer]>;
  socket.on("message", (data) => got.push(JSON.parse(String(data))));
  await once(socket, "open");
  return { socket, got, closed: async () => [(await closed)[0], String((await closed)[1])] };
}

async function signedIn(options?: ConstructorParameters<typeof WebSocket>[2]) {
  const client = await bare(options);
  client.socket.send(JSON.stringify({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } }));
  await vi.waitFor(() => expect(client.got[0]?.type).toBe("connection_ack"), SOON);
  return client;
}

const nested = (depth: number) =>
  `subscription { securityEventRecorded { ${"user { organization { users { nodes { organization { ".repeat(depth)} id ${"} } } } }".repeat(depth)} } }`;

it.each([
  ["too deep", nested(3), "LIMIT_EXCEEDED"],
  ["too many tokens", `subscription { securityEventRecorded { ${"id ".repeat(2001)} } }`, "LIMIT_EXCEEDED"],
  ["too long", `subscription { securityEventRecorded { id } } # ${"x".repeat(65_536)}`, "LIMIT_EXCEEDED"],
  [
    "too many aliases",
    `subscription { securityEventRecorded { ${Array.from({ length: 31 }, (_, n) => `a${n}: id`).join(" ")} } }`,
    "LIMIT_EXCEEDED",
  ],
  [
    "too many objects",
    "subscription { securityEventRecorded { user { organization { users(first: 100) { nodes { organization { scans(first: 100) { nodes { id } } } } } } } } }",
    "LIMIT_EXCEEDED",
  ],
  ["no GraphQL", "subscription {", "GRAPHQL_PARSE_FAILED"],
  ["a field that is none", "subscription { securityEventRecorded { nothing } }", "GRAPHQL_VALIDATION_FAILED"],
  [
    "two fields",
    "subscription { a: securityEventRecorded { id } b: securityEventRecorded { id } }",
    "GRAPHQL_VALIDATION_FAILED",
  ],
  ["no field in the end", "subscription { securityEventRecorded @skip(if: true) { id } }", "BAD_USER_INPUT"],
  ["the schema", "subscription { __schema { types { name } } }", "GRAPHQL_VALIDATION_FAILED"],
  ["a query", "{ viewer { role } }", "BAD_USER_INPUT"],
  ["a query about the schema", "{ __schema { types { name } } }", "GRAPHQL_VALIDATION_FAILED"],
  ["a mutation", "mutation { signOut { signedOut } }", "BAD_USER_INPUT"],
  [
    "a filter by what is none",
    `subscription { securityEventRecorded(filter: { id: { eq: "x" } }) { id } }`,
    "BAD_USER_INPUT",
  ],
])("refuses %s", async (_, query, code) => {
  app.log.length = 0;
  const following = live.follow(query);
  expect([...new Set(await following.refused())]).toEqual([code]);
  expect(following.messages).toEqual([]);
  expect(app.log.filter(({ method }) => method === "SUBSCRIBE")).toMatchObject([
    {
      method: "SUBSCRIBE",
      route: "/graphql",
      code,
      actor: { kind: "user" },
      requestId: following.ended()?.[0].extensions.requestId,
    },
  ]);
  expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
});

it("the session still works after what was refused", async () => {
  const { errors } = await app.withToken(token).run("{ viewer { role } }");
  expect(errors).toBeUndefined();
});

it("over HTTP a subscription is refused, and told where to go, also when its document is known from a socket", async () => {
  const following = await begun(app, () => live.follow(EVENTS));
  const { status, errors } = await app.withToken(token).run(EVENTS);
  expect([status, errors?.[0]?.extensions.code, errors?.[0]?.message]).toEqual([
    400,
    "BAD_USER_INPUT",
    expect.stringContaining("WebSocket"),
  ]);
  following.stop();
});

it("limits the subscriptions of a connection and of an actor, and gives places back", async () => {
  const other = openLive(app.url, token);
  const three = await begun(app, () => [1, 2, 3].map(() => live.follow(EVENTS)), 3);
  const fourth = live.follow(EVENTS);
  expect(await fourth.refused()).toEqual(["LIMIT_EXCEEDED"]);
  expect(fourth.ended()?.[0].extensions.limit).toBe("subscriptions");
  const elsewhere = other.follow(EVENTS);
  await app.sql`insert into security_events (event_type, event_status) values ('place', 'SUCCESS')`;
  await elsewhere.count(1);
  expect(await other.follow(EVENTS).refused()).toEqual(["LIMIT_EXCEEDED"]);
  three[0]?.stop();
  await vi.waitFor(async () => {
    const again = other.follow(EVENTS);
    await app.sql`insert into security_events (event_type, event_status) values ('place', 'SUCCESS')`;
    // It is refused until the place is free.
    await again.count(1, { timeout: 1000, interval: 20 });
    again.stop();
  }, SOON);
  for (const each of three) each.stop();
  other.dispose();
});

it("a subscription that ends by itself gives its place back", async () => {
  const gone = "subscription { operationUpdated(operationId: 987654321) { id } }";
  for (let n = 0; n < 4; n++) expect(await live.follow(gone).refused()).toEqual(["NOT_FOUND"]);
  const three = await begun(app, () => [1, 2, 3].map(() => live.follow(EVENTS)), 3);
  await app.sql`insert into security_events (event_type, event_status) values ('place', 'SUCCESS')`;
  for (const each of three) await each.count(1);
  expect(await live.follow(gone).refused()).toEqual(["LIMIT_EXCEEDED"]);
  for (const each of three) each.stop();
});

it("limits the connections of an actor, and those of the process", async () => {
  live.dispose();
  const own = [await signedIn(), await signedIn()];
  const third = await bare();
  third.socket.send(JSON.stringify({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } }));
  expect(await third.closed()).toEqual([1013, "You have 2 connections here. Close one first."]);
  const silent = [await bare(), await bare(), await bare(), await bare()];
  const refused = new WebSocket(socketUrl(app.url), "graphql-transport-ws");
  const [, response] = (await once(refused, "unexpected-response")) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(503);
  refused.on("error", () => undefined).terminate();
  for (const { socket } of [...own, ...silent]) socket.terminate();
  await vi.waitFor(() => bare().then(({ socket }) => socket.terminate()), SOON);
  live = openLive(app.url, token);
});

it("limits the subscriptions of all in the process", async () => {
  const replica = await app.replica();
  const clients = await Promise.all((["admin", "security"] as const).map((who) => app.as(who)));
  const [admin, security] = clients.map((client) => openLive(replica.url, client.token)) as [typeof live, typeof live];
  const all = await begun(app, () => [admin, admin, admin, security, security].map((by) => by.follow(EVENTS)), 5);
  expect(await security.follow(EVENTS).refused()).toEqual(["LIMIT_EXCEEDED"]);
  expect(all.map(({ ended }) => ended())).toEqual(all.map(() => undefined));
  admin.dispose();
  security.dispose();
  await replica.stop();
});

it("closes a connection that does not say who it is, and whatever is no message", async () => {
  expect(await (await bare()).closed()).toEqual([4408, "Connection initialisation timeout"]);
  const early = await bare();
  early.socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: EVENTS } }));
  expect((await early.closed())[0]).toBe(4401);
  for (const text of ["no JSON", "{}", '{"type":"connection_init","payload":1}', '{"type":"nothing"}']) {
    const client = await bare();
    client.socket.send(text);
    expect((await client.closed())[0], text).toBe(4400);
  }
  const binary = await bare();
  binary.socket.send(Buffer.from([1, 2, 3]));
  expect((await binary.closed())[0]).toBe(4400);
  const servers = await signedIn();
  servers.socket.send('{"id":"1","type":"next","payload":{}}');
  expect((await servers.closed())[0]).toBe(4400);
  const twice = await signedIn();
  twice.socket.send('{"type":"connection_init"}');
  expect((await twice.closed())[0]).toBe(4429);
  expect((await (await bare({}, [])).closed())[0]).toBe(4406);
  expect(app.log.filter(({ level }) => level === "error")).toEqual([]);
});

it("closes a connection whose message is too long", async () => {
  const client = await signedIn();
  client.socket.send(JSON.stringify({ type: "ping", payload: { x: "x".repeat(300_000) } }));
  expect((await client.closed())[0]).toBe(1009);
});

it("answers pings of both kinds, and cuts off who answers none", async () => {
  const alive = await signedIn();
  alive.socket.send(JSON.stringify({ type: "ping", payload: { n: 1 } }));
  await vi.waitFor(() => expect(alive.got[1]).toEqual({ type: "pong" }), SOON);
  const pong = once(alive.socket, "pong");
  alive.socket.ping("x");
  expect(String((await pong)[0])).toBe("x");
  const dead = await signedIn({ autoPong: false });
  expect((await dead.closed())[0]).toBe(1006);
  expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  alive.socket.terminate();
});

it("pages of this address and of CORS_ORIGINS may connect, and no others", async () => {
  const origins = [new URL(app.url).origin, "https://app.example.org", "http://localhost:5173"];
  for (const origin of origins) (await bare({ origin })).socket.terminate();
  for (const origin of ["https://evil.example", "https://app.example.org.evil.example", "null"]) {
    app.log.length = 0;
    const socket = new WebSocket(socketUrl(app.url), "graphql-transport-ws", { origin });
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
    socket.on("error", () => undefined).terminate();
    await vi.waitFor(
      () =>
        expect(app.log.filter(({ status }) => status === 403)).toMatchObject([
          { status: 403, code: "FORBIDDEN", route: "/graphql" },
        ]),
      SOON,
    );
  }
});

it("other upgrades, and those at other addresses, are answered as requests", async () => {
  const ask = async (path: string, upgrade: string) => {
    const sent = request(`${app.url}${path}`, { headers: { connection: "Upgrade", upgrade } }).end();
    const [response] = await once(sent, "response");
    response.resume();
    return response.statusCode;
  };
  expect(await ask("/health/live", "h2c")).toBe(200);
  expect(await ask("/health/live", "websocket")).toBe(200);
  expect(await ask("/nowhere", "websocket")).toBe(404);
});
