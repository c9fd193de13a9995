/** A restore on this host whose source becomes production: whatever it has made is production, and what it has not made leaves no mark. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, hasten, instanceOf, mapByTwo, operationOf } from "../../../support/fleet-app.js";
import { NEW, query, useGround } from "../../../support/ground.js";
import { eventually, processesIn } from "../../../support/sandbox.js";
import { polling } from "../../../support/scripted-provider.js";

const ground = useGround();
let provider: LocalProvider;
let dba: Client;
/** While it is held, nobody hears how a restore goes. */
let isHeld = false;
const app = testApp(polling({ local: 600 }), async () => {
  provider = await ground.open();
  await provider.create({ ...NEW, identifier: "orders", backupRetentionDays: 0 });
  const running = { state: "running", resourceStatus: "creating", message: "It is held.", percent: null } as const;
  const poll = async (...asked: Parameters<LocalProvider["poll"]>) => {
    const told = await provider.poll(...asked);
    return isHeld && told.state !== "unknown" ? running : told;
  };
  return [{ ...provider, poll }];
});
beforeAll(async () => {
  dba = await app.as("dba");
});
afterEach(async () => {
  isHeld = false;
  await setEnvironment(null);
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const setEnvironment = (environment: string | null) => mapByTwo(app, { instanceId: "orders", environment });
const snapshot = async (snapshotId: string) =>
  (await accepted(dba, "createSnapshot", { instanceId: "orders", snapshotId, waitSeconds: 60 })).snapshot;
const restore = async (snapshotId: string, identifier: string): Promise<string> =>
  (await accepted(dba, "restoreSnapshot", { instanceId: "orders", snapshotId, identifier })).id;
const isThere = async (identifier: string) =>
  (await provider.list(provider.scopes[0]!)).some((one) => one.identifier === identifier);
const ended = (id: string) =>
  eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, 20_000);
async function marks(id: string) {
  const [row] = await app.sql`select may_have_restored, (select count(*)::int from production_copies) as copies
    from operations where id = ${id}`;
  return [row?.may_have_restored, row?.copies];
}

it("one that has failed or was cancelled has made nothing, and leaves no mark", async () => {
  const { arn } = await snapshot("damaged");
  await rm(join(arn, "data/base/1/1259"));
  isHeld = true;
  const failing = await restore("damaged", "never");
  await eventually(() => ground.lines.some((line) => line.includes("An operation failed")));
  await setEnvironment("PRODUCTION");
  isHeld = false;
  expect(await ended(failing)).toMatchObject({ status: "FAILED", error: { code: "InvalidDBSnapshotState" } });
  expect(await marks(failing)).toEqual([false, 0]);
  await setEnvironment(null);

  // Whoever connects to what is made of this snapshot has to wait.
  await query(provider, "orders", (sql) => sql.unsafe("alter system set pre_auth_delay = '15s'"));
  await snapshot("slow");
  await query(provider, "orders", (sql) => sql.unsafe("alter system reset pre_auth_delay"));
  const cancelled = await restore("slow", "never");
  await eventually(() => ground.lines.some((line) => line.includes("Restoring the snapshot slow")));
  await setEnvironment("PRODUCTION");
  const operation = await accepted(dba, "cancelOperation", { operationId: cancelled, waitSeconds: 60 });
  expect(operation.status).toBe("CANCELLED");
  expect(await marks(cancelled)).toEqual([false, 0]);
  expect(await isThere("never")).toBe(false);
});

it("one whose end nobody has heard of: its copy is production when it is listed", async () => {
  await snapshot("whole");
  isHeld = true;
  const id = await restore("whole", "orders-copy");
  await eventually(() => isThere("orders-copy"), 20_000);
  await setEnvironment("PRODUCTION");
  await hasten(app, "inventory-local");
  const environment = { environment: "PRODUCTION", decidedBy: "ORIGIN" };
  expect(await instanceOf(dba, "orders-copy", "environment { environment decidedBy }")).toEqual({ environment });
  expect((await operationOf(dba, id)).status).toBe("RUNNING");
  await setEnvironment(null);
  isHeld = false;
  expect((await ended(id)).status).toBe("SUCCEEDED");
  expect(await marks(id)).toEqual([false, 1]);
  expect(await instanceOf(dba, "orders-copy", "environment { environment decidedBy }")).toEqual({ environment });
});
