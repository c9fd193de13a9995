/** Postern on a database that it is given: replicas, requests under way at a stop, and what it says when it cannot start. */
import { type AddressInfo, connect, createServer } from "node:net";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { makeSecretsKey } from "../../src/values/secrets-key.js";
import { PASSWORD } from "../support/app.js";
import { emptyDatabase, startedDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, PATIENCE_MS, signIn, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

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
  const { sql, environment } = await startedDatabase();
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
    78,
    /^The configuration is not usable:\nPORT: .+\nDATABASE_URL: .+\nDEMO: is true or false\n$/,
  ],
  [
    "an unreachable database",
    { DATABASE_URL: "postgres://postern:a-secret@127.0.0.1:1/postern" },
    69,
    /^Postern cannot start: Nobody listens at the database's address\. Start the database, or set .+\.\n$/,
  ],
  [
    "a bad password for the administrator",
    { ADMIN_PASSWORD: "aaaaaaaaaaaa" },
    78,
    /^Postern cannot start: This password is one of the commonest\. .+\n$/,
  ],
  [
    "no password for the administrator in production, where a generated one would stay in the log,",
    { NODE_ENV: "production", SECRETS_KEY: makeSecretsKey() },
    78,
    /^Postern cannot start: A new account needs a password, .+: set ADMIN_PASSWORD_FILE to a file .+\.\n$/,
  ],
  [
    "no password for the demo in production",
    { NODE_ENV: "production", SECRETS_KEY: makeSecretsKey(), ADMIN_PASSWORD: PASSWORD, DEMO: "true" },
    78,
    /^Administrator created: .+\n {2}password: the one you configured\nPostern cannot start: A new account needs a password, .+: set DEMO_PASSWORD_FILE to .+\.\n$/,
  ],
])("%s ends the start with the code of its kind, and says why", async (_, faults, code, message) => {
  const { environment } = await emptyDatabase();
  const postern = startPostern(sandbox.path, { ...environment, ...faults });
  expect(await postern.ended()).toBe(code);
  expect(postern.output()).toMatch(message);
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test("a start that waits for a database that is silent heeds a signal at once", async () => {
  let taken = 0;
  const silent = createServer((socket) => {
    taken += 1;
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const postern = startPostern(sandbox.path, { DATABASE_URL: `postgres://postern@127.0.0.1:${port}/postern` });
  await eventually(() => taken > 0, PATIENCE_MS);
  const signalledAt = Date.now();
  postern.kill("SIGTERM");
  expect([await postern.ended(), postern.output()]).toEqual([0, ""]);
  expect(Date.now() - signalledAt, "it waited for the database").toBeLessThan(3000);
});
