/** Snapshots that are restored and deleted, for their tests: instances, and what they are asked for. */
import { beforeAll, expect } from "vitest";
import { type Client, testApp } from "./app.js";
import { accepted, ask, leftBy, mapByTwo } from "./fleet-app.js";
import { polling, type ScriptedProvider, scriptedProvider } from "./scripted-provider.js";

export const tagged = (value: string) => [{ key: "Environment", value }];

export const LIST =
  "query($id: ID!) { snapshots(filter: { instanceId: { eq: $id } }) { nodes { identifier status } } }";

export const both = (instanceId: string, snapshotId: string, identifier: string) =>
  [
    ["deleteSnapshot", { instanceId, snapshotId }],
    ["restoreSnapshot", { instanceId, snapshotId, identifier }],
  ] as const;

/** Starts an app with these instances for the calling file. */
export function useRestores() {
  let provider: ScriptedProvider;
  let dba: Client;
  let admin: Client;
  const app = testApp(polling({ scripted: 100 }), async () => {
    provider = scriptedProvider();
    const facts = { backupWindow: "02:00-02:30", maintenanceWindow: "sun:05:00-sun:06:00", backupRetentionDays: 0 };
    provider.add("orders", { ...facts, tags: [...tagged("Staging"), { key: "Owner", value: "Orders" }] });
    provider.add("mapped", { ...facts, tags: [] });
    provider.add("ledger", { ...facts, tags: tagged("Test") });
    provider.add("racing", { ...facts, tags: tagged("Test") });
    provider.add("late", { ...facts, tags: tagged("Test") });
    for (const identifier of ["leaving", "formerly", "floor", "waiting"])
      provider.add(identifier, { ...facts, tags: tagged("Test") });
    return [provider];
  });
  beforeAll(async () => {
    dba = await app.as("dba");
    admin = await app.as("admin");
  });
  const setEnvironment = (instanceId: string, environment: string | null) => mapByTwo(app, { instanceId, environment });
  const snapshot = async (instanceId: string, snapshotId: string, tags: object[] = []) =>
    (await accepted(dba, "createSnapshot", { instanceId, snapshotId, tags, waitSeconds: 20 })).snapshot;
  const restore = (instanceId: string, snapshotId: string, identifier: string) =>
    ask(dba, "restoreSnapshot", { instanceId, snapshotId, identifier, waitSeconds: 20 });
  const listed = async (id: string) => (await dba.run(LIST, { id })).data.snapshots.nodes;
  async function expectProtected(instanceId: string, snapshotId: string) {
    for (const [verb, input] of both(instanceId, snapshotId, "never-made")) {
      for (const client of [dba, admin]) {
        const left = await leftBy(app, () => ask(client, verb, input));
        expect([left.answer.status, left.answer.code]).toEqual([403, "PRODUCTION_PROTECTED"]);
        expect(left.records).toMatchObject([{ action: "operation.refused", success: false }]);
        expect(left.events).toMatchObject([{ event_type: "authz_fail" }]);
        expect(left.operations).toBe(0);
      }
    }
  }

  return {
    app,
    setEnvironment,
    snapshot,
    restore,
    listed,
    expectProtected,
    /** @returns what the hooks have opened */
    opened: () => ({ provider, dba }),
  };
}
