/** A database that is away, slow, or takes back its connections: 503 and 504, and everything is well again after. */
import { sql } from "drizzle-orm";
import { beforeAll, expect, inject, it, vi } from "vitest";
import { createClient } from "../../src/db/client.js";
import { testApp } from "../support/app.js";

const app = testApp({ STATEMENT_TIMEOUT_MS: "2000" });
const VIEWER_SCANS = "{ scans(first: 1) { nodes { id } } }";
const CREATE = `mutation { createScan(input: { organizationId: "1", targetUrl: "https://hunter2Secret/", scanType: "T" }) { scan { id } } }`;

let database = "";
beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]!.name;
});

/** From another database, because this one is about to be closed. */
async function fromOutside(...statements: string[]) {
  const owner = createClient({ connection: { ...inject("connection"), database: "postern" }, poolSize: 1 });
  for (const statement of statements) await owner.db.execute(sql.raw(statement));
  await owner.close();
}
const cut = () => `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`;
const close = () => fromOutside(`alter database ${database} allow_connections false`, cut());
const open = () => fromOutside(`alter database ${database} allow_connections true`);
const health = async (path: string) => {
  const response = await fetch(`${app.url}/health/${path}`);
  return [response.status, await response.json()];
};

it("a database that is away is UNAVAILABLE for reads, writes and signing in, soon; and then all is well again", async () => {
  const analyst = await app.as("analyst");
  expect((await analyst.run(VIEWER_SCANS)).status).toBe(200);
  app.log.length = 0;
  await close();
  const started = performance.now();
  const signIn = `mutation { signIn(input: { email: "a@b.example", password: "hunter2Secret" }) { accessToken } }`;
  for (const document of [VIEWER_SCANS, CREATE, signIn]) {
    const { status, code, errors } = await analyst.run(document, {}, { "x-request-id": "away" });
    expect.soft([status, code]).toEqual([503, "UNAVAILABLE"]);
    expect.soft(errors?.[0]?.message).toBe("The database does not answer. Try again in a moment.");
  }
  expect.soft(performance.now() - started).toBeLessThan(10_000);
  // What needs no database goes on.
  expect.soft((await analyst.run("{ viewer { role } }")).data).toEqual({ viewer: { role: "ANALYST" } });
  expect.soft(await health("live")).toEqual([200, { status: "live" }]);
  const down = { status: "not ready", database: "down", records: { waiting: 1, lost: 0 } };
  await vi.waitFor(async () => expect(await health("ready")).toEqual([503, down]), 10_000);
  expect.soft(JSON.stringify(app.log)).not.toMatch(/hunter2Secret|insert into|\.s\.PGSQL/);
  await open();
  // A connection of its own, which a busy machine may take long to open.
  await vi.waitFor(
    async () =>
      expect(await health("ready")).toEqual([
        200,
        { status: "ready", database: "up", records: { waiting: 0, lost: 0 } },
      ]),
    5000,
  );
  expect((await analyst.run(VIEWER_SCANS)).status).toBe(200);
  expect((await analyst.run(CREATE)).status).toBe(200);
});

it("a restart of the database costs no more than the requests under way", async () => {
  const analyst = await app.as("analyst");
  await fromOutside(cut());
  const answers = [];
  for (let n = 0; n < 5; n++) answers.push(await analyst.run(VIEWER_SCANS));
  for (const { status } of answers) expect([200, 503]).toContain(status);
  expect(answers.at(-1)?.status).toBe(200);
});

it("a statement that takes too long is stopped: TIMEOUT for reads and writes, nothing written", async () => {
  const analyst = await app.as("analyst");
  const before = await app.sql`select count(*)::int as n from scans`;
  app.log.length = 0;
  const answers = await app.sql.begin(async (sql) => {
    await sql`set local statement_timeout = 0`;
    await sql`lock table scans in access exclusive mode`;
    return [await analyst.run(VIEWER_SCANS), await analyst.run(CREATE, {}, { "x-request-id": "slow" })];
  });
  for (const { status, code, errors } of answers) {
    expect([status, code]).toEqual([504, "TIMEOUT"]);
    expect(errors?.[0]?.message).toBe("This took longer than allowed and was stopped. Ask for less at once.");
  }
  expect(JSON.stringify(app.log)).not.toMatch(/hunter2Secret|insert into/);
  expect(await app.sql`select count(*)::int as n from scans`).toEqual(before);
  const record = () => app.sql`select success, result->>'code' as code from audit_logs where request_id = 'slow'`;
  // The connection of the records was cut too, and may notice it only now.
  await vi.waitFor(async () => expect(await record()).toEqual([{ success: false, code: "TIMEOUT" }]), 5000);
  expect((await analyst.run(CREATE)).status).toBe(200);
});

it("a change that has had its time waits no second one for its record", async () => {
  const analyst = await app.as("analyst");
  const { answer, tookMs } = await app.sql.begin(async (sql) => {
    await sql`set local statement_timeout = 0`;
    await sql`lock table scans, audit_logs in access exclusive mode`;
    const since = performance.now();
    const answer = await analyst.run(CREATE, {}, { "x-request-id": "twice" });
    return { answer, tookMs: performance.now() - since };
  });
  expect([answer.status, answer.code]).toEqual([504, "TIMEOUT"]);
  expect(tookMs).toBeLessThan(2900);
  const record = () => app.sql`select success, result->>'code' as code from audit_logs where request_id = 'twice'`;
  await vi.waitFor(async () => expect(await record()).toEqual([{ success: false, code: "TIMEOUT" }]), 5000);
});
