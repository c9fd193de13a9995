/** Mutations of many rows have a limit of their own, of which each field takes a point, whichever path answers, on all replicas. */
import { expect, inject, it } from "vitest";
import { readConfig } from "../../src/config.js";
import { createClient } from "../../src/db/client.js";
import { createLog } from "../../src/log.js";
import { createMutationTurns } from "../../src/rate-limits/mutation-turns.service.js";
import { createSharedLimits } from "../../src/rate-limits/shared-limits.service.js";
import { EMAILS, type Somebody, testApp } from "../support/app.js";

const BULK = { signedIn: { points: 4 }, roles: { ADMIN: { points: 2, seconds: 60 } } };
const app = testApp({ RATE_LIMITS: JSON.stringify({ bulk: BULK }) });

const DELETE = "mutation($input: DeleteScansInput!) { deleteScans(input: $input) { deletedScanIds } }";
const input = { filter: { targetUrl: { eq: "https://nowhere.example/" } }, expectedCount: 0 };
const recordsOf = (who: Somebody) => app.sql`
  select action, success, result ->> 'code' as code from audit_logs
  where actor ->> 'email' = ${EMAILS[who]} and action = 'scan.delete-many' order by id`;
const eventsOf = (who: Somebody) => app.sql`
  select metadata ->> 'tier' as tier, metadata ->> 'by' as by, metadata ->> 'points' as points, metadata ->> 'seconds' as seconds
  from security_events e join users u on u.id = e.user_id
  where event_type = 'excess_rate_limit_exceeded' and metadata ? 'tier' and u.email = ${EMAILS[who]}`;
const DONE = { action: "scan.delete-many", success: true, code: null };
const REFUSED = { ...DONE, success: false, code: "RATE_LIMITED" };

it("each field counts, refused ones leave their record, and the others are answered", async () => {
  const analyst = await app.as("analyst");
  const field = (alias: string) => `${alias}: deleteScans(input: $input) { deletedScanIds }`;
  const four = `mutation($input: DeleteScansInput!) { ${["a", "b", "c"].map(field).join(" ")} }`;
  expect((await analyst.run(four, { input })).status).toBe(200);
  const both = `mutation($input: DeleteScansInput!) { ${["d", "e", "f"].map(field).join(" ")} }`;
  const { status, data, errors, headers } = await analyst.run(both, { input });
  expect([status, data]).toEqual([200, { d: { deletedScanIds: [] }, e: null, f: null }]);
  expect(errors!.map(({ path, extensions: { code } }) => [path, code])).toEqual([
    [["e"], "RATE_LIMITED"],
    [["f"], "RATE_LIMITED"],
  ]);
  const seconds = errors![0]!.extensions.retryAfterSeconds;
  expect(headers.get("retry-after")).toBe(`${seconds}`);
  expect(headers.get("ratelimit-policy")).toBe('"api";q=6000;w=60, "bulk";q=4;w=3600');
  expect(headers.get("ratelimit")).toMatch(new RegExp(`^"api";r=\\d+;t=\\d+, "bulk";r=0;t=${seconds}$`));
  expect(await recordsOf("analyst")).toEqual([DONE, DONE, DONE, DONE, REFUSED, REFUSED]);
  expect(await eventsOf("analyst")).toEqual([{ tier: "bulk", by: "user", points: "4", seconds: "3600" }]);
});

it("counts on both paths and on all replicas, and ends with its window", async () => {
  const admin = await app.as("admin");
  const replica = await app.replica();
  app.log.length = 0;
  expect((await admin.run(DELETE, { input })).status).toBe(200);
  expect((await replica.as(admin.token).run(DELETE, { input })).status).toBe(200);
  const refused = await Promise.all(
    [admin, replica.as(admin.token), admin].map((client) => client.run(DELETE, { input })),
  );
  expect(refused.map(({ status, code }) => [status, code])).toEqual(Array(3).fill([429, "RATE_LIMITED"]));
  // The document is known by now.
  expect(app.log.filter(({ msg }) => msg === "went past Apollo").length).toBeGreaterThanOrEqual(1);
  expect(await recordsOf("admin")).toEqual([DONE, DONE, REFUSED, REFUSED, REFUSED]);
  expect(await eventsOf("admin")).toEqual([{ tier: "bulk", by: "user", points: "2", seconds: "60" }]);
  await replica.stop();
  app.clock.aheadMs += 60_000;
  expect((await admin.run(DELETE, { input })).status).toBe(200);
});

it("whoever may not call it, or changes one row, takes no point", async () => {
  const viewer = await app.as("viewer");
  app.statements.length = 0;
  for (const client of [viewer, app.anonymous]) await client.run(DELETE, { input });
  const admin = await app.as("admin");
  await admin.run('mutation { deleteScan(input: { id: "0", expectedVersion: 1 }) { deletedScanId } }');
  expect(app.statements.filter((text) => text.includes("rate_limits"))).toEqual([]);
});

it("addresses have their points of tiers that anybody may use", async () => {
  const [{ name }] = (await app.sql`select current_database() as name`) as [{ name: string }];
  const client = createClient({ connection: { ...inject("connection"), database: name }, poolSize: 2 });
  const clock = { now: () => new Date(Date.now() + app.clock.aheadMs) };
  const security = { record: async () => undefined };
  const shared = createSharedLimits({ db: client.db, clock, security, log: createLog("silent"), rateKey: "a" });
  const turns = createMutationTurns(shared, readConfig({}).rateLimits);
  const take = (tier: "bulk" | "registration", ipAddress: string) =>
    turns.take(tier, { kind: "anonymous" }, { ipAddress, userAgent: null, requestId: "1" }).then(
      () => "taken",
      ({ code }) => code,
    );
  const takeMany = async (tier: "bulk" | "registration", count: number) => {
    const all: string[] = [];
    for (let n = 0; n < count; n++) all.push(await take(tier, `2001:db8::${n}`));
    return all;
  };
  expect(await takeMany("bulk", 11)).toEqual([...Array(10).fill("taken"), "RATE_LIMITED"]);
  expect(await takeMany("registration", 4)).toEqual([...Array(3).fill("taken"), "RATE_LIMITED"]);
  expect(await take("registration", "192.0.2.1")).toBe("taken");
  await client.close();
});
