/** What Postern does by itself: one automated snapshot in each backup window, production included, kept for its retention. */
import { expect, it } from "vitest";
import type { Provider } from "../../../../src/providers/provider.js";
import { testApp } from "../../../support/app.js";
import { hasten } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const MINUTE_MS = 60_000;
const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
const windowAround = (ms: number) => `${clock(ms - 20 * MINUTE_MS)}-${clock(ms + 40 * MINUTE_MS)}`;

const provider = scriptedProvider();
const removed: string[] = [];
const deleteSnapshot: Provider["deleteSnapshot"] = async (_id, { snapshotId }) => void removed.push(snapshotId);
Object.assign(provider, { deleteSnapshot });
const now = Date.now();
provider.add("open-01", {
  tags: [{ key: "Environment", value: "Production" }],
  backupWindow: windowAround(now),
  backupRetentionDays: 7,
});
provider.add("closed-01", { backupWindow: windowAround(now + 720 * MINUTE_MS), backupRetentionDays: 7 });
provider.add("unkept-01", { backupWindow: windowAround(now), backupRetentionDays: 0 });
provider.add("busy-01", { backupWindow: windowAround(now), backupRetentionDays: 7, status: "stopped" });

const app = testApp(polling({ scripted: 100 }), async () => [provider]);

const taken = () => app.sql`
  select i.identifier as instance, o.status, o.requested_by ->> 'type' as by, o.parameters ->> 'snapshotId' as snapshot
  from operations o join instances i on i.id = o.instance_id order by o.id`;

it("is taken once in its window, and the oldest go when their retention is over, but never the last", async () => {
  await hasten(app, "backups-scripted");
  await eventually(async () => (await taken())[0]?.status === "SUCCEEDED");
  await hasten(app, "backups-scripted");
  const [first, ...others] = await taken();
  expect(others).toEqual([]);
  expect(first).toMatchObject({ instance: "open-01", status: "SUCCEEDED", by: "system" });
  const actions = await app.sql`select action from audit_logs where resource_type = 'operation' order by id`;
  expect(actions.map(({ action }) => action)).toEqual(["operation.requested", "operation.ended"]);

  const age = () =>
    app.sql`update snapshots set created_at = now() - interval '8 days' where identifier = ${first?.snapshot}`;
  await app.sql`update operations set requested_at = now() - interval '8 days'`;
  await age();
  await hasten(app, "backups-scripted");
  expect(removed, "the only one is kept, however old").toEqual([]);
  await eventually(async () => (await taken())[1]?.status === "SUCCEEDED");

  await eventually(async () => {
    await age();
    await hasten(app, "backups-scripted");
    return removed.length > 0;
  });
  expect(new Set(removed)).toEqual(new Set([first?.snapshot]));
  const records = await app.sql`
    select actor, success, parameters ->> 'snapshotId' as snapshot from audit_logs
    where action = 'snapshot.expire' order by id limit 2`;
  const record = { actor: { type: "system", name: "retention" }, snapshot: first?.snapshot };
  expect(records).toEqual([
    { ...record, success: null },
    { ...record, success: true },
  ]);
});
