/** Windows, reboots and failovers of real clusters, asked for over HTTP: what PostgreSQL says of them, and what goes wrong. */
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import type { Client } from "../../../support/app.js";
import { accepted, ask, hasten, instanceOf, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { idOf, query, untilStreaming, writablePorts } from "../../../support/ground.js";
import { DEV, FULL, ROWS, TEST, useLocalFleet } from "../../../support/local-fleet.js";
import { eventually } from "../../../support/sandbox.js";

const { app, opened, count, startedAt, postmasterOf, isReady } = useLocalFleet();
let provider: LocalProvider;
let full: LocalProvider;
let dba: Client;
beforeAll(() => {
  ({ provider, full, dba } = opened());
});

describe("modifyBackupWindow", () => {
  const windows = () => instanceOf(dba, DEV, "backupWindow pendingBackupWindow maintenanceWindow");
  const modify = (input: object) => accepted(dba, "modifyBackupWindow", { instanceId: DEV, waitSeconds: 20, ...input });

  it("waits for the maintenance window, or is there at once; it may pass midnight", async () => {
    const maintenanceWindow = "sun:05:00-sun:06:00";
    const pending = await modify({ backupWindow: "23:45-00:15" });
    expect(pending).toMatchObject({
      status: "SUCCEEDED",
      result: { backupWindow: "02:00-02:30", pendingBackupWindow: "23:45-00:15" },
    });
    expect(await windows()).toEqual({
      backupWindow: "02:00-02:30",
      pendingBackupWindow: "23:45-00:15",
      maintenanceWindow,
    });
    const applied = await modify({ backupWindow: "23:45-00:15", applyImmediately: true });
    expect(applied).toMatchObject({
      status: "SUCCEEDED",
      result: { backupWindow: "23:45-00:15", pendingBackupWindow: null },
    });
    expect(await windows()).toEqual({ backupWindow: "23:45-00:15", pendingBackupWindow: null, maintenanceWindow });
    expect((await recordsOf(app, applied.id)).map(({ action }) => action)).toEqual([
      "operation.requested",
      "operation.ended",
    ]);
    expect(await provider.describe(await idOf(provider, DEV))).toMatchObject({ backupWindow: "23:45-00:15" });
  });

  it("takes one that only touches the maintenance window, and warns", async () => {
    const { status, parameters } = await modify({ backupWindow: "04:30-05:00" });
    expect(status).toBe("SUCCEEDED");
    expect(parameters.warnings).toEqual([expect.stringMatching(/touches the maintenance window/)]);
  });

  it.each([
    ...[
      "25:00-26:00",
      "03:00-03:29",
      "3:00-4:00",
      "03:00-03:00",
      "03:00",
      "",
      "٠٣:٠٠-٠٤:٠٠",
      "０３:００-０４:００",
      "03:00-04:00\n",
    ],
    ...[" 03:00-04:00", "03:00-04:00Z", "03:60-04:30", "24:00-00:30", "sun:03:00-sun:04:00", "03:00–04:00"],
    // These overlap.
    ...["05:00-06:00", "04:31-05:01", "05:59-06:29", "05:15-05:45", "23:00-22:30", "04:00-07:00"],
  ])("refuses %j", async (backupWindow) => {
    const before = await windows();
    const left = await leftBy(app, () => ask(dba, "modifyBackupWindow", { instanceId: DEV, backupWindow }));
    expect([left.answer.status, left.answer.code]).toEqual([400, "BAD_USER_INPUT"]);
    expect(left.answer.errors?.[0]?.extensions.field).toBe("backupWindow");
    expect(left.records).toMatchObject([{ action: "operation.refused" }]);
    expect(left.operations).toBe(0);
    expect(await windows()).toEqual(before);
  });
});

describe("rebootInstance", () => {
  it("starts the server anew, and tells how long it was away", async () => {
    const [before, rows] = [await startedAt(DEV), await count(DEV)];
    const operation = await accepted(dba, "rebootInstance", { instanceId: DEV, waitSeconds: 30 });
    expect(operation).toMatchObject({
      status: "SUCCEEDED",
      parameters: { forceFailover: false },
      result: { failedOver: false, primary: `${DEV}-a` },
      snapshot: null,
    });
    expect(operation.result.awaySeconds).toBeGreaterThan(0);
    expect(operation.result.awaySeconds).toBeLessThan(operation.durationSeconds);
    expect(await startedAt(DEV)).not.toBe(before);
    expect(await count(DEV)).toBe(rows);
    expect(await recordsOf(app, operation.id)).toMatchObject([
      { action: "operation.requested", parameters: { type: "REBOOT_INSTANCE", identifier: DEV } },
      { action: "operation.ended", result: { status: "SUCCEEDED", result: operation.result } },
    ]);
    expect(await instanceOf(dba, DEV, "status")).toEqual({ status: "available" });
  });

  it("fails over: every row stays, the roles swap, and the standby streams again", async () => {
    await query(provider, TEST, (sql) => sql`insert into notes select generate_series(1, 1234)`);
    const before = await instanceOf(dba, TEST, "endpoint { port } members { name role endpoint { port } }");
    const operation = await accepted(dba, "rebootInstance", { instanceId: TEST, forceFailover: true, waitSeconds: 60 });
    expect(operation).toMatchObject({
      status: "SUCCEEDED",
      result: { failedOver: true, primary: `${TEST}-b`, awaySeconds: expect.any(Number) },
    });
    expect(await count(TEST)).toBe(1234);
    const after = await instanceOf(dba, TEST, "endpoint { port } members { name role }");
    expect(after.members).toEqual([
      { name: `${TEST}-a`, role: "STANDBY" },
      { name: `${TEST}-b`, role: "PRIMARY" },
    ]);
    expect(after.endpoint).toEqual(before.members[1].endpoint);
    await untilStreaming(provider, TEST);
    expect(await writablePorts(provider, TEST)).toEqual([after.endpoint.port]);
  });

  it("loses no replication slot by a failover unless that is accepted", async () => {
    await query(provider, TEST, (sql) => sql`select pg_create_physical_replication_slot('reports')`);
    const running = await startedAt(TEST);
    const wanted = { instanceId: TEST, forceFailover: true, waitSeconds: 60 };
    const refused = await accepted(dba, "rebootInstance", wanted);
    expect(refused).toMatchObject({ status: "FAILED", error: { code: "ReplicationSlotLoss" } });
    expect(refused.error.message).toMatch(/reports \(physical\).*acceptSlotLoss: true/);
    expect(refused.error.guidance).toMatch(/acceptSlotLoss: true; or drop the slots/);
    expect(await startedAt(TEST)).toBe(running);
    const done = await accepted(dba, "rebootInstance", { ...wanted, acceptSlotLoss: true });
    expect(done).toMatchObject({
      status: "SUCCEEDED",
      parameters: { forceFailover: true, acceptSlotLoss: true },
      result: { primary: `${TEST}-a`, lostSlots: ["reports"], notCarried: [] },
    });
    await untilStreaming(provider, TEST);
  });

  it("does not fail over where there is no standby", async () => {
    const running = await startedAt(DEV);
    const left = await leftBy(app, () => ask(dba, "rebootInstance", { instanceId: DEV, forceFailover: true }));
    expect([left.answer.status, left.answer.code]).toEqual([409, "FAILED_PRECONDITION"]);
    expect(left.answer.errors?.[0]).toMatchObject({
      message: "This instance has no standby to fail over to. Reboot without forceFailover.",
      extensions: { state: "no standby" },
    });
    expect(left.records).toMatchObject([{ action: "operation.refused" }]);
    expect(left.operations).toBe(0);
    expect(await startedAt(DEV)).toBe(running);
  });
});

it("ten at once on three instances all end, one at a time on each, in the order in which they came", async () => {
  const asked = [
    ...[DEV, TEST].flatMap((instanceId, n) => [
      ask(dba, "createSnapshot", { instanceId, snapshotId: `ten-${n}`, waitSeconds: 60 }),
      ask(dba, "modifyBackupWindow", {
        instanceId,
        backupWindow: "10:00-11:00",
        applyImmediately: true,
        waitSeconds: 60,
      }),
      ask(dba, "rebootInstance", { instanceId, waitSeconds: 60 }),
      ask(dba, "createSnapshot", { instanceId, waitSeconds: 60 }),
    ]),
    ask(dba, "rebootInstance", { instanceId: FULL, waitSeconds: 60 }),
    ask(dba, "modifyBackupWindow", { instanceId: FULL, backupWindow: "10:00-11:00", waitSeconds: 60 }),
  ];
  const answers = await Promise.all(asked);
  expect(answers.map(({ errors }) => errors)).toEqual(asked.map(() => undefined));
  const operations = answers.map(
    ({ data }) => Object.values<{ operation: Record<string, string> }>(data)[0]!.operation,
  );
  expect(operations.map(({ status, error }) => [status, error])).toEqual(asked.map(() => ["SUCCEEDED", null]));
  const ids = operations.map(({ id }) => String(id));
  const rows = await app.sql`
    select started_at >= lag(ended_at) over (partition by instance_id order by id) as after
    from operations where id::text in ${app.sql(ids)} order by id`;
  expect(rows.filter(({ after }) => after === null)).toHaveLength(3);
  expect(rows.filter(({ after }) => after === true)).toHaveLength(7);
  for (const id of ids) {
    expect((await recordsOf(app, id)).map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);
  }
});

describe("what goes wrong at the provider is data", () => {
  async function fails(verb: "createSnapshot" | "rebootInstance", input: object, code: string, message: RegExp) {
    const operation = await accepted(dba, verb, { waitSeconds: 60, ...input });
    expect(operation).toMatchObject({
      status: "FAILED",
      success: false,
      snapshot: null,
      error: { code, message: expect.stringMatching(message), guidance: expect.stringMatching(/request it again/) },
    });
    expect(await recordsOf(app, operation.id)).toMatchObject([
      { action: "operation.requested", success: true },
      { action: "operation.ended", success: false, result: { status: "FAILED", error: { code } } },
    ]);
    expect(await isReady()).toBe(true);
    return operation;
  }

  it("a disk that is full", async () => {
    await fails(
      "createSnapshot",
      { instanceId: FULL, snapshotId: "too-large" },
      "StorageFull",
      /free disk space are needed/,
    );
    expect(await full.listSnapshots(await idOf(full, FULL))).toEqual([]);
    // What was not made does not hold its name.
    const again = await accepted(dba, "createSnapshot", { instanceId: DEV, snapshotId: "too-large", waitSeconds: 30 });
    expect(again.status).toBe("SUCCEEDED");
  });

  it("a server that does not answer", async () => {
    const pid = await postmasterOf(DEV, "a");
    process.kill(pid, "SIGSTOP");
    onTestFinished(() => void process.kill(pid, "SIGCONT"));
    await fails(
      "createSnapshot",
      { instanceId: DEV, snapshotId: "of-a-frozen-one" },
      "InvalidDBInstanceState",
      /does not answer/,
    );
    const { status, availableOperations } = await instanceOf(
      dba,
      DEV,
      "status availableOperations { type allowed reason }",
    );
    expect(status).toBe("failed");
    expect(availableOperations[0]).toMatchObject({ allowed: false, reason: expect.stringMatching(/is failed/) });
    const refused = await ask(dba, "createSnapshot", { instanceId: DEV });
    expect([refused.code, refused.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "failed"]);
    process.kill(pid, "SIGCONT");
    await hasten(app, "inventory-local");
    expect(await instanceOf(dba, DEV, "status")).toEqual({ status: "available" });
    expect(await accepted(dba, "createSnapshot", { instanceId: DEV, waitSeconds: 30 })).toMatchObject({
      success: true,
    });
  });

  it("a standby that is down", async () => {
    await untilStreaming(provider, TEST);
    const members = await instanceOf(dba, TEST, "members { name role }");
    const standby = members.members.find(({ role }: { role: string }) => role === "STANDBY").name.at(-1);
    process.kill(await postmasterOf(TEST, standby), "SIGKILL");
    const running = await startedAt(TEST);
    await fails("rebootInstance", { instanceId: TEST, forceFailover: true }, "StandbyUnavailable", /cannot take over/);
    expect(await startedAt(TEST)).toBe(running);
    expect(await count(TEST)).toBe(1234);
    await eventually(async () => {
      await provider.repair();
      return provider
        .describe(await idOf(provider, TEST))
        .then((seen) => seen?.members.every((member) => member.endpoint));
    }, 20_000);
    await untilStreaming(provider, TEST);
  });

  it("a server that was killed: a reboot brings it back", async () => {
    process.kill(await postmasterOf(DEV, "a"), "SIGKILL");
    const operation = await accepted(dba, "rebootInstance", { instanceId: DEV, waitSeconds: 30 });
    expect(operation).toMatchObject({ status: "SUCCEEDED" });
    expect(await operationOf(dba, operation.id)).toEqual(operation);
    expect(await count(DEV)).toBe(ROWS);
  });
});
