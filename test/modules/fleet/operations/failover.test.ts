/** Failovers that nobody asked for: operations of the system, also on production, before everything else, on record. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, ask, hasten, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const RUNNING = { state: "running", resourceStatus: "working", message: "It goes on.", percent: null } as const;
const PAIR = {
  multiAz: true,
  members: [],
  tags: [{ key: "Environment", value: "Production" }],
  autoFailover: { afterSeconds: 30, maxLagBytes: 1 },
};
const provider = scriptedProvider();
provider.add("lost-prod-01", { ...PAIR, status: "failed" });
provider.add("lost-dev-01", { tags: [{ key: "Environment", value: "Development" }] }, { poll: () => RUNNING });
provider.add("well-dev-01");
/** Restarts what has failed, as local instances are. */
const local = scriptedProvider("local");
for (const identifier of ["rescue-01", "rescue-02", "slow-01"]) local.add(identifier);
const since = "2026-01-01T00:00:00.000Z";
const due = (providerId: string) => ({ providerId, cause: "Its server is not running.", since });

const app = testApp(polling({ scripted: 300, local: 600 }), async () => [provider, local]);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

/** The id of the failover of an instance, once it has ended. */
const failedOver = (identifier: string) =>
  eventually(async () => {
    const rows = await app.sql`
      select o.id::text, o.ended_at from operations o join instances i on i.id = o.instance_id
      where i.identifier = ${identifier} and o.type = 'REBOOT_INSTANCE' and o.requested_by ->> 'name' = 'failover'`;
    expect(rows.length).toBeLessThanOrEqual(1);
    return rows[0]?.ended_at !== null && rows[0]?.id;
  }, 20_000);
const eventsOf = (operationId: string) =>
  app.sql`select event_type, event_status, metadata from security_events where metadata ->> 'operationId' = ${operationId}`;

it("an instance in production fails over by an operation of the system, once, and it is an event", async () => {
  provider.dues.push(due("lost-prod-01"), due("lost-prod-01"), due("unknown-01"));
  const id = await failedOver("lost-prod-01");
  const parameters = { forceFailover: true, automatic: true, cause: "Its server is not running.", since };
  expect(await operationOf(dba, id)).toMatchObject({
    status: "SUCCEEDED",
    requestedBy: { type: "system", name: "failover" },
    parameters,
  });
  expect(provider.runs.get(id)?.request).toMatchObject({ forceFailover: true, automatic: true });
  const records = await recordsOf(app, id);
  expect(records.map(({ action, success }) => [action, success])).toEqual([
    ["operation.requested", true],
    ["operation.ended", true],
  ]);
  expect(records[0]).toMatchObject({ actor: { type: "system", name: "failover" }, parameters });
  const [event, ...others] = await eventsOf(id);
  expect(others).toEqual([]);
  expect(event).toMatchObject({
    event_type: "instance_failover",
    event_status: "SUCCESS",
    metadata: { cause: "Its server is not running.", status: "SUCCEEDED", result: { failedOver: false } },
  });
  provider.dues.push(due("lost-prod-01"));
  await eventually(() => provider.dues.length === 0, 10_000);
  expect(await failedOver("lost-prod-01"), "not again within a minute").toBe(id);
});

it("what runs on the instance has failed with its primary, and what waits comes after the failover", async () => {
  const running = await accepted(dba, "createSnapshot", { instanceId: "lost-dev-01", snapshotId: "runs" });
  await eventually(async () => (await operationOf(dba, running.id)).status === "RUNNING");
  const waiting = await accepted(dba, "modifyBackupWindow", { instanceId: "lost-dev-01", backupWindow: "01:00-01:30" });
  provider.scripts.set("lost-dev-01", {
    poll: (run, usual) => (run.request.operationId === running.id ? RUNNING : usual()),
  });
  provider.dues.push(due("lost-dev-01"));
  const id = await failedOver("lost-dev-01");
  const lost = await operationOf(dba, running.id);
  expect(lost).toMatchObject({
    status: "FAILED",
    success: false,
    error: { code: "PrimaryLost", guidance: expect.stringMatching(/standby takes over/) },
  });
  expect((await recordsOf(app, running.id)).map(({ action, success }) => [action, success])).toEqual([
    ["operation.requested", true],
    ["operation.ended", false],
  ]);
  await eventually(async () => (await operationOf(dba, waiting.id)).status === "SUCCEEDED");
  const order = provider.begun.filter((one) => [running.id, id, waiting.id].includes(one));
  expect(order).toEqual([running.id, id, waiting.id]);
});

/** A restore that goes on until the test lets it end; it needs none of the servers. */
async function restoring(of: typeof provider, instanceId: string) {
  const script = of.scripts.get(instanceId)!;
  await accepted(dba, "createSnapshot", { instanceId, snapshotId: `of-${instanceId}`, waitSeconds: 20 });
  let isOver = false;
  of.scripts.set(instanceId, {
    ...script,
    poll: (run, usual) => (run.request.type === "RESTORE_SNAPSHOT" && !isOver ? RUNNING : usual()),
  });
  const wanted = { instanceId, snapshotId: `of-${instanceId}`, identifier: `${instanceId}-again` };
  const restore = await accepted(dba, "restoreSnapshot", wanted);
  await eventually(async () => (await operationOf(dba, restore.id)).status === "RUNNING");
  const end = () => {
    isOver = true;
  };
  return { restore: restore.id as string, end };
}

it("a restore goes on while its instance fails over, and while it is worked on", async () => {
  const { restore, end } = await restoring(provider, "well-dev-01");
  expect(await accepted(dba, "rebootInstance", { instanceId: "well-dev-01", waitSeconds: 20 })).toMatchObject({
    status: "SUCCEEDED",
  });
  provider.dues.push(due("well-dev-01"));
  await failedOver("well-dev-01");
  expect(await operationOf(dba, restore)).toMatchObject({ status: "RUNNING" });
  end();
  await eventually(async () => (await operationOf(dba, restore)).status === "SUCCEEDED");
});

it("a reboot of an instance that has failed ends what runs, comes before what waits, and waits for nothing", async () => {
  let hangs = "none yet";
  local.scripts.set("rescue-01", { poll: (run, usual) => (run.request.operationId === hangs ? RUNNING : usual()) });
  const wanted = { instanceId: "rescue-01", snapshotId: "hangs" };
  local.scripts.get("rescue-01")!.start = ({ operationId, type }) => {
    if (type === "CREATE_SNAPSHOT") hangs = operationId;
  };
  const running = await accepted(dba, "createSnapshot", wanted);
  const waiting = await accepted(dba, "modifyBackupWindow", { instanceId: "rescue-01", backupWindow: "01:00-01:30" });
  await eventually(() => local.begun.includes(running.id));
  const reboot = await accepted(dba, "rebootInstance", { instanceId: "rescue-01" });
  // Twice more the snapshot is looked at: as long as the primary answers, its reboot waits.
  const polls = () => local.runs.get(running.id)!.polls;
  const seen = polls();
  await eventually(() => polls() > seen + 2);
  expect(await operationOf(dba, running.id)).toMatchObject({ status: "RUNNING" });
  local.change("rescue-01", { status: "failed" });
  await eventually(async () => (await operationOf(dba, reboot.id)).status === "SUCCEEDED");
  expect(await operationOf(dba, running.id)).toMatchObject({ status: "FAILED", error: { code: "PrimaryLost" } });
  expect((await recordsOf(app, running.id)).map(({ action, success }) => [action, success])).toEqual([
    ["operation.requested", true],
    ["operation.ended", false],
  ]);
  await eventually(async () => (await operationOf(dba, waiting.id)).endedAt !== null);
  const order = local.begun.filter((one) => [running.id, reboot.id, waiting.id].includes(one));
  expect(order).toEqual([running.id, reboot.id, waiting.id]);
});

it("a reboot of an instance that has failed does not wait for what has timed out", async () => {
  await app.sql`
    insert into operations (type, instance_id, parameters, requested_by, status, started_at, ended_at)
    select 'CREATE_SNAPSHOT', id, '{"snapshotId": "timed-out"}', '{}', 'TIMED_OUT', now(), now() from instances
    where identifier = 'rescue-02'`;
  const reboot = await accepted(dba, "rebootInstance", { instanceId: "rescue-02" });
  local.change("rescue-02", { status: "failed" });
  await hasten(app, "inventory-local");
  await eventually(async () => (await operationOf(dba, reboot.id)).status === "SUCCEEDED", 20_000);
});

it("a reboot waits for no start that may never end; what else is asked does, and all waits for a creation", async () => {
  local.change("slow-01", { status: "starting" });
  await hasten(app, "inventory-local");
  const waiting = await accepted(dba, "modifyBackupWindow", { instanceId: "slow-01", backupWindow: "01:00-01:30" });
  const reboot = await accepted(dba, "rebootInstance", { instanceId: "slow-01", waitSeconds: 20 });
  expect(reboot).toMatchObject({ status: "SUCCEEDED" });
  expect(await operationOf(dba, waiting.id)).toMatchObject({ status: "QUEUED" });
  local.change("slow-01", { status: "creating" });
  await hasten(app, "inventory-local");
  let looks = 0;
  local.scripts.set("slow-01", {
    describe() {
      looks += 1;
    },
  });
  const early = await accepted(dba, "rebootInstance", { instanceId: "slow-01" });
  await eventually(() => looks > 0);
  expect(await operationOf(dba, early.id)).toMatchObject({ status: "QUEUED" });
  local.change("slow-01", { status: "available" });
  await eventually(async () => (await operationOf(dba, early.id)).status === "SUCCEEDED", 20_000);
});

it("nobody but Postern itself can ask for one", async () => {
  const { errors, code } = await ask(dba, "rebootInstance", { instanceId: "well-dev-01", automatic: true });
  expect(errors).toHaveLength(1);
  expect(code).toBe("BAD_USER_INPUT");
});
