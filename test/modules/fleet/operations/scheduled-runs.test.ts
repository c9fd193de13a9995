/** What becomes of scheduled operations when their time comes, whoever requested them. */
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Client, EMAILS, signIn } from "../../../support/app.js";
import { accepted, ask, leftBy, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { DAY_MS, MINUTE_MS, micro, useSchedule } from "../../../support/scheduled.js";

const { provider, app, now, inMinutes, leap, statusOf, runAtOf, comes, isDue, swept, actionsOf, opened } =
  useSchedule();
let dba: Client;
beforeAll(() => {
  ({ dba } = opened());
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
