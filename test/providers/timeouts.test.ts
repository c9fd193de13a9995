/** Every question to a provider has its time, and what the provider works on by itself has not. */
import { expect, it } from "vitest";
import type { InstanceDescription, OperationRequest } from "../../src/providers/provider.js";
import { withTimeouts } from "../../src/providers/timeouts.js";
import { INTENT } from "../support/ground.js";
import { scriptedProvider } from "../support/scripted-provider.js";

const silence = () => new Promise<never>(() => undefined);
const request: OperationRequest = { operationId: "1", providerId: "a", type: "REBOOT_INSTANCE", forceFailover: false };

it("a provider that is silent is UNAVAILABLE, whatever it was asked", async () => {
  const silent = Object.fromEntries(
    Object.entries(scriptedProvider()).map(([name, value]) => [name, typeof value === "function" ? silence : value]),
  );
  const provider = withTimeouts({ ...scriptedProvider(), ...silent }, 20);
  const asked = {
    isRestoredBy: provider.isRestoredBy({} as InstanceDescription, { operationId: "1", identifier: "a" }),
    describe: provider.describe("a"),
    describeWithSiblings: provider.describeWithSiblings("a"),
    logTail: provider.logTail("a", "a", 1),
    figures: provider.figures("a"),
    listSnapshots: provider.listSnapshots("a"),
    look: provider.look(request),
    deleteSnapshot: provider.deleteSnapshot("a", { snapshotId: "b" }),
    start: provider.start(request, INTENT),
    poll: provider.poll(request, INTENT),
    cancel: provider.cancel(request),
  };
  // Discovery says how long these may take.
  const working = ["reportTo", "upkeep", "watch", "list", "listScopeSnapshots"];
  const methods = Object.entries(provider).filter(([, value]) => typeof value === "function");
  expect(methods.map(([name]) => name).sort()).toEqual([...Object.keys(asked), ...working].sort());
  const refusals = Object.values(asked).map((answer) =>
    expect(answer as Promise<unknown>).rejects.toMatchObject({ code: "UNAVAILABLE" }),
  );
  await Promise.all(refusals);
});

it("an answer in time is the provider's", async () => {
  const provider = scriptedProvider();
  provider.add("a");
  expect(await withTimeouts(provider, 1000).describe("a")).toEqual(await provider.describe("a"));
});
