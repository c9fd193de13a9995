/** Before a provider is asked, the row of the operation says so, and what was seen; whoever goes on has it from there. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Poll } from "../../../../src/providers/provider.js";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, operationOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
for (const identifier of ["asked-dev", "gone-dev", "busy-dev", "refusing-dev"]) provider.add(identifier);
const app = testApp(polling({ scripted: 20 }), async () => [provider], { sweepMs: 500 });
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});
afterAll(() => provider.release());

const intentOf = async (id: string) => (await app.sql`select intent from operations where id = ${id}`)[0]?.intent;
const reboot = (instanceId: string, waitSeconds = 20) => accepted(dba, "rebootInstance", { instanceId, waitSeconds });
const INTENT = { askedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), saw: { status: "available" } };
const refusal = (run: { starts: number }, usual: () => Poll): Poll => {
  const failure = { code: "InvalidDBInstanceState", message: "It is being modified." };
  return run.starts < 2 ? { state: "deferred", resourceStatus: "modifying", failure } : usual();
};

it("is committed before the provider is asked, and given to it with every poll", async () => {
  const rows: unknown[] = [];
  provider.scripts.set("asked-dev", {
    look: () => ({ status: "available" }),
    start: async ({ operationId }, intent) => void rows.push(await intentOf(operationId), intent),
  });
  const { id, status } = await reboot("asked-dev");
  expect(status).toBe("SUCCEEDED");
  expect(rows).toEqual([INTENT, INTENT]);
  expect(provider.runs.get(id)?.intent).toEqual(rows[0]);
});

it("where it cannot be written because the operation has passed to another worker, the provider is not asked", async () => {
  provider.scripts.set("gone-dev", {
    look: () => ({ status: "available" }),
    async describe() {
      await app.sql`update operations set worker = 'another', lease_until = now() + interval '1 hour' where status = 'RUNNING'`;
    },
  });
  const { id } = await reboot("gone-dev", 0);
  await eventually(async () => (await app.sql`select from operations where id = ${id} and worker = 'another'`).length);
  provider.scripts.set("gone-dev", {});
  // The next operation elsewhere shows that the worker has gone on.
  expect((await reboot("asked-dev")).status).toBe("SUCCEEDED");
  expect([await intentOf(id), provider.runs.has(id)]).toEqual([null, false]);
  await app.sql`update operations set lease_until = now() where id = ${id}`;
  expect((await eventually(async () => (await operationOf(dba, id)).endedAt && operationOf(dba, id))).status).toBe(
    "SUCCEEDED",
  );
  expect(provider.runs.get(id)?.starts).toBe(1);
});

it("is taken back where the provider refuses for now, and the operation is asked for again", async () => {
  const rows: unknown[] = [];
  let refused = false;
  provider.scripts.set("busy-dev", {
    look: () => ({ status: "available" }),
    async poll(run, usual) {
      rows.push(await intentOf(run.request.operationId));
      if (refused) return usual();
      const isAsked = run.intent !== null;
      refused = !isAsked;
      return isAsked ? refusal(run, usual) : { state: "unknown" };
    },
  });
  const { id, status, progress } = await reboot("busy-dev");
  expect(status).toBe("SUCCEEDED");
  expect(progress.map(({ message }: { message: string }) => message)).toContain(
    "It is being modified. It is asked again.",
  );
  expect(rows.slice(0, 2)).toEqual([INTENT, null]);
  expect(provider.runs.get(id)?.starts).toBe(2);
});

it("a provider that refuses until the deadline has done nothing, and its reason is the failure", async () => {
  provider.scripts.set("refusing-dev", { poll: (_run, usual) => refusal({ starts: 0 }, usual) });
  const { id, status, error } = await reboot("refusing-dev");
  expect([status, error]).toMatchObject([
    "FAILED",
    { code: "InvalidDBInstanceState", message: "It is being modified." },
  ]);
  expect(await intentOf(id)).toBeNull();
});
