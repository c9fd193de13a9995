/** What counts as a sign that an operation was done: nothing older than the question, and nothing that others did. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { guidanceFor } from "../../../src/modules/fleet/operations/guidance.js";
import type { Intent, OperationRequest, Poll, Provider } from "../../../src/providers/provider.js";
import { ACCOUNT, instanceNamed, REGION, startAws, type UnderAws } from "../../support/aws.js";
import { newOperationId, type Wanted } from "../../support/ground.js";

const MINUTE = 60_000;
let under: UnderAws;
let provider: Provider;
const here = () => under.aws.region(ACCOUNT, REGION);
beforeAll(async () => {
  under = await startAws();
  here().addInstance({ identifier: "orders", retentionDays: 0 });
  here().addInstance({ identifier: "wide", multiAz: true, retentionDays: 0 });
  here().addCluster({ identifier: "shop", members: [{ identifier: "shop-1" }, { identifier: "shop-2" }] });
});
beforeEach(() => {
  under.aws.endFaults();
  under.aws.clock.advance(60 * MINUTE);
  under.aws.forgetCalls();
  provider = under.open();
});
afterAll(() => under?.aws.stop());

const nowMs = () => under.aws.clock.now().getTime();
const instance = (identifier: string) =>
  here()
    .look()
    .instances.find((each) => each.identifier === identifier);
const requestOn = async (identifier: string, wanted: object) => {
  const { providerId } = await instanceNamed(provider, identifier);
  return { ...(wanted as Wanted), providerId, operationId: newOperationId() } as OperationRequest;
};
const seen = async (request: OperationRequest): Promise<Intent> => ({
  askedAt: under.aws.clock.now().toISOString(),
  saw: await provider.look(request),
});

/** Polls until the end, at most for some minutes. */
async function untilEnd(request: OperationRequest, intent: Intent, other = provider): Promise<Poll> {
  let poll = await other.poll(request, intent);
  for (let n = 0; n < 20 && poll.state === "running"; n += 1) {
    under.aws.clock.advance(15_000);
    poll = await other.poll(request, intent);
  }
  return poll;
}

describe("a backup window", () => {
  const windowOf = (backupWindow: string) => ({ type: "MODIFY_BACKUP_WINDOW", backupWindow, applyImmediately: true });

  it("is changed without what waits for the maintenance window", async () => {
    here().change("orders", { pending: { instanceClass: "db.r6g.large", engineVersion: "99.1" } });
    const request = await requestOn("orders", windowOf("08:00-08:30"));
    const intent = await seen(request);
    await provider.start(request, intent);
    expect(await untilEnd(request, intent)).toMatchObject({ state: "succeeded" });
    under.aws.clock.advance(10 * MINUTE);
    expect(instance("orders")).toMatchObject({
      instanceClass: "db.t4g.medium",
      pending: { instanceClass: "db.r6g.large", engineVersion: "99.1" },
    });
    here().change("orders", { pending: {} });
  });

  it("without any sign an hour later has ended, whether or not AWS has heard of it", async () => {
    const request = await requestOn("orders", windowOf("11:00-11:30"));
    const intent = await seen(request);
    under.aws.clock.advance(61 * MINUTE);
    const end = { state: "failed", failure: { code: "NoSign" } };
    expect(await under.open().poll(request, intent)).toMatchObject(end);
    await provider.start(request, intent);
    // Somebody else changes it meanwhile.
    under.aws.clock.advance(2 * MINUTE);
    here().change("orders", { backupWindow: "12:00-12:30" });
    expect(await provider.poll(request, intent)).toMatchObject({ state: "running" });
    under.aws.clock.advance(61 * MINUTE);
    expect(await provider.poll(request, intent)).toMatchObject(end);
  });

  it("of a cluster is changed without it, too", async () => {
    const request = await requestOn("shop-1", windowOf("08:00-08:30"));
    const intent = await seen(request);
    await provider.start(request, intent);
    expect(await untilEnd(request, intent)).toMatchObject({ state: "succeeded" });
    const [call] = under.aws.calls.filter(({ action }) => action === "ModifyDBCluster");
    expect(call?.parameters).toEqual({ DBClusterIdentifier: "shop", PreferredBackupWindow: "08:00-08:30" });
  });
});

describe("a reboot", () => {
  const wanted = { type: "REBOOT_INSTANCE", forceFailover: false };

  it("that was never asked for is not done by an older restart that AWS tells late", async () => {
    const request = await requestOn("orders", wanted);
    const intent = await seen(request);
    here().addEvent("db-instance", "orders", "DB instance restarted", "availability", nowMs() - 20_000);
    expect(await provider.poll(request, intent)).toMatchObject({ state: "running" });
    here().addEvent("db-instance", "orders", "DB instance restarted", "availability", nowMs() + 1000);
    under.aws.clock.advance(1000);
    expect(await provider.poll(request, intent)).toMatchObject({ state: "succeeded" });
  });

  it("without any sign an hour later is not said to be undone", async () => {
    const request = await requestOn("orders", wanted);
    const intent = await seen(request);
    under.aws.clock.advance(61 * MINUTE);
    expect(await provider.poll(request, intent)).toMatchObject({
      state: "failed",
      failure: { code: "NoSign", message: "An hour later AWS shows no sign that it was done." },
    });
  });

  it("with a failover whose event is lost is known by its restart and its zone, and not by the zone alone", async () => {
    const request = await requestOn("wide", { ...wanted, forceFailover: true });
    const { zone, secondaryZone } = instance("wide")!;
    const intent = await seen(request);
    here().change("wide", { zone: secondaryZone!, secondaryZone: zone });
    expect(await provider.poll(request, intent)).toMatchObject({ state: "running" });
    here().addEvent("db-instance", "wide", "DB instance restarted", "availability", nowMs() + 1000);
    under.aws.clock.advance(1000);
    expect(await provider.poll(request, intent)).toMatchObject({
      state: "succeeded",
      result: { failedOver: true, primary: secondaryZone },
    });
  });
});

describe("a failover of a cluster that has no reader for it", () => {
  const wanted = { type: "REBOOT_INSTANCE", forceFailover: true };

  it("has failed for whoever takes it over before it was refused, whoever is the writer", async () => {
    here().setStatus("shop-2", "modifying");
    const request = await requestOn("shop-1", wanted);
    const intent = await seen(request);
    expect(intent.saw).toMatchObject({ cluster: "shop", target: null });
    const end = { state: "failed", failure: { code: "StandbyUnavailable" } };
    expect(await provider.poll(request, intent)).toMatchObject(end);
    // AWS shows no writer while it fails over by itself.
    here().joinCluster("shop-1", null);
    const { providerId } = await instanceNamed(provider, "shop-2");
    expect(await provider.poll({ ...request, providerId }, intent)).toMatchObject(end);
    here().joinCluster("shop-1", "shop");
    here().setStatus("shop-2", "available");
    expect(under.aws.done("FailoverDBCluster")).toBe(0);
  });
});

describe.each([
  ["orders", "db-instance", "StopDBInstance", "StartDBInstance"],
  ["shop-1", "db-cluster", "StopDBCluster", "StartDBCluster"],
] as const)("a stop or start of %s", (identifier, kind, stopCall, startCall) => {
  const enter = (status: string) => {
    here().setStatus(identifier, status);
    if (kind === "db-cluster") here().setStatus("shop", status, kind);
  };
  const begun = async (type: string) => {
    const request = await requestOn(identifier, { type });
    const intent = await seen(request);
    await provider.start(request, intent);
    return { request, intent };
  };

  it("has succeeded where its event tells so, though others have undone it since; it is not asked again", async () => {
    enter("available");
    const { request, intent } = await begun("STOP_INSTANCE");
    under.aws.clock.advance(3 * MINUTE);
    await instanceNamed(provider, identifier);
    enter("available");
    expect(await under.open().poll(request, intent)).toMatchObject({
      state: "succeeded",
      resourceStatus: "available",
      message: expect.stringContaining("is not any more"),
      result: { startsAgainAt: null },
    });
    expect(under.aws.done(stopCall)).toBe(1);
  });

  it("is not done by an event from before; without any sign an hour later it has ended", async () => {
    enter("available");
    here().addEvent(kind, kind === "db-cluster" ? "shop" : identifier, `DB ${kind.slice(3)} stopped`);
    under.aws.clock.advance(MINUTE);
    under.aws.fault({ as: "lose-call", action: stopCall, times: 1 });
    const request = await requestOn(identifier, { type: "STOP_INSTANCE" });
    const intent = await seen(request);
    await provider.start(request, intent).catch(() => undefined);
    expect(await provider.poll(request, intent)).toMatchObject({ state: "running" });
    under.aws.clock.advance(61 * MINUTE);
    expect(await provider.poll(request, intent)).toMatchObject({ state: "failed", failure: { code: "NoSign" } });
  });

  it("has failed where AWS cannot start it", async () => {
    enter("stopped");
    const { request, intent } = await begun("START_INSTANCE");
    expect(await provider.poll(request, intent)).toMatchObject({ state: "running", resourceStatus: "starting" });
    enter("incompatible-network");
    const failure = { code: "StartFailed", message: expect.stringContaining("incompatible-network") };
    expect(await provider.poll(request, intent)).toMatchObject({ state: "failed", failure });
    expect(under.aws.done(startCall)).toBe(1);
    enter("available");
  });

  it("has failed where AWS cannot stop it, and nobody reads that as a start", async () => {
    enter("available");
    const { request, intent } = await begun("STOP_INSTANCE");
    enter("storage-full");
    expect(await provider.poll(request, intent)).toMatchObject({ state: "running" });
    enter("incompatible-network");
    const failure = { code: "StopFailed", message: expect.stringContaining("incompatible-network") };
    expect(await provider.poll(request, intent)).toMatchObject({ state: "failed", failure });
    const guidance = guidanceFor("STOP_INSTANCE", "StopFailed");
    expect(guidance).toMatch(/not stopped.*request the stop again/);
    expect(guidance).not.toBe(guidanceFor("START_INSTANCE", "StartFailed"));
    enter("available");
  });

  it("asks for nothing where it is so already", async () => {
    enter("stopped");
    const { request, intent } = await begun("STOP_INSTANCE");
    expect(await provider.poll(request, intent)).toMatchObject({ state: "succeeded", resourceStatus: "stopped" });
    enter("available");
    const again = await begun("START_INSTANCE");
    expect(await provider.poll(again.request, again.intent)).toMatchObject({ state: "succeeded" });
    expect(under.aws.calls.filter(({ action }) => action === stopCall || action === startCall)).toEqual([]);
  });
});

it.each([
  "CREATE_SNAPSHOT",
  "REBOOT_INSTANCE",
  "MODIFY_BACKUP_WINDOW",
  "STOP_INSTANCE",
  "START_INSTANCE",
  "MODIFY_INSTANCE_CLASS",
])("%s of an instance that was gone at the look has failed for whoever takes it over", async (type) => {
  const more = { snapshotId: "gone", tags: [], automated: false, forceFailover: false, backupWindow: "08:00-08:30" };
  const providerId = `${ACCOUNT}/${REGION}/db-${"G".repeat(26)}`;
  const request = { type, ...more, providerId, operationId: newOperationId() } as unknown as OperationRequest;
  const intent = await seen(request);
  expect(intent.saw).toMatchObject({ refusal: { code: "DBInstanceNotFound" } });
  expect(await provider.poll(request, intent)).toMatchObject({
    state: "failed",
    failure: { code: "DBInstanceNotFound" },
  });
});

describe.each([
  ["orders", "db-snapshot", "CreateDBSnapshot"],
  ["shop-1", "db-cluster-snapshot", "CreateDBClusterSnapshot"],
] as const)("a snapshot of %s", (identifier, source, action) => {
  const wanted = { type: "CREATE_SNAPSHOT", snapshotId: "Pre-Deploy", tags: [], automated: false };
  const tell = (text: string, at?: number) => here().addEvent(source, "pre-deploy", text, "deletion", at);

  it("is taken though an earlier one of its name was deleted, and the question was lost", async () => {
    tell("Manual snapshot created");
    tell("Deleted user snapshot");
    under.aws.clock.advance(10 * MINUTE);
    const request = await requestOn(identifier, wanted);
    const intent = await seen(request);
    // It is told late.
    tell("Deleted user snapshot", nowMs() - 5 * MINUTE);
    under.aws.fault({ as: "lose-call", action, times: 1 });
    await provider.start(request, intent).catch(() => undefined);
    expect(await provider.poll(request, intent)).toEqual({ state: "unknown" });
    await provider.start(request, intent);
    expect(await untilEnd(request, intent)).toMatchObject({ state: "succeeded" });
    expect(under.aws.done(action)).toBe(1);
  });

  it("without any sign an hour later has ended, whether or not AWS has heard of it", async () => {
    const request = await requestOn(identifier, { ...wanted, snapshotId: "lost" });
    const intent = await seen(request);
    under.aws.clock.advance(59 * MINUTE);
    expect(await provider.poll(request, intent)).toEqual({ state: "unknown" });
    under.aws.clock.advance(2 * MINUTE);
    expect(await provider.poll(request, intent)).toMatchObject({ state: "failed", failure: { code: "NoSign" } });
  });

  it("that is gone has failed where it was deleted after the question, and not for other events", async () => {
    const request = await requestOn(identifier, { ...wanted, snapshotId: "later" });
    const intent = await seen(request);
    under.aws.clock.advance(MINUTE);
    here().addEvent(source, "later", "Creating manual snapshot", "creation");
    expect(await provider.poll(request, intent)).toEqual({ state: "unknown" });
    here().addEvent(source, "later", "Deleted user snapshot", "deletion");
    expect(await provider.poll(request, intent)).toMatchObject({
      state: "failed",
      failure: { code: "DBSnapshotNotFound" },
    });
  });
});
