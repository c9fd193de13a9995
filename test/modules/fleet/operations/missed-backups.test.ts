/** A backup that is not taken in its window leaves a record, an event and a finding, and is taken after it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, testApp } from "../../../support/app.js";
import { hasten, instanceOf, leftBy } from "../../../support/fleet-app.js";
import { idOf, listAll, NEW, operate, startOf, stopOf, useGround } from "../../../support/ground.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const MINUTE_MS = 60_000;
const clock = (minutes: number) => new Date(Date.now() + minutes * MINUTE_MS).toISOString().slice(11, 16);
const windowOf = (from: number, to: number) => `${clock(from)}-${clock(to)}`;
/** It was open an hour ago, and is over. */
const OVER = windowOf(-90, -30);

const scripted = scriptedProvider();
const kept = { backupWindow: OVER, backupRetentionDays: 7 };
for (const identifier of ["new-dev", "down-dev", "failing-dev"]) scripted.add(identifier, kept);
scripted.change("failing-dev", { backupWindow: windowOf(-20, 40) });
scripted.scripts.set("failing-dev", {
  poll: () => ({
    state: "failed",
    resourceStatus: "failed",
    failure: { code: "StorageFull", message: "The disk is full." },
  }),
});

const patient = scriptedProvider();
patient.add("over-dev", kept);
patient.add("open-dev", { ...kept, backupWindow: windowOf(-20, 40) });
const patientApp = testApp({ BACKUP_CATCH_UP: "false" }, async () => [patient]);

const ground = useGround();
let provider: LocalProvider;
let dba: Client;
afterAll(() => provider?.stopAll());
const app = testApp(polling({ local: 600, scripted: 600 }), async () => {
  provider = await ground.open();
  await provider.create({
    ...NEW,
    ...kept,
    identifier: "real-prod",
    tags: [{ key: "Environment", value: "Production" }],
  });
  await operate(provider, stopOf(await idOf(provider, "real-prod")));
  return [provider, scripted];
});
beforeAll(async () => {
  dba = await app.as("dba");
});

const FIELDS = `status lastBackup { at snapshot { id identifier status createdAt automated } }
  findings(filter: { kind: { eq: "backup_missed" } }) { nodes { severity subject detail resolvedAt } }`;
const seen = (identifier: string) => instanceOf(dba, identifier, FIELDS);
/** Backups have been due in the window for long. */
const due = (identifier: string) =>
  app.sql`update instances set backup_window_since = now() - interval '2 days' where identifier = ${identifier}`;
const automated = (identifier: string) => app.sql`
  select o.id::text, o.status from operations o join instances i on i.id = o.instance_id
  where i.identifier = ${identifier} and o.parameters -> 'automated' = 'true' order by o.id`;
const about = <T extends { parameters?: { identifier?: string }; metadata?: { identifier?: string } }>(
  rows: readonly T[],
  identifier: string,
) => rows.filter(({ parameters, metadata }) => (parameters ?? metadata)?.identifier === identifier);

const found = async (identifier: string) => (await seen(identifier)).findings.nodes;
/** One run of the schedule for both providers. */
const round = (task = "backups") => Promise.all(["local", "scripted"].map((name) => hasten(app, `${task}-${name}`)));
const ended = (identifier: string, nth: number, status: string) =>
  eventually(async () => (await automated(identifier))[nth]?.status === status, 20_000);
const subject = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z$/);
const open = { severity: "WARNING", subject, resolvedAt: null };
const resolved = { ...open, resolvedAt: expect.any(String) };

it("one that was not taken in its window is found once, with a record, an event and the cause", async () => {
  expect(await seen("real-prod")).toEqual({ status: "stopped", lastBackup: null, findings: { nodes: [] } });
  for (const identifier of ["real-prod", "down-dev"]) await due(identifier);
  const left = await leftBy(app, async () => {
    await round();
    await ended("failing-dev", 0, "FAILED");
    await ended("down-dev", 0, "SUCCEEDED");
    await round();
  });
  expect(await found("real-prod")).toMatchObject([
    { ...open, detail: expect.stringMatching(/was not taken\. The instance is stopped\. It is taken as soon as/) },
  ]);
  expect(about(left.records as never, "real-prod")).toMatchObject([
    {
      action: "instance.missBackup",
      resource_type: "instance",
      actor: { type: "system", name: "schedule" },
      parameters: { identifier: "real-prod", windowOpenedAt: subject },
      result: { cause: "The instance is stopped." },
      success: false,
    },
  ]);
  expect(about(left.events as never, "real-prod")).toMatchObject([
    { event_type: "backup_missed", event_status: "FAILURE", metadata: { windowOpenedAt: subject } },
  ]);
  expect(await automated("real-prod")).toEqual([]);
});

it("while Postern was not there: taken after the window, which ends the finding", async () => {
  expect(await found("down-dev")).toMatchObject([
    { ...resolved, detail: expect.stringMatching(/Postern or the instance was not there during the window/) },
  ]);
  expect((await seen("down-dev")).lastBackup.snapshot.identifier).toMatch(/^down-dev-/);
  const filter = `{ identifier: { in: ["down-dev", "new-dev"] }, lastBackup: { at: { gt: "2026-01-01T00:00:00Z" } } }`;
  const { data } = await dba.run(`{ instances(filter: ${filter}) { nodes { identifier } } }`);
  expect(data.instances.nodes).toEqual([{ identifier: "down-dev" }]);
});

it("one that fails is found in its window, with its cause, and is not tried again too soon", async () => {
  expect(await found("failing-dev")).toMatchObject([
    { ...open, detail: expect.stringContaining("It failed: The disk is full.") },
  ]);
  expect(await automated("failing-dev")).toHaveLength(1);
});

it("nothing was missed of a window in which no backup was due yet", async () => {
  expect(await seen("new-dev")).toMatchObject({ lastBackup: null, findings: { nodes: [] } });
  expect(await automated("new-dev")).toEqual([]);
});

it("where configuration says so it is found, and not taken after the window", async () => {
  const client = await patientApp.as("dba");
  await patientApp.sql`update instances set backup_window_since = now() - interval '2 days'`;
  for (let round = 0; round < 2; round++) await hasten(patientApp, "backups-scripted");
  const count = "operations { totalCount }";
  const { findings, ...over } = await instanceOf(client, "over-dev", `${FIELDS} ${count}`);
  expect(over).toMatchObject({ lastBackup: null, operations: { totalCount: 0 } });
  expect(findings.nodes).toMatchObject([
    { ...open, detail: expect.stringMatching(/ Take a snapshot by hand, or see/) },
  ]);
  expect(await instanceOf(client, "open-dev", count)).toEqual({ operations: { totalCount: 1 } });
});

it("it is taken when that is possible again, production too; other facts change nothing of what was found", async () => {
  await operate(provider, startOf(await idOf(provider, "real-prod")));
  scripted.scripts.set("failing-dev", {});
  const [failed] = await automated("failing-dev");
  await app.sql`update operations set requested_at = now() - interval '11 minutes' where id = ${failed?.id}`;
  // From now on it is due in another window, which is over.
  await due("new-dev");
  scripted.change("new-dev", { backupWindow: windowOf(-100, -40) });
  await round("inventory");
  expect([await found("real-prod"), await found("failing-dev")]).toMatchObject([[open], [open]]);
  await round();
  await ended("real-prod", 0, "SUCCEEDED");
  await ended("failing-dev", 1, "SUCCEEDED");
  expect([await found("new-dev"), await automated("new-dev")]).toEqual([[], []]);
  scripted.change("new-dev", { status: "failed" });
  await round("inventory");
  await due("new-dev");
  await round();
  expect(await automated("real-prod")).toHaveLength(1);
  expect([await found("real-prod"), await found("failing-dev")]).toMatchObject([[resolved], [resolved]]);
  const { lastBackup } = await seen("real-prod");
  expect(lastBackup).toMatchObject({
    at: lastBackup.snapshot.createdAt,
    snapshot: { status: "available", automated: true },
  });
});

it("goes with the backups, and the last backup with its snapshot", async () => {
  expect(await found("new-dev")).toMatchObject([open]);
  scripted.change("new-dev", { backupRetentionDays: 0 });
  const { providerId } = (await listAll(provider))[0]!;
  const [snapshot] = (await provider.listSnapshots(providerId))!;
  await provider.deleteSnapshot(providerId, { snapshotId: snapshot!.identifier });
  await round("inventory");
  await round();
  expect(await found("new-dev")).toMatchObject([resolved]);
  expect((await seen("real-prod")).lastBackup).toBeNull();
});
