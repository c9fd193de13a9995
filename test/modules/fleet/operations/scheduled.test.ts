/** Operations that begin at a time: which times are taken, what becomes of them when the time comes, and by whose clock. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";
import { accepted, ask, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/** `ddd:hh:mm`, so many minutes from now. */
const dayTime = (minutes: number) => {
  const at = new Date(Date.now() + minutes * MINUTE_MS);
  return `${DAYS[at.getUTCDay()]}:${at.toISOString().slice(11, 16)}`;
};
const WINDOWS = {
  "end-of-week": "Sat:23:30-Sun:00:30",
  midnight: "wed:23:45-thu:00:15",
  "first-minute": "SUN:00:00-SUN:00:30",
  open: `${dayTime(-10)}-${dayTime(50)}`,
  soon: `${dayTime(60)}-${dayTime(90)}`,
};

const provider = scriptedProvider();
const names = ["plain", "clock", "busy", "late", "killed", "two", "full", "cancelled", "changed", "stuck", "gone"];
for (const identifier of names) provider.add(identifier);
for (const [identifier, maintenanceWindow] of Object.entries(WINDOWS)) provider.add(identifier, { maintenanceWindow });

const app = testApp(polling({ scripted: 600 }), async () => [provider], { sweepMs: 200 });
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(() => provider.release());

/** The database's clock. */
const now = async () => new Date((await app.sql`select extract(epoch from now())::float8 * 1000 as ms`)[0]?.ms);
const inMinutes = async (minutes: number) => new Date((await now()).getTime() + minutes * MINUTE_MS).toISOString();
/** The database's clock leaps by so much, as the operations that wait for it see it. */
const leap = (ms: number) =>
  app.sql`update operations set run_at = run_at - ${ms} * interval '1 millisecond' where status in ('SCHEDULED', 'QUEUED')`;
const micro = (moment: string) => moment.replace("Z", "000Z");
// Not by the API, where an access token may have expired by a clock.
const statusOf = async (id: string) => (await app.sql`select status from operations where id = ${id}`)[0]?.status;
const runAtOf = async (id: string) =>
  (await dba.run(`{ operation(id: "${id}") { runAt } }`)).data.operation.runAt as string;
const comes = (id: string, status: string) =>
  eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.status === status && operation;
  });
/** Its time comes so many minutes ago, as if nobody had looked until now. */
const isDue = (id: string, minutesAgo = 0) =>
  app.sql`update operations set run_at = now() - ${minutesAgo} * interval '1 minute' where id = ${id}`;
/** Whoever sweeps has looked twice since now. */
const swept = async () => {
  const [row] = await app.sql`
    insert into operations (type, lane, instance_id, parameters, status, requested_by, run_at)
    select 'REBOOT_INSTANCE', 'servers', id, '{"forceFailover": false}', 'SCHEDULED', '{"type": "system", "name": "test"}', now()
    from instances where identifier = 'clock' returning id::text`;
  await eventually(async () => (await statusOf(row?.id)) === "SUCCEEDED");
};
const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action);

describe("which times are taken", () => {
  const scheduled = (instanceId: string, input: object) => accepted(dba, "rebootInstance", { instanceId, ...input });

  it("a moment is kept to the microsecond, answered at once however long one would wait, and recorded", async () => {
    const runAt = (await inMinutes(90)).replace(/\.\d+Z/, ".123456Z");
    const left = await leftBy(app, () => scheduled("plain", { runAt, waitSeconds: 300 }));
    const { id, status, success, startedAt } = left.answer;
    expect([status, success, startedAt, await runAtOf(id)]).toEqual(["SCHEDULED", null, null, runAt]);
    expect(left.records).toMatchObject([
      { action: "operation.requested", success: true, parameters: { type: "REBOOT_INSTANCE", runAt } },
    ]);
    await swept();
    expect([await statusOf(id), provider.begun.includes(id)]).toEqual(["SCHEDULED", false]);
    const { data } = await dba.run(
      `query($filter: OperationFilter) { operations(filter: $filter, orderBy: [{ field: RUN_AT, direction: ASC }]) { nodes { id } } }`,
      { filter: { runAt: { eq: runAt } } },
    );
    expect(data.operations.nodes).toEqual([{ id }]);
  });

  it.each([
    ["both", async () => ({ runAt: await inMinutes(5), inMaintenanceWindow: true }), "runAt", /either/],
    ["the past", async () => ({ runAt: await inMinutes(-1) }), "runAt", /past.*later/],
    ["91 days", async () => ({ runAt: await inMinutes(91 * 1440) }), "runAt", /90 days.*until/],
    ["no window", async () => ({ inMaintenanceWindow: true }), "inMaintenanceWindow", /no maintenance window/],
  ])("%s is refused, and says what to do", async (_what, input, field, message) => {
    const given = { instanceId: "plain", ...(await input()) };
    const left = await leftBy(app, () => ask(dba, "rebootInstance", given));
    const { status, code, errors } = left.answer;
    expect([status, code, errors?.[0]?.extensions.field]).toEqual([400, "BAD_USER_INPUT", field]);
    expect(errors?.[0]?.message).toMatch(message);
    expect([left.operations, left.records.map(({ action }) => action)]).toEqual([0, ["operation.refused"]]);
  });

  it.each(["tomorrow", "2026-11-31T00:00:00Z", "2026-12-01T00:00:00", 7, ""])("%j is no moment", async (runAt) => {
    expect((await ask(dba, "rebootInstance", { instanceId: "plain", runAt })).code).toBe("BAD_USER_INPUT");
  });

  it("false and null are as nothing: it begins at once", async () => {
    const input = { runAt: null, inMaintenanceWindow: false, waitSeconds: 20 };
    const operation = await scheduled("plain", input);
    expect([operation.status, await runAtOf(operation.id)]).toEqual(["SUCCEEDED", null]);
  });

  it.each(Object.entries(WINDOWS))("of %s the window is %s: its next opening, within a week", async (name, window) => {
    const { id, status, requestedAt } = await scheduled(name, { inMaintenanceWindow: true });
    const runAt = await runAtOf(id);
    const at = new Date(runAt);
    const aheadMs = at.getTime() - Date.parse(requestedAt);
    expect([status, aheadMs > 0 && aheadMs <= 7 * DAY_MS]).toEqual(["SCHEDULED", true]);
    expect(`${DAYS[at.getUTCDay()]}:${runAt.slice(11)}`).toBe(`${window.toLowerCase().slice(0, 9)}:00.000000Z`);
  });

  it("a generated name carries the time of the run, and is taken from now on", async () => {
    const runAt = "2027-01-01T00:30:00+01:00".replace("2027", String((await now()).getUTCFullYear() + 1));
    const year = (await now()).getUTCFullYear();
    const ahead = (Date.parse(runAt) - (await now()).getTime()) / DAY_MS;
    // In the last half hour of a year that moment is past.
    const isEndOfYear = ahead > 0 && ahead <= 90;
    const when = isEndOfYear ? runAt : await inMinutes(1440);
    const operation = await accepted(dba, "createSnapshot", { instanceId: "plain", runAt: when });
    const stamp = new Date(when).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    if (isEndOfYear) expect(stamp).toBe(`${year}1231-233000`);
    expect(operation.parameters.snapshotId).toMatch(new RegExp(`^plain-${stamp}-[0-9a-f]{6}$`));
    const again = { instanceId: "clock", snapshotId: operation.parameters.snapshotId.toUpperCase() };
    expect((await ask(dba, "createSnapshot", again)).code).toBe("CONFLICT");
  });

  it("an idempotency key covers the time", async () => {
    const given = { instanceId: "plain", idempotencyKey: "at-a-time", runAt: await inMinutes(30) };
    const first = await scheduled("plain", given);
    expect((await scheduled("plain", { ...given, waitSeconds: 300 })).id).toBe(first.id);
    for (const other of [{ runAt: await inMinutes(31) }, { runAt: null }, { runAt: null, inMaintenanceWindow: true }]) {
      expect((await ask(dba, "rebootInstance", { ...given, ...other })).code).toBe("CONFLICT");
    }
    // Even when its time is past it is a repeated call, and not a moment that is past.
    await isDue(first.id, 5);
    await comes(first.id, "SUCCEEDED");
    expect((await scheduled("plain", given)).id).toBe(first.id);
  });

  it("so many are scheduled for an instance, and no more; others still begin at once", async () => {
    await app.sql`
      insert into operations (type, lane, instance_id, parameters, status, requested_by, run_at)
      select 'REBOOT_INSTANCE', 'servers', i.id, '{"forceFailover": false}', 'SCHEDULED', '{"type": "system", "name": "test"}', now() + interval '30 days'
      from instances i, generate_series(1, 100) where i.identifier = 'full'`;
    const refused = await ask(dba, "rebootInstance", { instanceId: "full", runAt: await inMinutes(5) });
    expect([refused.code, refused.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "schedule full"]);
    expect((await scheduled("full", { waitSeconds: 20 })).status).toBe("SUCCEEDED");
    await app.sql`delete from operations where status = 'SCHEDULED' and instance_id = (select id from instances where identifier = 'full')`;
  });
});

describe("when the time comes", () => {
  const later = async (
    instanceId: string,
    minutes = 60,
    verb: "rebootInstance" | "createSnapshot" = "rebootInstance",
  ) => (await accepted(dba, verb, { instanceId, runAt: await inMinutes(minutes) })).id as string;

  it("it begins by the database's clock, not before, whatever the clock of this host says", async () => {
    onTestFinished(() => {
      app.clock.aheadMs = 0;
    });
    const runAt = micro(await inMinutes(0.03));
    const { id } = await accepted(dba, "rebootInstance", { instanceId: "clock", runAt });
    for (const aheadMs of [2 * DAY_MS, -2 * DAY_MS]) {
      app.clock.aheadMs = aheadMs;
      const other = await app.sql`
        insert into operations (type, lane, instance_id, parameters, status, requested_by, run_at)
        select type, lane, instance_id, parameters, 'SCHEDULED', requested_by, now() + interval '1 hour' from operations where id = ${id}
        returning id::text`;
      await swept();
      expect(await statusOf(other[0]?.id)).toBe("SCHEDULED");
    }
    app.clock.aheadMs = 0;
    const { startedAt } = await comes(id, "SUCCEEDED");
    expect([startedAt >= runAt, provider.runs.get(id)?.starts]).toEqual([true, 1]);
    expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended"]);
  });

  it("of a time at midnight the minute before is too early, and midnight is not", async () => {
    const midnight = Math.ceil(((await now()).getTime() + MINUTE_MS) / DAY_MS) * DAY_MS;
    const runAt = new Date(midnight).toISOString();
    const { id } = await accepted(dba, "rebootInstance", { instanceId: "clock", runAt });
    expect(await runAtOf(id)).toBe(micro(runAt));
    await leap(midnight - (await now()).getTime() - MINUTE_MS);
    await swept();
    expect(await statusOf(id)).toBe("SCHEDULED");
    await leap(MINUTE_MS);
    await comes(id, "SUCCEEDED");
    expect(provider.runs.get(id)?.starts).toBe(1);
  });

  it("where the clock goes back, it waits for its time again, and begins once", async () => {
    const id = await later("clock", 60);
    await leap(-180 * MINUTE_MS);
    await swept();
    expect(await statusOf(id)).toBe("SCHEDULED");
    await leap(241 * MINUTE_MS);
    await comes(id, "SUCCEEDED");
    await app.sql`update operations set run_at = now() + interval '3 hours' where id = ${id}`;
    await swept();
    expect([provider.runs.get(id)?.starts, await statusOf(id)]).toEqual([1, "SUCCEEDED"]);
  });

  it("where the clock leaps ahead, it is too late, and is not run", async () => {
    const id = await later("late", 60);
    await leap(77 * MINUTE_MS);
    const ended = await comes(id, "EXPIRED");
    expect(ended).toMatchObject({
      success: false,
      startedAt: null,
      durationSeconds: null,
      error: { code: "RunAtMissed" },
    });
    expect(ended.error.message).toContain(new Date(await runAtOf(id)).toISOString());
    expect(ended.error.guidance).toMatch(/request it again for another time/);
    expect(ended.endedAt).not.toBeNull();
    expect(provider.runs.has(id)).toBe(false);
    expect(await recordsOf(app, id)).toMatchObject([
      { action: "operation.requested", success: true },
      {
        action: "operation.ended",
        success: false,
        actor: { email: EMAILS.dba },
        result: { status: "EXPIRED", error: { code: "RunAtMissed" } },
      },
    ]);
  });

  it("14 minutes late it still begins", async () => {
    const id = await later("late");
    await isDue(id, 14);
    await comes(id, "SUCCEEDED");
  });

  it("what waits behind another operation for too long expires, and never begins", async () => {
    provider.scripts.set("busy", { tookMs: 3_600_000 });
    const first = await accepted(dba, "rebootInstance", { instanceId: "busy" });
    await comes(first.id, "RUNNING");
    const id = await later("busy");
    await isDue(id);
    await comes(id, "QUEUED");
    await isDue(id, 16);
    await comes(id, "EXPIRED");
    provider.scripts.set("busy", {});
    await comes(first.id, "SUCCEEDED");
    expect([provider.runs.has(id), await actionsOf(id)]).toEqual([false, ["operation.requested", "operation.ended"]]);
  });

  it("what a worker had taken, but could not ask for in time, expires too", async () => {
    provider.scripts.set("stuck", { describe: () => Promise.reject(new Error("away")) });
    const id = await later("stuck");
    await isDue(id);
    await comes(id, "RUNNING");
    await isDue(id, 16);
    expect(await comes(id, "EXPIRED")).toMatchObject({ startedAt: null, durationSeconds: null });
    expect(provider.runs.has(id)).toBe(false);
  });

  it("what a provider may have been asked for is not asked for again, and is followed to its end", async () => {
    const id = await later("gone");
    let isHeard = false;
    provider.scripts.set("gone", { poll: (_run, usual) => (isHeard ? usual() : { state: "unknown" }) });
    await isDue(id);
    await eventually(() => provider.runs.get(id)?.starts === 1);
    await isDue(id, 16);
    const seen = provider.runs.get(id)?.polls ?? 0;
    await eventually(() => (provider.runs.get(id)?.polls ?? 0) > seen + 3);
    const { starts } = provider.runs.get(id)!;
    await eventually(() => (provider.runs.get(id)?.polls ?? 0) > seen + 6);
    expect([await statusOf(id), provider.runs.get(id)?.starts]).toEqual(["RUNNING", starts]);
    isHeard = true;
    await comes(id, "SUCCEEDED");
  });

  it("cancelled before its time, it does not begin", async () => {
    const id = await later("cancelled");
    const left = await leftBy(app, () => accepted(dba, "cancelOperation", { operationId: id }));
    expect(left.answer).toMatchObject({ id, status: "CANCELLED", success: false, error: null });
    expect(left.records.map(({ action }) => action).sort()).toEqual(["operation.cancel", "operation.ended"]);
    await isDue(id);
    await swept();
    expect([await statusOf(id), provider.runs.has(id)]).toEqual(["CANCELLED", false]);
  });

  it("a cancel at the moment when its time comes: one of them wins", async () => {
    for (let round = 0; round < 8; round++) {
      const id = await later("cancelled");
      await isDue(id);
      const { code } = await ask(dba, "cancelOperation", { operationId: id });
      await comes(id, code === undefined ? "CANCELLED" : "SUCCEEDED");
      expect(provider.begun.includes(id)).toBe(code !== undefined);
      expect((await actionsOf(id)).filter((action) => action === "operation.ended")).toHaveLength(1);
    }
  });

  it("where the instance has become production, it fails, and nothing is touched", async () => {
    const id = await later("changed");
    provider.change("changed", { tags: [{ key: "Environment", value: "Production" }] });
    await isDue(id);
    expect(await comes(id, "FAILED")).toMatchObject({ error: { code: "PRODUCTION_PROTECTED" } });
    expect(provider.runs.has(id)).toBe(false);
    const events = await app.sql`select metadata from security_events where metadata ->> 'operationId' = ${id}`;
    expect(events).toMatchObject([{ metadata: { code: "PRODUCTION_PROTECTED" } }]);
    expect(await actionsOf(id)).toEqual(["operation.requested", "operation.ended"]);
  });
});

describe("whoever requested it", () => {
  const lost: [string, string, RegExp][] = [
    ["is locked", "locked_at = now()", /locked or deactivated/],
    ["is deactivated", "deactivated_at = now()", /locked or deactivated/],
    ["has another role", "role = 'SECURITY'", /may not run operations/],
  ];
  const newcomer = async (email: string) => {
    await app.sql`
      insert into users (email, password_hash, role) select ${email}, password_hash, 'DBA' from users where email = ${EMAILS.dba}`;
    return app.withToken((await signIn(app.anonymous, email)).accessToken);
  };
  const scheduledBy = async (client: Client) =>
    (await accepted(client, "createSnapshot", { instanceId: "plain", runAt: await inMinutes(60) })).id as string;

  it.each(lost)("%s: it is cancelled, and recorded", async (what, change, message) => {
    const email = `${what.replaceAll(" ", "-")}@demo.example`;
    const id = await scheduledBy(await newcomer(email));
    await app.sql.unsafe(`update users set ${change} where email = '${email}'`);
    await isDue(id);
    const ended = await comes(id, "CANCELLED");
    expect(ended).toMatchObject({ success: false, startedAt: null, error: { code: "RequesterRevoked" } });
    expect(ended.error.message).toMatch(message);
    expect(ended.error.guidance).toMatch(/request it again/);
    expect(provider.runs.has(id)).toBe(false);
    expect(await recordsOf(app, id)).toMatchObject([
      { action: "operation.requested" },
      {
        action: "operation.ended",
        actor: { email },
        success: false,
        result: { status: "CANCELLED", error: { code: "RequesterRevoked" } },
      },
    ]);
  });

  it("is gone: it is cancelled", async () => {
    const id = await scheduledBy(await newcomer("gone@demo.example"));
    await app.sql`update operations set requested_by = jsonb_set(requested_by, '{id}', '"987654321"') where id = ${id}`;
    await isDue(id);
    expect(await comes(id, "CANCELLED")).toMatchObject({ error: { code: "RequesterRevoked" } });
  });

  it("has signed out, or has become an administrator: that does not matter", async () => {
    const client = await newcomer("left@demo.example");
    const id = await scheduledBy(client);
    expect((await client.run("mutation { signOut { signedOut } }")).status).toBe(200);
    await app.sql`update sessions set revoked_at = now() where user_id = (select id from users where email = 'left@demo.example')`;
    await app.sql`update users set role = 'ADMIN' where email = 'left@demo.example'`;
    await isDue(id);
    await comes(id, "SUCCEEDED");
  });
});
