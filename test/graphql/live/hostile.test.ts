/** What a client may do to the server by its messages: nothing stays behind, nothing fills the memory, and no fault is ours. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { createWebSockets } from "../../../src/http/websocket.js";
import { createLog } from "../../../src/log.js";
import { TIMINGS } from "../../../src/timings.js";
import { testApp } from "../../support/app.js";
import { hasten } from "../../support/fleet-app.js";
import { insertInstance, insertOperation } from "../../support/fleet-port.js";
import { begun, openLive, polls, socketUrl } from "../../support/live.js";
import { SOON } from "../../support/soon.js";

const app = testApp({ SUBSCRIPTION_LIMITS: JSON.stringify({ perActor: 1 }) }, undefined, { liveMs: 100 });

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A client that says what no library says. @param token of whom; null is somebody who has not said it */
async function raw(token: string | null) {
  const socket = new WebSocket(socketUrl(app.url), "graphql-transport-ws");
  const got: Message[] = [];
  const closed = once(socket, "close") as Promise<[number, Buffer]>;
  socket.on("message", (data) => got.push(JSON.parse(String(data))));
  await once(socket, "open");
  const say = (...messages: (Message | string)[]) => {
    for (const each of messages) socket.send(typeof each === "string" ? each : JSON.stringify(each));
  };
  if (token !== null) {
    say({ type: "connection_init", payload: { authorization: `Bearer ${token}` } });
    await vi.waitFor(() => expect(got).toEqual([{ type: "connection_ack" }]), SOON);
  }
  return { socket, got, say, closed: async () => (await closed)[0] };
}

const subscribe = (query: string, more: object = {}): Message => ({
  type: "subscribe",
  id: "1",
  payload: { query, ...more },
});
const COMPLETE: Message = { type: "complete", id: "1" };
const EVENTS = "subscription { securityEventRecorded { id } }";

const faults = () => app.log.filter(({ level }) => level === "error");

it("an id that begins again before it has ended closes the connection, and every place is given back", async () => {
  const { token } = await app.as("dba");
  const id = await insertOperation(app, await insertInstance(app, "TEST"), "RUNNING");
  const query = `subscription { operationUpdated(operationId: ${id}) { id } }`;
  const one = await raw(token);
  one.say(subscribe(query), COMPLETE, subscribe(query));
  expect(await one.closed()).toBe(4409);
  // Nobody follows anything, so nobody asks for changes, while jobs run that come less often.
  await vi.waitFor(async () => {
    const seen = polls(app);
    for (let n = 0; n < 2; n++) await hasten(app, "retention");
    expect(polls(app)).toBe(seen);
  }, SOON);
  const live = openLive(app.url, token);
  const following = live.follow(query);
  expect(await following.count(1)).toEqual([{ id }]);
  live.dispose();
});

it("an id is free again once its subscription has ended, or was refused", async () => {
  const { token } = await app.as("security");
  const one = await raw(token);
  one.say(subscribe("subscription {"));
  await vi.waitFor(() => expect(one.got[1]?.type).toBe("error"), SOON);
  await begun(app, () => one.say(subscribe(EVENTS)));
  one.say(COMPLETE, { type: "ping" });
  await vi.waitFor(() => expect(one.got.at(-1)).toEqual({ type: "pong" }), SOON);
  await begun(app, () => one.say(subscribe(EVENTS)));
  await app.sql`insert into security_events (event_type, event_status) values ('again', 'SUCCESS')`;
  await vi.waitFor(() => expect(one.got.at(-1)).toMatchObject({ id: "1", type: "next" }), SOON);
  expect(one.got.map(({ type }) => type)).not.toContain("complete");
  one.socket.terminate();
});

const DEEP = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

it.each([
  ["a token that is no text", '{"type":"connection_init","payload":{"authorization":{"toString":1}}}'],
  ["a token that is nested deeply", `{"type":"connection_init","payload":{"authorization":${DEEP}}}`],
])("%s is refused as any that is not valid", async (_, text) => {
  app.log.length = 0;
  const stranger = await raw(null);
  stranger.say(text);
  expect(await stranger.closed()).toBe(4403);
  expect(faults()).toEqual([]);
});

it("a ping is answered, whatever it brings", async () => {
  app.log.length = 0;
  const stranger = await raw(null);
  stranger.say(`{"type":"ping","payload":{"a":${DEEP}}}`);
  await vi.waitFor(() => expect(stranger.got).toEqual([{ type: "pong" }]), SOON);
  expect(faults()).toEqual([]);
  stranger.socket.terminate();
});

it("a name that no operation of the document has is refused as over HTTP", async () => {
  app.log.length = 0;
  const { token } = await app.as("security");
  const one = await raw(token);
  one.say(subscribe(EVENTS, { operationName: "nobody" }));
  await vi.waitFor(() => expect(one.got[1]?.type).toBe("error"), SOON);
  const { errors } = await app.withToken(token).run("{ viewer { role } }", {}, {}, "nobody");
  const { code, field } = errors![0]!.extensions;
  expect(one.got[1]?.payload).toMatchObject([{ message: errors![0]!.message, extensions: { code, field } }]);
  expect(faults()).toEqual([]);
  one.socket.terminate();
});

it("too many messages, or too many pings, close a connection, and nothing more is read of it", async () => {
  const talker = await raw(null);
  for (let n = 0; n < 5000; n++) talker.say({ type: "ping" });
  expect(await talker.closed()).toBe(1008);
  expect(talker.got.length).toBeLessThan(5000);
  const pinger = await raw(null);
  for (let n = 0; n < 5000; n++) pinger.socket.ping();
  expect(await pinger.closed()).toBe(1008);
});

it("a server that hands over every upgrade still opens only those that may connect", async () => {
  const server = createServer();
  const live = { serve: () => async () => undefined, hasRoom: () => true };
  const config = { corsOrigins: [], trustedProxies: 0 };
  createWebSockets({ config, path: "/graphql", live, timings: TIMINGS, log: createLog("silent") }).serve(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  for (const [path, origin] of [
    ["/graphql", "https://evil.example"],
    ["/elsewhere", undefined],
  ] as const) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { ...(origin && { origin }) });
    const [error] = await once(socket, "error");
    expect(error.message).toBe("socket hang up");
  }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`);
  await once(socket, "open");
  socket.terminate();
  server.close();
});
