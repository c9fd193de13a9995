/** Figures over operations: exactly what was asked, done and refused, by span of time, type and environment. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";
import { accepted, ask, leftBy, mapByTwo, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
const failure = { code: "InternalFailure", message: "It broke." };
for (const identifier of ["quick", "failing", "endless", "busy"]) provider.add(identifier);
provider.add("staged", { tags: [{ key: "Environment", value: "Staging" }] });
provider.add("guarded", { tags: [{ key: "Environment", value: "Production" }] });
provider.scripts.set("failing", { poll: () => ({ state: "failed", resourceStatus: "failed", failure }) });
provider.scripts.set("endless", { tookMs: 3_600_000 });
provider.scripts.set("busy", { tookMs: 800 });

const OPERATION_MINUTES_BY_HAND = JSON.stringify({ REBOOT_INSTANCE: 7 });
const app = testApp({ ...polling({ scripted: 15 }), OPERATION_MINUTES_BY_HAND }, async () => [provider]);

const FIGURES = `requested executed succeeded failed timedOut cancelled expired successRate averageDurationSeconds
  p95DurationSeconds minutesSaved`;
const METRICS = `query($from: DateTime!, $to: DateTime!, $by: TimeBucket!, $filter: OperationFilter) {
  operationMetrics(from: $from, to: $to, by: $by, filter: $filter) {
    bucketStart ${FIGURES} activeUsers incompleteAudits productionRefusals permissionRefusals otherRefusals { code count }
    byType { type environment ${FIGURES} } } }`;
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const RANGE = { from: inDays(-180), to: inDays(1), by: "MONTH" };

let dba: Client;
const ask1 = (variables: object, client = dba) => client.run(METRICS, { ...RANGE, ...variables });
async function metricsOf(variables: object = {}) {
  const { data, errors } = await ask1(variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.operationMetrics;
}
const durations = async (ids: string[]) =>
  (await Promise.all(ids.map((id) => operationOf(dba, id))))
    .map(({ durationSeconds }) => durationSeconds as number)
    .sort((a, b) => a - b);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const p95 = (sorted: number[]) => sorted[Math.ceil(0.95 * sorted.length) - 1]!;

const ids: Record<string, string> = {};
beforeAll(async () => {
  dba = await app.as("dba");
  const admin = await app.as("admin");
  const reboot = async (instanceId: string, client = dba) =>
    (await accepted(client, "rebootInstance", { instanceId, waitSeconds: 20 })).id;
  ids.first = await reboot("quick");
  ids.second = await reboot("quick", admin);
  ids.staged = await reboot("staged");
  ids.failed = await reboot("failing");
  ids.snapshot = (await accepted(dba, "createSnapshot", { instanceId: "quick", waitSeconds: 20 })).id;
  ids.endless = await reboot("endless");
  await accepted(dba, "rebootInstance", { instanceId: "busy" });
  ids.queued = (await accepted(dba, "rebootInstance", { instanceId: "busy" })).id;
  await accepted(dba, "cancelOperation", { operationId: ids.queued, waitSeconds: 20 });
  ids.busy = String(BigInt(ids.queued!) - 1n);
  await eventually(async () => (await operationOf(dba, ids.busy!)).endedAt !== null);
  for (const [instanceId, client] of [
    ["guarded", dba],
    ["guarded", dba],
    ["quick", await app.as("viewer")],
    ["nowhere", dba],
  ] as const) {
    await ask(client, "rebootInstance", { instanceId });
  }
  for (const snapshotId of ["1st", "--"]) await ask(dba, "createSnapshot", { instanceId: "quick", snapshotId });
  await ask(dba, "startInstance", { instanceId: "quick" });
});

const NONE = { failed: 0, timedOut: 0, cancelled: 0, expired: 0 };

it("says exactly what was requested, done and refused", async () => {
  const reboots = await durations([ids.first!, ids.second!, ids.busy!]);
  const [staged, snapshot] = [await durations([ids.staged!]), await durations([ids.snapshot!])];
  const all = [...reboots, ...staged, ...snapshot].sort((a, b) => a - b);
  const near = (value: number) => expect.closeTo(value, 9);
  const timed = (values: number[]) => ({
    averageDurationSeconds: near(mean(values)),
    p95DurationSeconds: near(p95(values)),
  });
  const metrics = await metricsOf();
  expect(metrics).toEqual([
    {
      bucketStart: `${new Date().toISOString().slice(0, 7)}-01T00:00:00.000000Z`,
      ...{ requested: 8, executed: 7, succeeded: 5, failed: 1, timedOut: 1, cancelled: 1, expired: 0 },
      ...{ successRate: near(5 / 7), ...timed(all), minutesSaved: 4 * 7 + 10 },
      ...{ activeUsers: 2, incompleteAudits: 0, productionRefusals: 2, permissionRefusals: 1 },
      otherRefusals: [
        { code: "BAD_USER_INPUT", count: 2 },
        { code: "FAILED_PRECONDITION", count: 1 },
        { code: "NOT_FOUND", count: 1 },
      ],
      byType: [
        {
          ...{ type: "CREATE_SNAPSHOT", environment: "DEVELOPMENT", requested: 1, executed: 1, succeeded: 1, ...NONE },
          ...{ successRate: 1, ...timed(snapshot), minutesSaved: 10 },
        },
        {
          ...{ type: "REBOOT_INSTANCE", environment: "STAGING", requested: 1, executed: 1, succeeded: 1, ...NONE },
          ...{ successRate: 1, ...timed(staged), minutesSaved: 7 },
        },
        {
          ...{ type: "REBOOT_INSTANCE", environment: "DEVELOPMENT", requested: 6, executed: 5, succeeded: 3 },
          ...{ failed: 1, timedOut: 1, cancelled: 1, expired: 0 },
          ...{ successRate: near(3 / 5), ...timed(reboots), minutesSaved: 21 },
        },
      ],
    },
  ]);
});

it("counts the environment as it was, whatever the instance is now", async () => {
  await mapByTwo(app, { instanceId: "staged", environment: "TEST" });
  const [{ byType }] = await metricsOf({ filter: { environment: { eq: "STAGING" } } });
  expect(byType).toMatchObject([{ type: "REBOOT_INSTANCE", environment: "STAGING", requested: 1 }]);
  expect(await metricsOf({ filter: { environment: { eq: "TEST" } } })).toMatchObject([{ requested: 0, byType: [] }]);
});

it("a filter narrows what was accepted, and not what was refused", async () => {
  const [found] = await metricsOf({
    filter: { instance: { identifier: { eq: "quick" } }, or: [{ type: { eq: "REBOOT_INSTANCE" } }] },
  });
  expect(found).toMatchObject({ requested: 2, succeeded: 2, activeUsers: 2, productionRefusals: 2 });
  expect((await metricsOf({ filter: null }))[0].requested).toBe(8);
  const refused = await ask1({ filter: { status: null } });
  expect([refused.code, refused.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "filter.status"]);
});

it.each(["HOUR", "DAY", "WEEK", "MONTH"])(
  "the span %s begins in UTC, and the end of a range is not in it",
  async (by) => {
    const [moment] = await app.sql`
    select to_char(date_trunc(${by}, requested_at at time zone 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as start,
      to_char(requested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from operations where id = ${ids.first!}`;
    const from = new Date(Date.parse(moment?.at) - 3_600_000).toISOString();
    expect(await metricsOf({ from, to: moment?.at, by })).toEqual([]);
    const [first] = await metricsOf({ from: moment?.at, to: inDays(1), by });
    expect(first.bucketStart).toBe(moment?.start);
  },
);

describe("audit completeness", () => {
  const incomplete = async () =>
    (await metricsOf()).map(({ incompleteAudits }: { incompleteAudits: number }) => incompleteAudits);
  /** As nobody can, whom a trigger keeps from it. */
  const tamper = (statement: string) =>
    app.sql.begin(async (sql) => {
      await sql`alter table audit_logs disable trigger user`;
      await sql.unsafe(statement);
      await sql`alter table audit_logs enable trigger user`;
    });

  it("a record that is missing or doubled counts, one of a repeated call does not", async () => {
    const input = { instanceId: "quick", idempotencyKey: "metrics-key", waitSeconds: 20 };
    await accepted(dba, "rebootInstance", input);
    await accepted(dba, "rebootInstance", input);
    expect(await incomplete()).toEqual([0]);
    await tamper(`insert into audit_logs (actor, action, resource_type, resource_id)
      values ('{}', 'operation.ended', 'operation', '${ids.first}'), ('{}', 'operation.settled', 'operation', '${ids.second}')`);
    expect(await incomplete()).toEqual([2]);
    await tamper(`delete from audit_logs where action = 'operation.requested' and resource_id = '${ids.snapshot}'`);
    expect(await incomplete()).toEqual([3]);
    await tamper(`update operations set settled_at = now() where id = ${ids.endless}`);
    expect(await incomplete()).toEqual([4]);
  });

  it("those whose records have expired are not counted", async () => {
    await tamper(`update operations set requested_at = now() - interval '89 days' where id = ${ids.first}`);
    await tamper(`update operations set requested_at = now() - interval '91 days' where id = ${ids.second}`);
    expect((await incomplete()).reduce((sum: number, each: number) => sum + each, 0)).toBe(3);
  });
});

it.each([
  [{ to: RANGE.from }, "BAD_USER_INPUT", "to", /after `from`/],
  [{ from: inDays(-366) }, "BAD_USER_INPUT", "to", /366 days/],
  [{ by: "HOUR", from: inDays(-16) }, "LIMIT_EXCEEDED", undefined, /400/],
  [{ by: "FORTNIGHT" }, "BAD_USER_INPUT", undefined, /TimeBucket/],
  [{ from: "yesterday" }, "BAD_USER_INPUT", undefined, /RFC 3339/],
  [{ filter: { type: { eq: "DROP" } } }, "BAD_USER_INPUT", undefined, /OperationType/],
  [{ filter: { instance: { identifier: { eq: "a\u0000" } } } }, "BAD_USER_INPUT", undefined, /./],
])("%j is refused, and says what to do", async (variables, code, field, message) => {
  const answer = await ask1(variables);
  expect([answer.status, answer.code]).toEqual([400, code]);
  if (field) expect(answer.errors?.[0]?.extensions.field).toBe(field);
  expect(answer.errors?.[0]?.message).toMatch(message);
});

it("is for those who read operations, in two statements, and leaves nothing", async () => {
  for (const who of ["dba", "security", "admin"] as const) {
    expect((await ask1({}, await app.as(who))).code).toBeUndefined();
  }
  for (const who of ["viewer", "analyst"] as const) {
    expect((await ask1({}, await app.as(who))).code).toBe("FORBIDDEN");
  }
  expect((await ask1({}, app.anonymous)).code).toBe("UNAUTHENTICATED");
  const { accessToken } = await signIn(app.anonymous, EMAILS.dba);
  app.statements.length = 0;
  const left = await leftBy(app, () => ask1({}, app.withToken(accessToken)));
  expect([left.records, left.events, left.operations]).toEqual([[], [], 0]);
  expect(app.statements.filter((text) => text.includes("date_trunc"))).toHaveLength(2);
});
