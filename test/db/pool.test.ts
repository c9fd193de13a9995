/** Which connection a statement goes to: one that has nothing to do, and never one that a transaction holds while another is free. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { sql } from "drizzle-orm";
import { afterEach, beforeAll, beforeEach, expect, inject, it, vi } from "vitest";
import { type Client, createClient, type Db } from "../../src/db/client.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { organizations } from "../../src/modules/identity/organizations/organizations.table.js";
import { asCaller } from "../../src/values/caller.js";
import { testApp } from "../support/app.js";
import { SOON } from "../support/soon.js";

const quick = () => new UsualTime(0);
const app = testApp();
const SIZE = 6;
const LOCK = 42;
let client: Client;
let database = "";

beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]!.name;
});
// Each test has its own, because which connections are open decides where a statement goes.
beforeEach(() => {
  client = createClient({ connection: { ...inject("connection"), database }, poolSize: SIZE });
});
afterEach(() => client.close());

const backend = async () => (await client.query("select pg_backend_pid()::text", [], false))[0];
const waitForLock = () => client.query("select pg_advisory_xact_lock_shared($1)::text", [LOCK], false);
const waiting = async () =>
  (
    await app.sql`select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted and database = (
    select oid from pg_database where datname = current_database())`
  )[0]?.n;
/** Each for somebody else, since nobody gets all connections. */
const forEach = <T>(length: number, work: () => T) =>
  Array.from({ length }, (_, n) => asCaller({ name: `caller ${n}`, hasLeft: false }, work));
const untilWaiting = (n: number) => vi.waitFor(async () => expect(await waiting()).toBe(n), SOON);

/** @returns what is done while somebody else holds the lock */
const locked = <T>(work: () => Promise<T>) =>
  app.sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`;
    return work();
  });

it("one after the other go to the same connection", async () => {
  const first = await backend();
  for (let n = 0; n < 20; n++) expect(await backend()).toBe(first);
});

it("a statement that fails amid its rows leaves those of the next on its connection as they are", async () => {
  const single = createClient({ connection: { ...inject("connection"), database }, poolSize: 1 });
  const fail = () => single.db.execute(sql`select 6 / (2 - n) from generate_series(1, 2) n`);
  await expect(fail()).rejects.toThrow();
  expect([...(await single.db.execute(sql`select n from generate_series(7, 8) n`))]).toEqual([{ n: 7 }, { n: 8 }]);
  await expect(fail()).rejects.toThrow();
  expect([...(await single.query("select 7::text", [], false))]).toEqual(["7"]);
  await single.close();
});

it("a statement goes past connections on which others run", async () => {
  const running = await locked(async () => {
    const running = forEach(SIZE - 1, waitForLock);
    await untilWaiting(SIZE - 1);
    const found = new Set<unknown>();
    for (let n = 0; n < 20; n++) found.add(await backend());
    expect(found.size).toBe(1);
    return { running };
  });
  await Promise.all(running.running);
});

it("a statement goes past connections that transactions hold, however many others run on the last", async () => {
  const over = await locked(async () => {
    const transactions = forEach(SIZE - 1, () =>
      client.db.transaction((db) => db.execute(sql`select pg_advisory_xact_lock_shared(${LOCK})`)),
    );
    await untilWaiting(SIZE - 1);
    const backends = await Promise.all(Array.from({ length: 50 }, backend));
    expect(new Set(backends).size).toBe(1);
    return { transactions };
  });
  await Promise.all(over.transactions);
});

it("where transactions hold all connections, statements and transactions wait for one, and all are done", async () => {
  const all = await locked(async () => {
    const transactions = forEach(2 * SIZE, () =>
      client.db.transaction(async (db) => {
        await db.execute(sql`select pg_advisory_xact_lock_shared(${LOCK})`);
        return db.execute(sql`select 1`);
      }),
    );
    await untilWaiting(SIZE);
    return { transactions, backends: Array.from({ length: 10 }, backend) };
  });
  expect(await Promise.all(all.transactions)).toHaveLength(2 * SIZE);
  expect(await Promise.all(all.backends)).toHaveLength(10);
});

it("statements that are soon done share a connection in one turn of the event loop, eight at most", async () => {
  const together = async () => (await client.query("select pg_backend_pid()::text", [], false, quick()))[0];
  const backends = await Promise.all(Array.from({ length: 20 }, together));
  const counts = Object.values(Object.groupBy(backends, (backend) => `${backend}`)).map((each) => each?.length);
  expect(counts.sort()).toEqual([4, 8, 8]);
  // The next turn begins anew, past what still runs where the last went.
  for (let n = 0; n < 8; n++) await together();
  const running = await locked(async () => {
    const running = waitForLock();
    await untilWaiting(1);
    const [one, other] = await Promise.all([together(), together()]);
    expect(one).toBe(other);
    return { running };
  });
  await running.running;
});

const KILL = "select pg_terminate_backend(pg_backend_pid())::text";
const killFrom = (pid: unknown) => app.sql`select pg_terminate_backend(${pid as string}::int)`;
const LOSSES: Record<string, () => Promise<unknown>> = {
  "a statement": () => client.query(KILL, [], false),
  "statements one behind the other": () =>
    Promise.any([client.query(KILL, [], false, quick()), client.query("select 1::text", [], false, quick())]),
  "a transaction": () => client.db.transaction((db) => db.execute(sql.raw(KILL))),
  "a transaction that goes on": () =>
    client.db.transaction(async (db) => {
      await db.execute(sql.raw(KILL)).catch(() => undefined);
      await db.execute(sql`insert into organizations (name, domain) values ('lost', 'lost.example')`);
    }),
  "a transaction that waits": async () => {
    const { promise: others, resolve } = Promise.withResolvers<unknown>();
    const transaction = client.db.transaction(async (db) => {
      await killFrom((await db.execute(sql`select pg_backend_pid()::text as pid`))[0]?.pid);
      // Others come meanwhile, and the connection has closed.
      resolve(Promise.all(forEach(20, backend)));
      await others;
      await db.execute(sql`insert into organizations (name, domain) values ('lost', 'lost.example')`);
    });
    // It fails at once, while the others still have connections, or have not even come.
    await transaction.finally(() => others);
  },
  "a transaction that goes on with rows": () =>
    client.db.transaction(async (db) => {
      await db.execute(sql.raw(KILL)).catch(() => undefined);
      await db
        .insert(organizations)
        .values({ name: "lost", domain: "lost.example" })
        .returning({ id: organizations.id });
    }),
  "a transaction with two statements at once": () =>
    client.db.transaction(async (db) => {
      await Promise.all([
        db.execute(sql.raw(KILL)),
        db.execute(sql`insert into organizations (name, domain) values ('lost', 'lost.example')`),
      ]);
    }),
  "a savepoint": () =>
    client.db.transaction((db) => db.transaction((inner) => inner.execute(sql.raw(KILL)).then(() => undefined))),
};

it.each(Object.keys(LOSSES))("where the connection is lost under %s, only that fails", async (name) => {
  const first = await backend();
  await expect(LOSSES[name]!()).rejects.toSatisfy(
    (error: { code?: string; errors?: { code: string }[] }) =>
      (error.code ?? error.errors?.map(({ code }) => code).join()) !== "INTERNAL_SERVER_ERROR",
  );
  const second = await backend();
  expect(second).not.toBe(first);
  // The first of the connections again.
  for (let n = 0; n < 5; n++) expect(await backend()).toBe(second);
  // A backend that ends is listed for a moment longer.
  await vi.waitFor(async () => {
    const known =
      await app.sql`select pid::text from pg_stat_activity where pid::text in ${app.sql([first!, second!])}`;
    expect([...known]).toEqual([{ pid: second }]);
  }, SOON);
  expect(await client.db.transaction((db) => db.execute(sql`select 1 as one`))).toEqual([{ one: 1 }]);
  expect((await app.sql`select count(*)::int as n from organizations where name = 'lost'`)[0]?.n).toBe(0);
});

it("what is not answered in time takes its connection with it, and no other statement gets its answer", async () => {
  const { path, username, password } = inject("connection");
  const sockets: Socket[] = [];
  let isFrozen = false;
  const proxy = createServer((socket) => {
    const behind = connect(path);
    for (const each of [socket, behind]) each.on("error", () => undefined);
    sockets.push(socket, behind);
    socket.on("data", (data) => isFrozen || behind.write(data));
    behind.on("data", (data) => isFrozen || socket.write(data));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const connection = { host: "127.0.0.1", port, username, password, database };
  const frozen = createClient({ connection, poolSize: 1, statementTimeoutMs: 1000 });
  const echo = (n: number) => frozen.query("select $1::text", [`${n}`], true, quick());
  try {
    expect(await echo(1)).toEqual(["1"]);
    isFrozen = true;
    const codes = await Promise.all([2, 3, 4].map((n) => echo(n).catch(({ code }) => code)));
    expect(codes[0]).toBe("TIMEOUT");
    for (const code of codes) expect(["TIMEOUT", "UNAVAILABLE"]).toContain(code);
    isFrozen = false;
    for (const n of [5, 6, 7]) expect(await echo(n)).toEqual([`${n}`]);
    // Nor is the process ended where nothing listens any more.
    isFrozen = true;
    proxy.close();
    expect(await echo(8).catch(({ code }) => code)).toBe("TIMEOUT");
    expect(await echo(9).catch(({ code }) => code)).toBe("UNAVAILABLE");
  } finally {
    for (const socket of sockets) socket.destroy();
    await frozen.close();
  }
});

it("lets a transaction end before it closes", async () => {
  const closing = createClient({ connection: { ...inject("connection"), database }, poolSize: 1 });
  let isOver = false;
  const over = closing.db.transaction(async (db) => {
    await db.execute(sql`select 1`);
    const closed = closing.close().then(() => isOver);
    await new Promise((resolve) => setImmediate(resolve));
    const [row] = await db.execute(sql`select 2 as two`);
    isOver = true;
    return { row, closed };
  });
  const { row, closed } = await over;
  expect([row, await closed]).toEqual([{ two: 2 }, true]);
});

it("does not take a transaction for done in which a statement failed, whoever caught it", async () => {
  const work = client.db.transaction(async (db) => {
    await db.execute(sql`insert into organizations (name, domain) values ('swallowed', 'swallowed.example')`);
    await db.execute(sql`select 1/0`).catch(() => undefined);
  });
  await expect(work).rejects.toMatchObject({ code: "INTERNAL_SERVER_ERROR" });
  expect((await app.sql`select count(*)::int as n from organizations where name = 'swallowed'`)[0]?.n).toBe(0);
});

it("undoes a savepoint alone", async () => {
  await client.db.transaction(async (db) => {
    await db.execute(sql`create temporary table kept (n int) on commit drop`);
    await db.transaction((inner) => inner.execute(sql`insert into kept values (1)`));
    const failing = db.transaction(async (inner) => {
      await inner.execute(sql`insert into kept values (2)`);
      await inner.execute(sql`select 1/0`);
    });
    await expect(failing).rejects.toThrow();
    expect([...(await db.execute(sql`select n from kept`))]).toEqual([{ n: 1 }]);
  });
});

it("replaces connections after their time, but for those that transactions hold, until they end", async () => {
  const first = await backend();
  const pidOf = async (db: Db) => (await db.execute(sql`select pg_backend_pid()::text as pid`))[0]?.pid;
  const inTransaction = <T>(name: string, work: (db: Db) => Promise<T>) =>
    asCaller({ name, hasLeft: false }, () => client.db.transaction(work));
  try {
    const [old, waited] = await inTransaction("a", (a) =>
      inTransaction("b", (b) =>
        inTransaction("c", async (c) => {
          const before = await Promise.all([a, b, c].map(pidOf));
          vi.useFakeTimers({ now: Date.now() + 1_800_001, toFake: ["Date"] });
          const waiting = backend();
          expect(await Promise.all([a, b, c].map(pidOf))).toEqual(before);
          return [before, { waiting }] as const;
        }),
      ),
    );
    expect(old).toContain(first);
    expect(old).not.toContain(await waited.waiting);
    for (let n = 0; n < SIZE; n++) expect(old).not.toContain(await backend());
  } finally {
    vi.useRealTimers();
  }
  await vi.waitFor(
    async () =>
      expect((await app.sql`select count(*)::int as n from pg_stat_activity where pid::text = ${first!}`)[0]?.n).toBe(
        0,
      ),
    SOON,
  );
});

it("a statement that comes while the driver ends an idle connection is done once, on the next one", async () => {
  const idle = createClient({ connection: { ...inject("connection"), database }, poolSize: 1 });
  const INSERT = "insert into organizations (name, domain) values ('idle', $1) returning pg_backend_pid()::text";
  const insert = (n: number) => idle.db.change(INSERT, [`idle-${n}.example`], true);
  try {
    const first = await insert(0);
    // The driver's timer of an idle connection, and no other.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const again = await insert(1);
    vi.advanceTimersByTime(60_000);
    const changes = [2, 3, 4].map(insert);
    vi.useRealTimers();
    const pids = await Promise.all(changes);
    expect(again).toEqual(first);
    expect(pids).not.toContainEqual(first);
    const rows = await app.sql`select domain from organizations where name = 'idle' order by id`;
    expect(rows.map(({ domain }) => domain)).toEqual([0, 1, 2, 3, 4].map((n) => `idle-${n}.example`));
  } finally {
    vi.useRealTimers();
    await idle.close();
  }
});

it("what failed or was undone no longer counts", async () => {
  const first = await backend();
  await expect(client.query("select 1/0", [], false)).rejects.toThrow();
  await expect(client.db.execute(sql`select 1/0`)).rejects.toThrow();
  await expect(client.db.transaction(() => Promise.reject(new Error("undone")))).rejects.toThrow();
  expect(await backend()).toBe(first);
});
