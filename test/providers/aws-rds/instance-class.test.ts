/** The class of an RDS instance: what is sent, what waits, what else AWS says, and what counts as a sign that it was done. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Intent, OperationRequest, Poll, Provider } from "../../../src/providers/provider.js";
import { ACCOUNT, instanceNamed, REGION, startAws, type UnderAws } from "../../support/aws.js";
import { classOf, newOperationId } from "../../support/ground.js";

const MINUTE = 60_000;
let under: UnderAws;
let provider: Provider;
const here = () => under.aws.region(ACCOUNT, REGION);
beforeAll(async () => {
  under = await startAws();
  here().addInstance({ identifier: "orders", retentionDays: 0 });
  here().addCluster({ identifier: "shop", members: [{ identifier: "shop-1" }, { identifier: "shop-2" }] });
  here().addCluster({ identifier: "three", engine: "postgres", members: [{ identifier: "three-1" }] });
});
beforeEach(() => {
  under.aws.endFaults();
  under.aws.clock.advance(60 * MINUTE);
  here().change("orders", { pending: {} });
  here().setStatus("orders", "available");
  under.aws.forgetCalls();
  provider = under.open();
});
afterAll(() => under?.aws.stop());

const instance = (name: string) =>
  here()
    .look()
    .instances.find(({ identifier }) => identifier === name)!;
const sent = () => under.aws.calls.filter(({ action }) => action === "ModifyDBInstance");

async function begin(name: string, instanceClass: string, applyImmediately = true) {
  const { providerId } = await instanceNamed(provider, name);
  const request = {
    ...classOf(providerId, instanceClass, applyImmediately),
    operationId: newOperationId(),
  } as OperationRequest;
  const intent: Intent = { askedAt: under.aws.clock.now().toISOString(), saw: await provider.look(request) };
  await provider.start(request, intent).catch(() => undefined);
  return { request, intent };
}

async function untilEnd({ request, intent }: { request: OperationRequest; intent: Intent }): Promise<Poll> {
  let poll = await provider.poll(request, intent);
  for (let n = 0; n < 80 && poll.state === "running"; n += 1) {
    under.aws.clock.advance(15_000);
    poll = await provider.poll(request, intent);
  }
  return poll;
}

it("waits for the maintenance window unless it is asked for at once, and takes nothing else along", async () => {
  here().change("orders", { pending: { engineVersion: "99.1" } });
  expect(await untilEnd(await begin("orders", "db.r6g.large", false))).toMatchObject({
    state: "succeeded",
    resourceStatus: "available",
    message: "The class becomes db.r6g.large in the maintenance window.",
    result: { instanceClass: "db.t4g.medium", pendingInstanceClass: "db.r6g.large" },
  });
  expect(sent()[0]?.parameters).toEqual({ DBInstanceIdentifier: "orders", DBInstanceClass: "db.r6g.large" });
  expect(instance("orders")).toMatchObject({
    instanceClass: "db.t4g.medium",
    pending: { instanceClass: "db.r6g.large", engineVersion: "99.1" },
  });
  expect(await instanceNamed(provider, "orders")).toMatchObject({ pendingInstanceClass: "db.r6g.large" });
});

it("at once it ends when the instance has it and is available again; of a cluster only the member changes", async () => {
  const begun = await begin("shop-2", "db.r6g.large");
  expect(await provider.poll(begun.request, begun.intent)).toMatchObject({
    state: "running",
    resourceStatus: "modifying",
  });
  expect(await untilEnd(begun)).toMatchObject({
    state: "succeeded",
    resourceStatus: "available",
    result: { instanceClass: "db.r6g.large", pendingInstanceClass: null },
  });
  expect(sent().map(({ parameters }) => parameters)).toEqual([
    { DBInstanceIdentifier: "shop-2", DBInstanceClass: "db.r6g.large", ApplyImmediately: "true" },
  ]);
  expect(["shop-1", "shop-2"].map((name) => instance(name).instanceClass)).toEqual(["db.t4g.medium", "db.r6g.large"]);
});

it("that it has already is a success, though AWS answers that nothing is to be changed", async () => {
  const { instanceClass } = instance("orders");
  expect(await untilEnd(await begin("orders", instanceClass))).toMatchObject({
    state: "succeeded",
    result: { instanceClass, pendingInstanceClass: null },
  });
  expect(sent()).toHaveLength(1);
});

it("without capacity it has failed with AWS's code, and nothing has changed", async () => {
  const before = instance("orders").instanceClass;
  const message = "Cannot modify the instance class because there are no instances of the requested class available.";
  under.aws.fault({ as: "refuse", code: "InsufficientDBInstanceCapacity", message, action: "ModifyDBInstance" });
  expect(await untilEnd(await begin("orders", "db.x2g.large"))).toMatchObject({
    state: "failed",
    failure: { code: "InsufficientDBInstanceCapacity", message },
  });
  under.aws.endFaults();
  expect(instance("orders").instanceClass).toBe(before);
});

it.each([
  ["insufficient-capacity", "InsufficientDBInstanceCapacity"],
  ["incompatible-parameters", "StartFailed"],
])("an instance that ends up %s has failed with %s", async (status, code) => {
  const begun = await begin("orders", `db.r6g.${status.length}xlarge`);
  here().setStatus("orders", status);
  expect(await provider.poll(begun.request, begun.intent)).toMatchObject({
    state: "failed",
    resourceStatus: status,
    failure: { code },
  });
});

it("of a Multi-AZ cluster's member it is not asked for, whoever takes it over", async () => {
  const begun = await begin("three-1", "db.r6g.large");
  const end = { state: "failed", failure: { code: "NotSupported", message: expect.stringContaining("their cluster") } };
  expect(await provider.poll(begun.request, begun.intent)).toMatchObject(end);
  expect(await under.open().poll(begun.request, begun.intent)).toMatchObject(end);
  expect(sent()).toEqual([]);
});

it("that was asked for and taken back by others since is not asked again by whoever takes it over", async () => {
  const begun = await begin("orders", "db.r6g.2xlarge");
  await instanceNamed(provider, "orders");
  here().change("orders", { instanceClass: "db.t4g.medium", pending: {} });
  here().setStatus("orders", "available");
  under.aws.clock.advance(3 * MINUTE);
  const other = under.open();
  expect(await other.poll(begun.request, begun.intent)).toMatchObject({
    state: "running",
    message: expect.stringContaining("not asked twice"),
  });
  under.aws.clock.advance(61 * MINUTE);
  expect(await other.poll(begun.request, begun.intent)).toMatchObject({ state: "failed", failure: { code: "NoSign" } });
});
