/** How often the worker asks a provider about an instance: as often as it polls, and not where the answer decides nothing. */
import { expect, it, vi } from "vitest";
import { testApp } from "../../../support/app.js";
import { accepted, hasten, operationOf } from "../../../support/fleet-app.js";
import { insertOperation } from "../../../support/fleet-port.js";
import { scriptedProvider } from "../../../support/scripted-provider.js";
import { SOON } from "../../../support/soon.js";

const described = { waking: 0, busy: 0 };
const provider = scriptedProvider();
for (const name of ["waking", "busy"] as const)
  provider.add(name, name === "waking" ? { status: "starting" } : {}, {
    describe: () => {
      described[name] += 1;
    },
  });

const OPERATION_POLLING = JSON.stringify({
  scripted: {
    REBOOT_INSTANCE: { intervalMs: 600_000, attempts: 10 },
    MODIFY_BACKUP_WINDOW: { intervalMs: 100, attempts: 1000 },
  },
});
const app = testApp({ OPERATION_POLLING }, async () => [provider], { sweepMs: 50 });
const idOf = async (identifier: string): Promise<string> =>
  (await app.sql`select id::text from instances where identifier = ${identifier}`)[0]?.id;

it("an instance that is starting is not asked about at every sweep", async () => {
  const operationId = await insertOperation(app, await idOf("waking"));
  await vi.waitFor(() => expect(described.waking).toBe(1), SOON);
  app.statements.length = 0;
  const sweeps = () => app.statements.filter((text) => /^select distinct .*from "operations"/.test(text)).length;
  await vi.waitFor(() => expect(sweeps()).toBeGreaterThan(5), SOON);
  expect(described.waking).toBe(1);
  provider.change("waking", { status: "available" });
  await hasten(app, "inventory-scripted");
  const dba = await app.as("dba");
  await vi.waitFor(async () => expect((await operationOf(dba, operationId)).status).toBe("RUNNING"), SOON);
});

it("what runs where a reboot rescues nothing is not looked at for one that waits", async () => {
  const end = { isDue: false };
  const script = provider.scripts.get("busy")!;
  let polls = 0;
  script.poll = (_run, usual) => {
    polls += 1;
    return end.isDue
      ? usual()
      : { state: "running", resourceStatus: "modifying", message: "It goes on.", percent: null };
  };
  const dba = await app.as("dba");
  const { id } = await accepted(dba, "modifyBackupWindow", { instanceId: "busy", backupWindow: "01:00-01:30" });
  await insertOperation(app, await idOf("busy"));
  await vi.waitFor(() => expect(polls).toBeGreaterThan(2), SOON);
  const before = { described: described.busy, polls };
  await vi.waitFor(() => expect(polls).toBeGreaterThan(before.polls + 3), SOON);
  expect(described.busy).toBe(before.described);
  end.isDue = true;
  await vi.waitFor(async () => expect((await operationOf(dba, id)).status).toBe("SUCCEEDED"), SOON);
});
