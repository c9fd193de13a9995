/** Where something answers that is no database in order, opening a connection ends in time, and what waited for it is known not to be done. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { type ClientOptions, createClient } from "../../src/db/client.js";
import { createLog } from "../../src/log.js";
import { isDeep } from "../support/deep.js";
import { openProxy } from "../support/proxy.js";
import { SOON } from "../support/soon.js";

/** Counts its connections. */
async function listen(serve: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { sockets, port: (server.address() as AddressInfo).port };
}

const open = (port: number | number[], options: Partial<ClientOptions> = {}, host: string | string[] = "127.0.0.1") => {
  const { username, password } = inject("connection");
  return createClient({
    connection: { host, port, username, password, database: "postern" } as never,
    poolSize: 1,
    statementTimeoutMs: 20_000,
    ...options,
  });
};

const message = (type: string, ...words: number[]) => {
  const bytes = Buffer.alloc(5 + 4 * words.length);
  bytes.write(type);
  [4 + 4 * words.length, ...words].forEach((word, index) => {
    bytes.writeInt32BE(word, 1 + 4 * index);
  });
  return bytes;
};
/** It is let in, and told that the server waits for statements. */
const READY = Buffer.concat([message("R", 0), message("K", 1, 2), Buffer.from([90, 0, 0, 0, 5, 73])]);

it.each<[string, (socket: Socket) => void]>([
  ["closes what it accepts", (socket) => socket.end()],
  ["closes what has begun", (socket) => socket.once("data", () => socket.end())],
  ["resets what has begun", (socket) => socket.once("data", () => socket.resetAndDestroy())],
])("a server that %s is asked ever less often, and what waited for it is not done", async (_, serve) => {
  const { sockets, port } = await listen(serve);
  const lines: { level: string; times?: number; msg: string }[] = [];
  const client = open(port, { log: createLog("info", { write: (line) => lines.push(JSON.parse(line)) }) });
  const since = performance.now();
  let asked = 0;
  for (; performance.now() - since < 1500; asked++) {
    const change = client.db.change("select 1", [], false).catch((error) => error);
    // Not "CONNECTION_CLOSED", which would mean that it may have been done.
    expect(await change).toMatchObject({ code: "UNAVAILABLE", cause: { code: "CONNECTION_ENDED" } });
    await new Promise(setImmediate);
  }
  await client.close();
  // After 25 to 50 ms, twice as many, and so on.
  expect(sockets.length).toBeGreaterThan(1);
  expect(sockets.length).toBeLessThan(8);
  expect(asked).toBeGreaterThan(sockets.length);
  expect(lines.map(({ level, times }) => [level, times])).toEqual([["warn", 1]]);
});

it("of many who wait one tries whether a server takes connections again, and then all are served", async () => {
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  let isAway = true;
  const { sockets, port } = await listen((socket) => {
    if (isAway) return void socket.end();
    const { host, port } = proxy.connection;
    const onward = connect({ host, port });
    socket.pipe(onward).pipe(socket);
    onTestFinished(() => void onward.destroy());
    onward.on("error", () => undefined);
  });
  const client = open(port, { poolSize: 8 });
  const ask = (n: number) => client.query("select $1::text", [`${n}`], false).then(([text]) => text);
  const askAll = () => Promise.all(Array.from({ length: 8 }, (_, n) => ask(n).catch(({ code }) => code)));
  expect(await askAll()).toEqual(Array(8).fill("UNAVAILABLE"));
  const before = sockets.length;
  await vi.waitFor(async () => {
    await askAll();
    expect(sockets.length).toBe(before + 1);
  }, SOON);
  isAway = false;
  await vi.waitFor(async () => expect(await askAll()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]), 3000);
  await client.close();
});

it("a server that lets in and is silent then is given up, and nothing stays open", async () => {
  const { sockets, port } = await listen((socket) => socket.once("data", () => socket.write(READY)));
  const client = open(port);
  const since = performance.now();
  const [change] = await Promise.all([
    client.db.change("select 1", [], false).catch((error) => error),
    expect.poll(() => sockets.length).toBe(1),
  ]);
  expect(change).toMatchObject({
    code: "UNAVAILABLE",
    cause: { code: "CONNECTION_ENDED", cause: { code: "CONNECT_TIMEOUT" } },
  });
  expect(performance.now() - since).toBeLessThan(8000);
  await client.close();
  await expect.poll(() => sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
});

it.runIf(isDeep)("it is given up while the client closes too", async () => {
  const { sockets, port } = await listen((socket) => socket.once("data", () => socket.write(READY)));
  const client = open(port);
  const change = client.db.change("select 1", [], false).catch(({ cause }) => cause.cause.code);
  await expect.poll(() => sockets.length).toBe(1);
  await client.close();
  expect(await change).toBe("CONNECT_TIMEOUT");
});

it("of several hosts the first that takes connections serves", async () => {
  const { port: closing } = await listen((socket) => socket.end());
  const proxy = await openProxy();
  onTestFinished(() => proxy.close());
  const client = open([1, closing, proxy.connection.port], {}, ["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  expect(await client.query("select 'served'", [], false)).toEqual(["served"]);
  await client.close();
});
