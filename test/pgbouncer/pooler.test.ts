/** What Postern finds out about a pooler, at the start and later, and what its connections to the server have. */
import { randomUUID } from "node:crypto";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { createClient } from "../../src/db/client.js";
import { STATEMENTS_BEHIND_POOLER } from "../../src/db/driver/pooler.js";
import { UsualTime } from "../../src/db/driver/usual-time.js";
import { testApp } from "../support/app.js";
import { POOL_SIZE, startPgbouncer } from "../support/pgbouncer.js";
import { ask, ensureBuilt, signIn, startPostern } from "../support/postern.js";
import { useSandbox } from "../support/sandbox.js";
import { SOON } from "../support/soon.js";

const quick = () => new UsualTime(0);
const pooler = inject("pooler");
const PASSWORD = "four random words of ours";

const options = { fetch_types: false, prepare: false, onnotice: () => undefined } as const;

describe.skipIf(!pooler)("behind a pooler", () => {
  const app = testApp();
  const sandbox = useSandbox();
  vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
  let database = "";
  beforeAll(async () => {
    ensureBuilt();
    database = (await app.sql`select current_database() as name`)[0]?.name;
  });

  /** @returns what the work gives on each of the pooler's connections to the server, held all at once */
  async function onEachServer<T>(
    database: string,
    work: (sql: Sql) => Promise<T>,
    connection = inject("appConnection"),
    size = POOL_SIZE,
  ): Promise<T[]> {
    const sql = postgres({ ...connection, ...options, database, max: size });
    let held = 0;
    let release = () => {};
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    try {
      return (await Promise.all(
        Array.from({ length: size }, () =>
          sql.begin(async (sql) => {
            const result = await work(sql as unknown as Sql);
            held += 1;
            if (held === size) release();
            await all;
            return result;
          }),
        ),
      )) as T[];
    } finally {
      await sql.end();
    }
  }

  const readiness = async (url: string) => (await fetch(`${url}/health/ready`)).json();

  it("says in the log, once, and in readiness whether it carries prepared statements", async () => {
    const analyst = await app.as("analyst");
    await Promise.all(Array.from({ length: 20 }, () => analyst.run("{ scans(first: 1) { totalCount } }")));
    const said = app.log.filter(({ msg }) => /prepared statements/.test(msg));
    expect(said.map(({ level, msg }) => [level, msg])).toEqual([
      pooler?.carries
        ? ["info", "a pooler before the database carries prepared statements"]
        : ["warn", "a pooler before the database carries no prepared statements: every statement is planned anew"],
    ]);
    expect(await readiness(app.url)).toEqual({
      status: "ready",
      database: "up",
      records: { waiting: 0, lost: 0 },
      pooler: { preparedStatements: pooler?.carries },
    });
  });

  it("prepares statements where they are carried, and none where they are not", async () => {
    const analyst = await app.as("analyst");
    const run = (n: number) => analyst.run("query($id: ID!) { scan(id: $id) { id status } }", { id: `${n}` });
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, (_, n) => run(n + 1)));
    const known = await onEachServer(database, (sql) =>
      sql`select count(*)::int as n from pg_prepared_statements where statement <> ${STATEMENTS_BEHIND_POOLER} and not from_sql`.then(
        ([row]) => row?.n as number,
      ),
    );
    if (pooler?.carries) expect(Math.max(...known)).toBeGreaterThan(0);
    else expect(known).toEqual(Array(POOL_SIZE).fill(0));
  });

  it("stops a statement at Postern's own deadline where the server's is later, and no other", async () => {
    const client = createClient({
      connection: { ...inject("appConnection"), database },
      poolSize: 6,
      statementTimeoutMs: 500,
    });
    onTestFinished(() => client.close());
    const [setting] = await client.query("select current_setting('statement_timeout')", [], false);
    expect(setting).toBe("10s");
    const since = performance.now();
    let isOver = false;
    const slow = client.query("select pg_sleep(20)::text, $1::text", ["slow"], true).finally(() => {
      isOver = true;
    });
    const outcome = slow.catch(({ code }) => code);
    for (let n = 0; !isOver; n++)
      expect(await client.query("select $1::text", [`${n}`], true, quick())).toEqual([`${n}`]);
    expect(await outcome).toBe("TIMEOUT");
    expect(performance.now() - since).toBeLessThan(5000);
    await vi.waitFor(
      async () =>
        expect(
          await app.sql`select from pg_stat_activity where datname = current_database() and state = 'active' and wait_event = 'PgSleep'`,
        ).toHaveLength(0),
      SOON,
    );
  });

  it.runIf(pooler?.carries)(
    "notices that it no longer carries them, and does and answers everything once",
    async () => {
      const own = await startPgbouncer(pooler!.program, inject("connection"));
      onTestFinished(own.stop);
      await app.sql`create table things (value integer)`;
      const client = createClient({ connection: { ...own.connection, database }, poolSize: 6 });
      onTestFinished(() => client.close());
      const round = async (from: number) => {
        const put = (n: number) =>
          client.db.change("insert into things (value) values ($1) returning value::text", [from + n], true);
        const echo = (n: number) => client.query("select $1::text", [`${n}`], true, quick());
        const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => Promise.all([put(n), echo(n)])));
        expect(answers).toEqual(answers.map((_, n) => [[`${from + n}`], [`${n}`]]));
      };
      for (let n = 0; n < 5; n++) await round(100 * n);
      expect(client.pooler()).toEqual({ carriesPrepared: true });
      const admin = postgres({ ...own.connection, ...options, database: "pgbouncer", max: 1 });
      await admin.unsafe("set max_prepared_statements = 0").simple();
      await admin.end();
      for (let n = 5; n < 15; n++) await round(100 * n);
      expect(client.pooler()).toEqual({ carriesPrepared: false });
      const [row] = await app.sql`select count(*)::int as all, count(distinct value)::int as different from things`;
      expect(row).toEqual({ all: 450, different: 450 });
    },
  );

  describe("that has connections from before the first start", () => {
    /** More than a new connection would find and end by itself. */
    const MANY = 8;
    let own: Awaited<ReturnType<typeof startPgbouncer>>;
    let environment: Record<string, string>;
    let sql: Sql;
    let before: number[];
    const started = `p_${randomUUID().replaceAll("-", "")}`;
    const pids = () =>
      onEachServer(
        started,
        (sql) => sql`select pg_backend_pid() as pid`.then(([row]) => row?.pid as number),
        own.connection,
        MANY,
      );
    const start = () => startPostern(sandbox.path, environment);

    beforeAll(async () => {
      const { path, username, password } = inject("connection");
      own = await startPgbouncer(pooler!.program, inject("connection"), {
        default_pool_size: MANY,
        server_idle_timeout: 600,
      });
      const { host, port } = own.connection;
      const owner = postgres({ ...options, path, username, password, database: "postern", max: 1 });
      await owner.unsafe(`create database ${started}`);
      // A pooler remembers for its clients what its first server says of some settings.
      await owner.unsafe(`alter database ${started} set timezone = 'Asia/Tokyo'`);
      await owner.end();
      sql = postgres({ ...options, path, username, password, database: started, max: 3 });
      environment = {
        DATABASE_URL: `postgres:///${started}`,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: username,
        PGPASSWORD: password,
        DEMO: "true",
        DEMO_PASSWORD: PASSWORD,
        STATEMENT_TIMEOUT_MS: "1500",
      };
      before = await pids();
    });
    afterAll(async () => {
      await sql.end();
      await own.stop();
    });

    it("has none of them when it is ready: time-out and settings hold from the first statement on", async () => {
      expect(new Set(before).size).toBe(MANY);
      const postern = start();
      const { url } = await postern.ready();
      expect(await sql`select from pg_stat_activity where pid in ${sql(before)}`).toHaveLength(0);
      const settings = await onEachServer(
        started,
        (sql) =>
          sql`select current_setting('statement_timeout') as timeout, current_setting('search_path') as path`.then(
            ([row]) => ({ ...row }),
          ),
        own.connection,
        MANY,
      );
      expect(settings).toEqual(Array(MANY).fill({ timeout: "1500ms", path: "public, pg_temp" }));
      const token = await signIn(url, "viewer@demo.example", PASSWORD);
      const blocker = await sql.reserve();
      await blocker`begin`;
      await blocker`lock table scans in access exclusive mode`;
      const since = Date.now();
      const stopped = await Promise.all(
        Array.from({ length: MANY }, () => ask(url, "{ scans { totalCount } }", token).catch(({ message }) => message)),
      );
      for (const message of stopped) expect(message).toMatch(/took longer than allowed/);
      expect(Date.now() - since).toBeLessThan(15_000);
      await blocker`rollback`;
      blocker.release();
      postern.kill("SIGTERM");
      expect(await postern.ended()).toBe(0);
    });

    it("a further start, which finds the role's settings, ends no connection", async () => {
      const kept = await pids();
      const postern = start();
      await postern.ready();
      expect(await sql`select from pg_stat_activity where pid in ${sql(kept)}`).toHaveLength(MANY);
      postern.kill("SIGTERM");
      expect(await postern.ended()).toBe(0);
    });
  });
});
