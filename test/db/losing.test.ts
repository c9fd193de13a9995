/** What goes on where connections are lost, cannot be opened, or are opened late: whatever is open serves, and nothing stays behind. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { type ClientOptions, createClient } from "../../src/db/client.js";
import { asCaller } from "../../src/values/caller.js";
import { RequestTime } from "../../src/values/request-time.js";
import { openProxy } from "../support/proxy.js";
import { SOON } from "../support/soon.js";

/** A way to the database that can refuse new connections, or hold them back. */
async function openWay() {
  const proxy = await openProxy();
  const state = { refuses: false, heldMs: 0 };
  const sockets = new Set<Socket>();
  const server = createServer(async (socket) => {
    socket.on("error", () => undefined);
    if (state.refuses) return void socket.end();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    if (state.heldMs > 0) await delay(state.heldMs);
    const onward = connect({ host: "127.0.0.1", port: proxy.connection.port });
    onward.on("error", () => undefined);
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const { port } = server.address() as AddressInfo;
  const open = (options: Partial<ClientOptions> = {}) => {
    const { username, password } = inject("connection");
    const connection = { host: "127.0.0.1", port, username, password, database: "postern" };
    const client = createClient({
      connection: connection as never,
      poolSize: 4,
      statementTimeoutMs: 20_000,
      ...options,
    });
    onTestFinished(() => client.close());
    return client;
  };
  return { state, sockets, proxy, open };
}
type Client = ReturnType<typeof createClient>;

const as = <T>(name: string, work: () => T): T => asCaller({ name, hasLeft: false }, work);
const pidOf = (client: Client, sleeps = 0) =>
  client.query("select pg_backend_pid()::text, pg_sleep($1)::text", [`${sleeps}`], false).then(([pid]) => pid);

async function terminate(pid: string) {
  const owner = createClient({ connection: { ...inject("connection"), database: "postern" }, poolSize: 1 });
  await owner.query("select pg_terminate_backend($1::int, 5000)::text", [pid], false);
  await owner.close();
}

it("what is open serves all, while no other connection can be opened", async () => {
  const { state, sockets, open } = await openWay();
  const client = open();
  const pids = await Promise.all(["a", "b", "c"].map((name) => as(name, () => pidOf(client, 0.3))));
  expect(new Set(pids).size).toBe(3);
  state.refuses = true;
  await terminate(pids[0]!);
  await vi.waitFor(() => expect(sockets.size).toBe(2), SOON);
  const rest = pids.slice(1);
  for (let n = 0; n < 20; n++) expect(rest).toContain(await pidOf(client));
  // More than are open wait for them.
  const many = await Promise.all(Array.from({ length: 12 }, (_, n) => as(`caller ${n}`, () => pidOf(client, 0.05))));
  expect(new Set(many)).toEqual(new Set(rest));
  const changes = Array.from({ length: 6 }, (_, n) => as(`${n}`, () => client.db.change("select 1", [], false)));
  expect(await Promise.all(changes)).toEqual(Array(6).fill([1]));
  state.refuses = false;
  await vi.waitFor(async () => {
    await Promise.all(["a", "b", "c"].map((name) => as(name, () => pidOf(client, 0.1))));
    expect(sockets.size).toBe(3);
  }, 5000);
});

it("a connection that is opened too late for whoever wanted it does not stay open", async () => {
  const { state, sockets, open } = await openWay();
  const client = open({ statementTimeoutMs: 200, poolSize: 1 });
  state.heldMs = 800;
  for (let n = 0; n < 3; n++) {
    await expect(client.db.transaction((db) => db.change("select 1", [], false))).rejects.toMatchObject({
      extensions: expect.not.objectContaining({ outcome: "unknown" }),
    });
  }
  state.heldMs = 0;
  await vi.waitFor(() => expect(sockets.size).toBeLessThanOrEqual(1), 5000);
  await client.close();
  await vi.waitFor(() => expect(sockets.size).toBe(0), 5000);
});

it("a pool that ends lets a transaction end that waited for its connection", async () => {
  const { open } = await openWay();
  const client = open({ poolSize: 1 });
  const transaction = () =>
    client.db.transaction(async (db) => {
      await db.change("select pg_sleep(0.2)", [], false);
      return "done";
    });
  await pidOf(client);
  const both = [transaction(), transaction()];
  const closed = client.close();
  expect(await Promise.all(both)).toEqual(["done", "done"]);
  await closed;
});

it("a look that was lost in silence is not waited for", async () => {
  const { proxy, open } = await openWay();
  const client = open();
  expect(await client.isWritable(900)).toBe(true);
  proxy.state.isFrozen = true;
  await expect(client.isWritable(300)).rejects.toMatchObject({ code: "TIMEOUT" });
  proxy.state.isFrozen = false;
  // Its connection has lost bytes, so that it never answers.
  await vi.waitFor(async () => expect(await client.isWritable(900)).toBe(true), 5000);
});

it("a change is not put behind what ends later than it must be answered", async () => {
  const { open } = await openWay();
  const client = open({ poolSize: 3, statementTimeoutMs: 2000 });
  await pidOf(client);
  const early = { name: "one", hasLeft: false, time: new RequestTime(700) };
  const late = { name: "one", hasLeft: false, time: new RequestTime(2000) };
  const sinceMs = performance.now();
  const read = asCaller(late, () => pidOf(client, 10)).catch(({ code }) => code);
  const change = asCaller(early, () => client.db.change("select 1", [], false)).catch((error) => error.code);
  expect(await change).toBe("TIMEOUT");
  expect(performance.now() - sinceMs).toBeLessThan(700 + 1000);
  expect(await read).toBe("TIMEOUT");
});
