/** Operations while a process runs them: whatever cannot be looked at, they end. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { Host } from "../../src/providers/local/host.js";
import { createRuns } from "../../src/providers/local/runs.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import { eventually } from "../support/sandbox.js";

test("an operation that failed has ended, also where what it has left cannot be looked at", async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-test-"));
  const host = { log: pino({ level: "silent" }), clock: { now: () => new Date() } } as unknown as Host;
  const runs = createRuns(host, () => folder);
  const request: OperationRequest = {
    operationId: "one",
    providerId: "db-1",
    type: "REBOOT_INSTANCE",
    forceFailover: false,
  };
  let isFree = false;
  await runs.run(request, {
    instance: "one",
    perform: async () => Promise.reject(new Error("It fails.")),
    statusAfterFailure: () => Promise.reject(new Error("Nor can it be looked at.")),
    onEnd: () => {
      isFree = true;
    },
  });
  const failed = { state: "failed", resourceStatus: "failed", failure: { code: "InternalFailure" } };
  await eventually(async () => (await runs.poll(request))?.state === "failed");
  expect([await runs.poll(request), isFree, runs.isRunning("one")]).toMatchObject([failed, true, false]);
  await runs.stop();
});
