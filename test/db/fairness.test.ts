/** No caller keeps the others from the database, however much it asks at once. */
import { afterAll, beforeAll, expect, inject, it, onTestFinished, vi } from "vitest";
import { type Client, createClient } from "../../src/db/client.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { ANONYMOUS_SHARE, asCaller } from "../../src/values/caller.js";
import { testApp } from "../support/app.js";

const quick = () => new UsualTime(0);
vi.setConfig({ testTimeout: 60_000 });

const app = testApp({ STATEMENT_TIMEOUT_MS: "30000" });
const SIZE = 6;
const LOCK = 43;
let client: Client;

beforeAll(async () => {
  const database = (await app.sql`select current_database() as name`)[0]!.name;
  client = createClient({ connection: { ...inject("connection"), database }, poolSize: SIZE });
});
afterAll(() => client.close());

const as = <T>(name: string, work: () => T): T => asCaller({ name, hasLeft: false }, work);
const query = (name: string, text: string, parameters: unknown[], isQuick: boolean) =>
  as(name, () => client.query(text, parameters, false, isQuick ? quick() : undefined));
const waitForLock = (name: string, isQuick: boolean) =>
  query(name, "select pg_advisory_xact_lock_shared($1)::text", [LOCK], isQuick);
const echo = async (name: string, text: string) => (await query(name, "select $1::text", [text], true))[0];
const waiting = async () =>
  (
    await app.sql`select count(*)::int as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  )[0]?.n;

const untilWaiting = (n: number) => vi.waitFor(async () => expect(await waiting()).toBe(n), { timeout: 15_000 });

/** @returns what is done while somebody else holds the lock */
const locked = <T>(work: () => Promise<T>) =>
  app.sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`;
    return work();
  });

it.each([
  ["statements", false],
  ["statements that are said to be soon done", true],
])("24 slow %s of one caller hold half of the connections, and nobody else waits behind them", async (_, isQuick) => {
  const over = await locked(async () => {
    const slow = Array.from({ length: 24 }, () => waitForLock("slow", isQuick));
    await untilWaiting(SIZE / 2);
    const texts = Array.from({ length: 60 }, (_, n) => `${n}`);
    expect(await Promise.all(texts.map((text) => echo("other", text)))).toEqual(texts);
    for (const text of texts) expect(await echo(`caller ${text}`, text)).toBe(text);
    expect(await waiting()).toBe(SIZE / 2);
    return { slow };
  });
  expect(await Promise.all(over.slow)).toHaveLength(24);
});

it("the second who asks for much leaves something to the third", async () => {
  const over = await locked(async () => {
    const slow = ["one", "two", "three"].flatMap((name) => Array.from({ length: 9 }, () => waitForLock(name, false)));
    await untilWaiting(5);
    expect(await echo("four", "4")).toBe("4");
    return { slow };
  });
  expect(await Promise.all(over.slow)).toHaveLength(27);
});

it("callers of one share have half of the connections together, however many they are", async () => {
  const over = await locked(async () => {
    const slow = Array.from({ length: 24 }, (_, n) =>
      asCaller({ name: `address ${n}`, share: ANONYMOUS_SHARE, hasLeft: false }, () =>
        client.query("select pg_advisory_xact_lock_shared($1)::text", [LOCK], false),
      ),
    );
    await untilWaiting(SIZE / 2);
    expect(await echo("user", "at once")).toBe("at once");
    expect(await waiting()).toBe(SIZE / 2);
    return { slow };
  });
  expect(await Promise.all(over.slow)).toHaveLength(24);
});

it("transactions count as statements do", async () => {
  const over = await locked(async () => {
    const transactions = Array.from({ length: 9 }, () =>
      as("slow", () =>
        client.db.transaction((db) => db.change("select pg_advisory_xact_lock_shared($1)::text", [LOCK], false)),
      ),
    );
    await untilWaiting(SIZE / 2);
    expect(await echo("other", "1")).toBe("1");
    return { transactions };
  });
  expect(await Promise.all(over.transactions)).toHaveLength(9);
});

it("those who wait come in turn, each caller with one statement", async () => {
  const narrow = createClient({ connection: { ...inject("connection"), database: "postern" }, poolSize: 1 });
  const order: string[] = [];
  const ask = (name: string) => as(name, () => narrow.query("select 1::text", [], false)).then(() => order.push(name));
  try {
    await Promise.all(["a", "a", "a", "a", "b", "b", "c"].map(ask));
    expect(order.join("")).toBe("aabcaba");
  } finally {
    await narrow.close();
  }
});

it("who asks for too much is refused, and nobody else", async () => {
  const over = await locked(async () => {
    const asked = Array.from({ length: 600 }, () => waitForLock("much", false).catch(({ code }) => code));
    expect(await echo("other", "1")).toBe("1");
    return { asked };
  });
  const outcomes = await Promise.all(over.asked);
  expect(outcomes.filter((outcome) => outcome === "UNAVAILABLE")).toHaveLength(100);
});

it("over HTTP: while 24 requests of one user wait, another user is answered, and so is nobody known", async () => {
  const [analyst, admin] = [await app.as("analyst"), await app.as("admin")];
  const scans = "{ scans(first: 1) { nodes { id } } }";
  const organizations = "{ organizations(first: 2) { nodes { id } } }";
  const over = await app.sql.begin(async (sql) => {
    await sql`lock table scans in access exclusive mode`;
    const slow = Array.from({ length: 24 }, () => analyst.run(scans));
    // Where Postern itself had a connection just then, those that came went behind one another, and the next gets it.
    await vi.waitFor(
      async () => {
        const n = await waiting();
        if (n < 5) slow.push(analyst.run(scans));
        expect(n).toBe(5);
      },
      { timeout: 15_000 },
    );
    for (let n = 0; n < 10; n++) expect((await admin.run(organizations)).status).toBe(200);
    const refused = `mutation { signIn(input: { email: "a@b.example", password: "none of them" }) { accessToken } }`;
    expect((await app.anonymous.run(refused)).code).toBe("UNAUTHENTICATED");
    expect(await waiting()).toBe(5);
    return { slow };
  });
  const statuses = (await Promise.all(over.slow)).map(({ status }) => status);
  expect(statuses).toEqual(Array(over.slow.length).fill(200));
});

it("what shares a connection shares none on which a slow statement of the caller before has come", async () => {
  const connection = { ...inject("connection"), database: (await app.sql`select current_database() as name`)[0]!.name };
  const small = createClient({ connection, poolSize: 2, statementTimeoutMs: 5000 });
  onTestFinished(() => small.close());
  const read = (name: string, text: string, isQuick: boolean, parameters: unknown[] = []) =>
    as(name, () => small.query(text, parameters, false, isQuick ? quick() : undefined).catch(({ code }) => [code]));
  const over = await locked(async () => {
    const first = read("one", "select 'first'", true);
    const slow = read("one", "select pg_advisory_xact_lock_shared($1)::text", false, [LOCK]);
    const other = read("other", "select 'other'", true);
    expect(await Promise.all([first, other])).toEqual([["first"], ["other"]]);
    return { slow };
  });
  expect(await over.slow).toEqual([""]);
});

/** Of some strangers, in one turn of the event loop. */
const strangers = async () => {
  const texts = Array.from({ length: 6 }, (_, n) => `${n}`);
  expect(await Promise.all(texts.map((text) => echo(`caller ${text}`, text)))).toEqual(texts);
};

it("a read that is slow, but is said to be soon done, is stopped for those behind it, and sent again alone", async () => {
  const read = quick();
  const sent: string[] = [];
  const database = (await app.sql`select current_database() as name`)[0]!.name;
  const small = createClient({
    connection: { ...inject("connection"), database },
    poolSize: 2,
    onStatement: (text) => sent.push(text),
  });
  onTestFinished(() => small.close());
  const ask = (name: string, text: string, parameters: unknown[], usual: UsualTime) =>
    as(name, () => small.query(text, parameters, false, usual));
  const SLOW = "select pg_advisory_xact_lock_shared($1)::text, 'slow'";
  const over = await locked(async () => {
    // Two runs of the same: the first is stopped, and then the second.
    const slow = [0, 1].map(() => ask("slow", SLOW, [LOCK], read));
    const others = Array.from({ length: 6 }, (_, n) => ask(`caller ${n}`, "select $1::text", [`${n}`], quick()));
    expect(await Promise.all(others)).toEqual(Array.from({ length: 6 }, (_, n) => [`${n}`]));
    expect(read.isQuick).toBe(false);
    return { slow };
  });
  expect(await Promise.all(over.slow)).toEqual([
    ["", "slow"],
    ["", "slow"],
  ]);
  expect(sent.filter((text) => text === SLOW)).toHaveLength(4);
});

it("nobody's read waits behind a change, which is not stopped for others", async () => {
  await app.sql`create table done (text text)`;
  const INSERT = `with locked as (select pg_advisory_xact_lock_shared($1))
    insert into done select 'once' from locked returning text`;
  const over = await locked(async () => {
    const change = as("changes", () => client.db.change(INSERT, [LOCK], false, quick()));
    await strangers();
    await untilWaiting(1);
    return { change };
  });
  expect(await over.change).toEqual(["once"]);
  expect(await app.sql`select text from done`).toEqual([{ text: "once" }]);
});

it("a run that fails tells that it may take long, and not that it is quick", async () => {
  const [slow, failing] = [quick(), new UsualTime()];
  const fail = (usual: UsualTime, seconds: number) =>
    as("one", () => client.query("select 1 / (length(pg_sleep($1)::text) * 0)", [seconds], false, usual)).catch(
      ({ code }) => code,
    );
  for (let n = 0; n < 3; n++) expect(await fail(slow, 0.05)).toBe("INTERNAL_SERVER_ERROR");
  for (let n = 0; n < 30; n++) expect(await fail(failing, 0)).toBe("INTERNAL_SERVER_ERROR");
  expect([slow.isQuick, failing.isQuick]).toEqual([false, false]);
});

it("an answer that comes while the process is busy is no slow one", async () => {
  const usual = quick();
  const ask = (name: string) => as(name, () => client.query("select 'soon'", [], false, usual));
  // Their connection is open, so that both are with the server before the process is busy.
  await Promise.all(["one", "two"].map(ask));
  const asked = ["one", "two"].map(ask);
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  const until = performance.now() + 400;
  while (performance.now() < until);
  expect(await Promise.all(asked)).toEqual([["soon"], ["soon"]]);
  expect(usual.ms).toBeLessThan(100);
});

it("what has been quick for a while shares connections, also of callers that have other such statements under way", async () => {
  const usual = new UsualTime();
  const backend = (name: string) => as(name, () => client.query("select pg_backend_pid()::text", [], true, usual));
  const backends = async () => {
    const asked = await Promise.all(Array.from({ length: 16 }, (_, n) => backend(`caller ${n % 8}`)));
    return new Set(asked.map(([pid]) => pid)).size;
  };
  expect(await backends()).toBe(SIZE);
  for (let n = 0; n < 20; n++) await backend("one");
  expect(await backends()).toBe(2);
});
