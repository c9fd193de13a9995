/** Whether the instance is production or only its snapshot: whoever asks for the snapshot is refused alike, and leaves the same behind. */
import { expect, it } from "vitest";
import { testApp } from "../../../support/app.js";
import { ask, hasten, instanceOf, leftBy, mapByTwo } from "../../../support/fleet-app.js";
import { scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
for (const identifier of ["now", "then"]) provider.add(identifier);
const app = testApp({}, async () => [provider]);

const VARYING = new Set(["duration_seconds", "requestId"]);

it.each(["dba", "admin"] as const)("%s", async (role) => {
  const client = await app.as(role);
  for (const instanceId of ["now", "then"]) {
    await mapByTwo(app, { instanceId, environment: "PRODUCTION" });
    provider.shoot(instanceId, `of-${instanceId}-${role}`);
  }
  await hasten(app, "inventory-scripted");
  await mapByTwo(app, { instanceId: "then", environment: null });
  const { environment } = await instanceOf(client, "then", "environment { environment }");
  expect(environment).toEqual({ environment: "DEVELOPMENT" });
  for (const [verb, more] of [
    ["deleteSnapshot", {}],
    ["restoreSnapshot", { identifier: "copy" }],
  ] as const) {
    /** What a refusal answers and leaves, without the names that differ. */
    const refused = async (instanceId: string) => {
      const snapshotId = `of-${instanceId}-${role}`;
      const left = await leftBy(app, () => ask(client, verb, { instanceId, snapshotId, ...more }));
      const { status, code, errors } = left.answer;
      const text = JSON.stringify({ ...left, answer: { status, code, errors } });
      return JSON.parse(text.replaceAll(instanceId, "it"), (key, value) => (VARYING.has(key) ? null : value));
    };
    const [ofInstance, ofSnapshot] = [await refused("now"), await refused("then")];
    expect(ofInstance).toMatchObject({
      answer: { status: 403, code: "PRODUCTION_PROTECTED" },
      ...{ operations: 0, snapshots: 0 },
      records: [{ action: "operation.refused", success: false }],
      events: [{ event_type: "authz_fail" }],
    });
    expect(ofSnapshot).toEqual(ofInstance);
  }
});
