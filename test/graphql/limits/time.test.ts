/** How long a request may take: each root field its time-out, the request three times as long, and what was asked to be waited for apart. */
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { expect, it, vi } from "vitest";
import { hashPassword, verifyPassword } from "../../../src/auth/passwords.js";
import { asCaller } from "../../../src/values/caller.js";
import { REQUEST_GRACE_MS, RequestTime } from "../../../src/values/request-time.js";
import { PASSWORD, testApp } from "../../support/app.js";
import { accepted, ask } from "../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../support/scripted-provider.js";
import { SOON } from "../../support/soon.js";

const TIMEOUT_MS = 1000;
const provider = scriptedProvider();
provider.add("dev-slow-01", {}, { tookMs: 2 * TIMEOUT_MS });
const app = testApp({ STATEMENT_TIMEOUT_MS: String(TIMEOUT_MS), ...polling({ scripted: 1000 }) }, async () => [
  provider,
]);

/** Holds tables against all others. @returns what lets the last of them go, and all */
async function hold(...tables: string[]) {
  const connection = await app.sql.reserve();
  const locks = tables.map((table) => `savepoint ${table}; lock table ${table} in access exclusive mode`);
  await connection.unsafe(`begin; set local statement_timeout = 0; ${locks.join("; ")}`);
  return {
    releaseLast: () => connection.unsafe(`rollback to ${tables.at(-1)}`),
    async releaseAll() {
      await connection.unsafe("rollback");
      connection.release();
    },
  };
}
const waiting = async (table: string) =>
  (await app.sql`select count(*)::int as n from pg_locks where not granted and relation = ${table}::regclass`)[0]?.n;
const codesOf = (errors: readonly { extensions: { code?: string } }[] | undefined) =>
  errors?.map(({ extensions }) => extensions.code);

it("mutations that come after the request's time do not begin", async () => {
  const analyst = await app.as("analyst");
  const input = `{ organizationId: "1", targetUrl: "https://time.example/", scanType: "FULL" }`;
  const changes = Array.from({ length: 6 }, (_, n) => `c${n}: createScan(input: ${input}) { scan { id } }`);
  const { releaseAll } = await hold("scans");
  app.statements.length = 0;
  const begunMs = performance.now();
  const { data, errors } = await analyst.run(`mutation { ${changes.join(" ")} }`, {}, { "x-request-id": "six" });
  const tookMs = performance.now() - begunMs;
  await releaseAll();
  expect(codesOf(errors)).toEqual(Array(6).fill("TIMEOUT"));
  expect(Object.values(data)).toEqual(Array(6).fill(null));
  expect(tookMs).toBeLessThan(3 * TIMEOUT_MS + 1000);
  const begun = app.statements.filter((text) => /insert into .?scans/i.test(text)).length;
  expect([3, 4]).toContain(begun);
  // Each has its record, which says that nothing was done.
  await vi.waitFor(async () => {
    const records = await app.sql`select action, success from audit_logs where request_id = 'six'`;
    expect(records).toEqual(Array(6).fill({ action: "scan.create", success: false }));
  }, 5000);
  expect(await app.sql`select from scans where target_url = 'https://time.example/'`).toHaveLength(0);
});

it("the statements of one field share its time", async () => {
  const { releaseLast, releaseAll } = await hold("sessions", "users");
  const begunMs = performance.now();
  const signIn = `mutation { signIn(input: { email: "viewer@demo.example", password: "${PASSWORD}" }) { expiresAt } }`;
  const asked = app.anonymous.run(signIn);
  await vi.waitFor(async () => expect(await waiting("users")).toBe(1), SOON);
  await vi.waitFor(() => expect(performance.now() - begunMs).toBeGreaterThan(TIMEOUT_MS * 0.7), TIMEOUT_MS);
  await releaseLast();
  const { code } = await asked;
  const tookMs = performance.now() - begunMs;
  await releaseAll();
  expect(code).toBe("TIMEOUT");
  expect(tookMs).toBeLessThan(TIMEOUT_MS + 1000);
});

it("whoever waits for a hash is answered in time, and what waits no more is not hashed", async () => {
  const stored = await hashPassword(PASSWORD);
  const caller = { name: "many", hasLeft: false, time: new RequestTime(50) };
  const completion = await asCaller(caller, () =>
    Promise.allSettled(Array.from({ length: 40 }, () => verifyPassword(stored, PASSWORD))),
  );
  const late = completion.filter(({ status }) => status === "rejected");
  expect(late.length).toBeGreaterThan(0);
  expect(new Set(late.map((ending) => (ending as PromiseRejectedResult).reason.code))).toEqual(new Set(["TIMEOUT"]));
  // As soon as the one under way is done.
  expect(await asCaller({ name: "many", hasLeft: false }, () => verifyPassword(stored, PASSWORD))).toBe(true);
});

it("what is waited for longer than was asked for takes of the time", async () => {
  const time = new RequestTime(1000);
  await time.withoutCounting(100, () => delay(400));
  expect(time.leftMs).toBeLessThan(1000 + REQUEST_GRACE_MS - 290);
  const other = new RequestTime(1000);
  await other.withoutCounting(10_000, () => delay(400));
  expect(other.leftMs).toBeLessThanOrEqual(1000 + REQUEST_GRACE_MS);
  expect(other.leftMs).toBeGreaterThan(1000 + REQUEST_GRACE_MS - 300);
});

it("hashing leaves threads to all else that needs one", async () => {
  let hashed = 0;
  const hashes = Array.from({ length: 30 }, (_, n) =>
    asCaller({ name: `caller ${n}`, hasLeft: false }, () => hashPassword(PASSWORD)).then(() => {
      hashed += 1;
    }),
  );
  await promisify(gzip)("x".repeat(1000));
  expect(hashed).toBeLessThan(10);
  await Promise.all(hashes);
});

it("what an operation is waited for is no time of the request", async () => {
  const admin = await app.as("admin");
  const { instances } = (await admin.run("{ instances { nodes { id } } }")).data;
  const operation = await accepted(admin, "createSnapshot", { instanceId: instances.nodes[0].id, waitSeconds: 20 });
  expect([operation.status, operation.success]).toEqual(["SUCCEEDED", true]);
});

it("a stop answers those who wait for an operation, which goes on without them", async () => {
  const { token } = await app.as("admin");
  const replica = await app.replica();
  const admin = replica.as(token);
  provider.scripts.set("dev-slow-01", { tookMs: 20_000 });
  const waiting = ask(admin, "createSnapshot", { instanceId: "dev-slow-01", waitSeconds: 60 });
  await vi.waitFor(async () => {
    const [row] = await app.sql`select count(*)::int as n from operations where status in ('QUEUED', 'RUNNING')`;
    expect(row?.n).toBe(1);
  }, 5000);
  const begunMs = performance.now();
  await replica.stop();
  expect(performance.now() - begunMs).toBeLessThan(9000);
  const { status, data } = await waiting;
  expect(status).toBe(200);
  expect(["QUEUED", "RUNNING"]).toContain(data.createSnapshot.operation.status);
});
