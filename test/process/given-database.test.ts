/** Postern on a database that it is given: replicas, requests under way at a stop, and what it says when it cannot start. */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import postgres from "postgres";
import { beforeAll, expect, inject, onTestFinished, test, vi } from "vitest";
import { eventually, processesIn, useSandbox } from "../cluster/sandbox.js";
import { ask, ensureBuilt, PATIENCE_MS, signIn, startPostern } from "./postern.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const PASSWORD = "four random words of ours";

/** An empty database of its own on the run's cluster: how to reach it, and a look behind Postern's back. */
async function emptyDatabase() {
  const { host, port, path, username, password } = inject("connection");
  const database = `p_${randomUUID().replaceAll("-", "")}`;
  const owner = postgres({ path, username, password, database: "postern", max: 1, onnotice: () => {} });
  await owner.unsafe(`create database ${database}`);
  await owner.end();
  const sql = postgres({ path, username, password, database, max: 3, onnotice: () => {} });
  onTestFinished(() => sql.end({ timeout: 1 }));
  const environment = {
    DATABASE_URL: `postgres:///${database}`,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: username,
    PGPASSWORD: password,
  };
  return { sql, environment };
}

test("two replicas started at once on an empty database share one administrator, one key and one demo", async () => {
  const { sql, environment } = await emptyDatabase();
  const start = () => startPostern(sandbox.path, { ...environment, DEMO: "true", DEMO_PASSWORD: PASSWORD });
  const replicas = [start(), start()];
  const [one, other] = await Promise.all(replicas.map((replica) => replica.ready()));
  const both = replicas.map((replica) => replica.output()).join("");
  expect(both.match(/Administrator created|Demo users created/g)).toHaveLength(2);
  expect(
    await sql`
      select (select count(*)::int from users where email = 'admin@postern.example') as administrators,
             (select count(*)::int from users where email like '%@demo.example') as demo_users,
             (select count(*)::int from organizations) as organizations,
             (select count(*)::int from signing_keys) as keys`,
  ).toEqual([{ administrators: 1, demo_users: 7, organizations: 2, keys: 1 }]);
  const token = await signIn(one!.url, "viewer@demo.example", PASSWORD);
  expect(await ask(other!.url, "{ viewer { role } }", token)).toEqual({ viewer: { role: "VIEWER" } });
  for (const replica of replicas) replica.kill("SIGTERM");
  expect(await Promise.all(replicas.map((replica) => replica.ended()))).toEqual([0, 0]);
});

test("a stop answers the request under way, takes no new ones, and waits for no idle connection", async () => {
  const { sql, environment } = await emptyDatabase();
  const postern = startPostern(sandbox.path, { ...environment, DEMO: "true", DEMO_PASSWORD: PASSWORD });
  const { url } = await postern.ready();
  const token = await signIn(url, "viewer@demo.example", PASSWORD);
  const silent = connect(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => void silent.destroy());

  const blocker = await sql.reserve();
  await blocker`begin`;
  await blocker`lock table scans in access exclusive mode`;
  const underWay = ask(url, "{ scans { totalCount } }", token);
  await eventually(async () => (await sql`select from pg_locks where not granted`).length > 0, PATIENCE_MS);
  const beforeStop = Date.now();
  postern.kill("SIGTERM");
  const isRefused = () =>
    fetch(`${url}/health/live`).then(
      () => false,
      () => true,
    );
  await eventually(isRefused, PATIENCE_MS);
  await blocker`rollback`;
  blocker.release();
  expect(await underWay).toEqual({ scans: { totalCount: 30 } });
  expect(await postern.ended()).toBe(0);
  expect(Date.now() - beforeStop, "cut off instead of drained").toBeLessThan(8_000);
});

test.each([
  [
    "a bad configuration",
    { PORT: "high", DATABASE_URL: "mysql://db", DEMO: "maybe" },
    /^The configuration is not usable:\nPORT: .+\nDATABASE_URL: .+\nDEMO: is true or false\n$/,
  ],
  [
    "an unreachable database",
    { DATABASE_URL: "postgres://postern:a-secret@127.0.0.1:1/postern" },
    /^Postern cannot start: The database does not answer\. Try again in a moment\.\n {2}connect ECONNREFUSED 127\.0\.0\.1:1\n$/,
  ],
  [
    "a bad password for the administrator",
    { ADMIN_PASSWORD: "aaaaaaaaaaaa" },
    /^Postern cannot start: This password is one of the commonest\. .+\n$/,
  ],
])("%s ends the start with 1 and says why", async (_, faults, message) => {
  const { environment } = await emptyDatabase();
  const postern = startPostern(sandbox.path, { ...environment, ...faults });
  expect(await postern.ended()).toBe(1);
  expect(postern.output()).toMatch(message);
  expect(await processesIn(sandbox.path)).toEqual([]);
});
