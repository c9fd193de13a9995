/** What the driver sends a second time by itself, and what it must not: a statement is done once, and answered with its own answer. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { sql } from "drizzle-orm";
import { afterEach, beforeAll, beforeEach, expect, inject, it, onTestFinished } from "vitest";
import { type Client, createClient } from "../../src/db/client.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { testApp } from "../support/app.js";

const quick = () => new UsualTime(0);
const app = testApp();
let database = "";
let client: Client;
beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]?.name;
});
beforeEach(async () => {
  await app.sql`create table things (value integer unique, note text)`;
  client = createClient({ connection: { ...inject("connection"), database }, poolSize: 1 });
});
afterEach(async () => {
  await client.close();
  await app.sql`drop table things`;
});

const PUT = "insert into things (value) values ($1) returning *";
const put = (value: number) => client.db.change(PUT, [value], true);
const all = (least: number, together = false) =>
  client.query(
    "select * from things where value >= $1 order by value desc",
    [least],
    true,
    together ? quick() : undefined,
  );
const values = async () => (await app.sql`select value::text from things order by value`).map(({ value }) => value);
const pid = async () => (await client.query("select pg_backend_pid()::text", [], false))[0];
/** What another replica does at its start; plans of before answer other columns then. */
const migrate = () => app.sql`alter table things alter value type text`;

const OUTDATES: Record<string, () => Promise<unknown>> = {
  "another replica's migration (0A000)": migrate,
  "the names of all statements being forgotten (26000)": () => client.db.execute(sql`deallocate all`),
};

it.each(Object.keys(OUTDATES))(
  "after %s statements are answered, each with its own, and changes done once",
  async (name) => {
    expect(await put(1)).toEqual([1, null]);
    expect(await put(2)).toEqual([2, null]);
    expect(await all(1)).toEqual([2, null]);
    await OUTDATES[name]!();
    expect((await put(3)).map(String)).toEqual(["3", "null"]);
    expect(await values()).toEqual(["1", "2", "3"]);
    expect((await all(1)).map(String)).toEqual(["3", "null"]);
  },
);

it.each(Object.keys(OUTDATES))("after %s those that travel together keep their own answers", async (name) => {
  for (let value = 1; value <= 8; value++) await put(value);
  const least = [8, 7, 6, 5, 4, 3, 2, 1];
  const ask = () =>
    Promise.all(
      least.map((n) =>
        client.query("select *, $1::text from things where value::text = $1 order by value", [`${n}`], true, quick()),
      ),
    );
  const before = await ask();
  await OUTDATES[name]!();
  expect((await ask()).map((row) => row.map(String))).toEqual(before.map((row) => row.map(String)));
});

it.each(Object.keys(OUTDATES))(
  "after %s a fault is the statement's own, and not that its plan is outdated",
  async (name) => {
    await put(1);
    await expect(put(1)).rejects.toMatchObject({ code: "CONFLICT", cause: { code: "23505" } });
    await OUTDATES[name]!();
    await expect(put(1)).rejects.toMatchObject({ code: "CONFLICT", cause: { code: "23505" } });
    expect(await values()).toEqual(["1"]);
  },
);

it.each(Object.keys(OUTDATES))("after %s a transaction is undone, and may be sent again", async (name) => {
  const work = (value: number, between: () => Promise<unknown>) =>
    client.db.transaction(async (db) => {
      await between();
      await db.execute(sql`insert into things (value) values (1000)`);
      await db.change(PUT, [value], true);
    });
  await put(1);
  await OUTDATES[name]!();
  await expect(work(2, async () => undefined)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(await values()).toEqual(["1"]);
  await work(3, async () => undefined);
  expect(await values()).toEqual(["1", "1000", "3"]);
});

it("a connection whose statements were outdated is not kept", async () => {
  const first = await pid();
  await put(1);
  expect(await pid()).toBe(first);
  await migrate();
  await put(2);
  expect(await pid()).not.toBe(first);
});

/** Ends the server's process where the driver has been told what the statement's parameters are, before it sends them. */
async function cutBetweenParseAndBind() {
  const sockets: Socket[] = [];
  let cuts = 0;
  const state = { isCutting: false, binds: 0 };
  const { path } = inject("connection");
  const server = createServer((socket) => {
    const behind = connect(path);
    sockets.push(socket, behind);
    for (const each of [socket, behind]) each.on("error", () => undefined);
    socket.on("data", async (data) => {
      if (data[0] === "B".charCodeAt(0)) {
        state.binds += 1;
        if (state.isCutting) {
          cuts += 1;
          const ended = app.sql`
            select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and query like 'insert into things%'`;
          // The test may be over before the server has said so.
          await ended.catch(() => undefined);
        }
      }
      behind.write(data);
    });
    behind.on("data", (data) => socket.write(data));
    socket.on("close", () => behind.end());
    behind.on("close", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { username, password } = inject("connection");
  const { port } = server.address() as AddressInfo;
  const connection = { host: "127.0.0.1", port, username, password, database };
  return { state, connection, cuts: () => cuts };
}

it("a connection that is lost between parse and bind (57P01) loses the statement, and sends nothing again", async () => {
  const proxy = await cutBetweenParseAndBind();
  const cut = createClient({ connection: proxy.connection, poolSize: 1 });
  onTestFinished(() => cut.close());
  await cut.query("select $1::text", ["open"], true);
  proxy.state.isCutting = true;
  proxy.state.binds = 0;
  await expect(cut.db.change(PUT, [1], true)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    extensions: { outcome: "unknown" },
  });
  proxy.state.isCutting = false;
  expect(await cut.query("select $1::text", ["next"], true)).toEqual(["next"]);
  expect([proxy.cuts(), proxy.state.binds, await values()]).toEqual([1, 2, []]);
});
