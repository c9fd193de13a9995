/** A pair that is stopped: nothing starts it but a start, whatever state it was stopped in. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { OperationRequest } from "../../src/providers/provider.js";
import {
  clock,
  INTENT,
  newOperationId,
  operate,
  startOf,
  stopOf,
  tagsOf,
  untilEnded,
  untilStreaming,
} from "../support/ground.js";
import { processesIn } from "../support/sandbox.js";
import { usePair } from "./pair.js";

const pair = usePair({ autoFailover: { afterSeconds: 30, maxLagBytes: 16_777_216 } });
afterEach(() => {
  clock.offsetMs = 0;
});

const servers = () => processesIn(join(pair.ground.path, "fleet/instances", pair.id));
const stopped = { state: "succeeded", resourceStatus: "stopped" };

test("neither the watch, nor repair, nor a failover that was due before starts it", async () => {
  await pair.insert(10);
  expect(await operate(pair.provider, stopOf(pair.id))).toMatchObject(stopped);
  for (let n = 0; n < 5; n++) {
    clock.offsetMs += 20_000;
    expect(await pair.provider.watch()).toEqual([]);
    await pair.provider.upkeep();
  }
  const request: OperationRequest = {
    ...{ operationId: newOperationId(), providerId: pair.id },
    ...{ type: "REBOOT_INSTANCE", forceFailover: true, automatic: true },
  };
  await pair.provider.start(request, INTENT);
  expect(await untilEnded(pair.provider, request)).toMatchObject({
    state: "failed",
    failure: { code: "InvalidDBInstanceState", message: "The instance pair is stopped. Start it first." },
  });
  expect([await servers(), await pair.status()]).toEqual([[], "stopped"]);
  expect((await pair.describe()).findings).toEqual([]);
  expect(await operate(pair.provider, startOf(pair.id))).toMatchObject({ state: "succeeded" });
  await untilStreaming(pair.provider, "pair");
  await pair.expectWhole("a");
});

test("a failover that becomes due while it is stopped waits for the stop, and does nothing", async () => {
  const { pid } = await pair.postmasterOf((await pair.roles())[0]);
  // The stop waits for it as long as for whatever does not answer.
  process.kill(pid, "SIGSTOP");
  const stop = { ...stopOf(pair.id), operationId: newOperationId() } as OperationRequest;
  const failover: OperationRequest = {
    ...{ operationId: newOperationId(), providerId: pair.id },
    ...{ type: "REBOOT_INSTANCE", forceFailover: true, automatic: true },
  };
  await pair.provider.start(stop, INTENT);
  await pair.provider.start(failover, INTENT);
  expect(await pair.provider.watch()).toEqual([]);
  expect(await pair.status()).toBe("stopping");
  expect(await untilEnded(pair.provider, failover)).toMatchObject({
    state: "failed",
    failure: { code: "InvalidDBInstanceState", message: expect.stringContaining("is stopping") },
  });
  expect(await untilEnded(pair.provider, stop)).toMatchObject(stopped);
  expect(await servers()).toEqual([]);
  expect(await operate(pair.provider, startOf(pair.id))).toMatchObject({ state: "succeeded" });
  await untilStreaming(pair.provider, "pair");
  await pair.expectWhole("a");
});

test("its tags are set while it is stopped, and it stays so", async () => {
  expect(await operate(pair.provider, stopOf(pair.id))).toMatchObject(stopped);
  expect(await operate(pair.provider, tagsOf(pair.id, { Owner: "Shop" }))).toMatchObject({
    ...stopped,
    result: { tags: expect.arrayContaining([{ key: "Owner", value: "Shop" }]) },
  });
  expect([await servers(), await pair.status()]).toEqual([[], "stopped"]);
  expect(await operate(pair.provider, startOf(pair.id))).toMatchObject({ state: "succeeded" });
  await untilStreaming(pair.provider, "pair");
});

test("a start that fails says so; the instance has failed then, and is wanted all the same", async () => {
  expect(await operate(pair.provider, stopOf(pair.id))).toMatchObject(stopped);
  const [primary] = await pair.roles();
  const file = pair.memberFolder(primary, "data", "postgresql.auto.conf");
  await writeFile(file, "shared_buffers = 'no number'\n");
  expect(await operate(pair.provider, startOf(pair.id))).toMatchObject({
    state: "failed",
    resourceStatus: "failed",
    failure: { code: "StartFailed", message: expect.stringContaining("The log of its server says why") },
  });
  expect(await pair.status()).toBe("failed");
  await writeFile(file, "");
  await pair.provider.repair();
  await untilStreaming(pair.provider, "pair");
  await pair.expectWhole("a");
});
