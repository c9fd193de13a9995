/** What runs on a real cluster is cancelled over HTTP: PostgreSQL, the files and the rows show nothing of it any more. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, instanceOf, recordsOf } from "../../../support/fleet-app.js";
import { NEW, query, useGround } from "../../../support/ground.js";
import { eventually, processesIn } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const ground = useGround();
let provider: LocalProvider;
let dba: Client;
const app = testApp(polling({ local: 600 }), async () => {
  provider = await ground.open();
  await provider.create({ ...NEW, identifier: "orders-test", backupRetentionDays: 0 });
  return [provider];
});
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const instanceId = "orders-test";
const foldersOf = async (kind: string) => (await readdir(join(ground.path, "fleet", kind))).sort();
const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action).sort();
const RECORDS = ["operation.cancel", "operation.ended", "operation.requested"];

it("a snapshot, while PostgreSQL begins it: no session, no folder and no row is left, and the next one is taken", async () => {
  // What flushes the pages sleeps, so that the snapshot cannot begin to copy.
  const [row] = await query(
    provider,
    instanceId,
    (sql) => sql`select pid from pg_stat_activity where backend_type = 'checkpointer'`,
  );
  process.kill(row?.pid, "SIGSTOP");
  onTestFinished(() => void process.kill(row?.pid, "SIGCONT"));
  const { id } = await accepted(dba, "createSnapshot", { instanceId, snapshotId: "cut" });
  await eventually(async () => (await foldersOf("snapshots")).length === 1);
  const operation = await accepted(dba, "cancelOperation", { operationId: id, waitSeconds: 60 });
  expect(operation).toMatchObject({ status: "CANCELLED", error: null, snapshot: null, success: false });
  expect([await foldersOf("snapshots"), await actionsOf(id)]).toEqual([[], RECORDS]);
  expect(await app.sql`select from snapshots`).toHaveLength(0);
  expect(await instanceOf(dba, instanceId, "status")).toEqual({ status: "available" });
  process.kill(row?.pid, "SIGCONT");
  const again = await accepted(dba, "createSnapshot", { instanceId, snapshotId: "cut", waitSeconds: 60 });
  expect(again).toMatchObject({ status: "SUCCEEDED", snapshot: { identifier: "cut", status: "available" } });
  const sessions = (sql: Parameters<Parameters<typeof query>[2]>[0]) =>
    sql`select from pg_stat_activity where query like '%pg_backup_start%' and pid <> pg_backend_pid()`;
  expect(await query(provider, instanceId, sessions)).toHaveLength(0);
});

it("a restore, while the new instance starts: no server, no folder and no instance is left, and the next one is whole", async () => {
  // Whoever connects to what is made of this snapshot has to wait, for less than until it gives up.
  await query(provider, instanceId, (sql) => sql.unsafe("alter system set pre_auth_delay = '4s'"));
  await accepted(dba, "createSnapshot", { instanceId, snapshotId: "slow", waitSeconds: 60 });
  await query(provider, instanceId, (sql) => sql.unsafe("alter system reset pre_auth_delay"));
  const before = await foldersOf("instances");
  const { id } = await accepted(dba, "restoreSnapshot", { instanceId, snapshotId: "slow", identifier: "copy" });
  const made = await eventually(async () => (await foldersOf("instances")).find((name) => !before.includes(name)));
  const serversOf = () => processesIn(join(ground.path, "fleet", "instances", String(made)));
  await eventually(async () => (await serversOf()).length > 0, 20_000);
  const operation = await accepted(dba, "cancelOperation", { operationId: id, waitSeconds: 60 });
  expect(operation).toMatchObject({ status: "CANCELLED", error: null, result: null });
  expect([await serversOf(), await foldersOf("instances"), await actionsOf(id)]).toEqual([[], before, RECORDS]);
  const { data } = await dba.run("{ instances { nodes { identifier } } }");
  expect(data.instances.nodes).toEqual([{ identifier: instanceId }]);
  const input = { instanceId, snapshotId: "cut", identifier: "copy", waitSeconds: 60 };
  expect(await accepted(dba, "restoreSnapshot", input)).toMatchObject({ status: "SUCCEEDED" });
});
