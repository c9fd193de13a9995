/** Which times an operation may be scheduled for. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client } from "../../../support/app.js";
import { accepted, ask, leftBy } from "../../../support/fleet-app.js";
import { DAY_MS, DAYS, useSchedule, WINDOWS } from "../../../support/scheduled.js";

const { provider, app, now, inMinutes, statusOf, runAtOf, comes, isDue, swept, opened } = useSchedule();
let dba: Client;
beforeAll(() => {
  ({ dba } = opened());
});

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
