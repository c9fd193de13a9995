/** What counts as a sign that an operation was done: nothing older than the question, and nothing that others did. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
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

  it("of a cluster is changed without it, too", async () => {
    const request = await requestOn("shop-1", windowOf("08:00-08:30"));
    const intent = await seen(request);
    await provider.start(request, intent);
    expect(await untilEnd(request, intent)).toMatchObject({ state: "succeeded" });
    const [call] = under.aws.calls.filter(({ action }) => action === "ModifyDBCluster");
    expect(call?.parameters).toEqual({ DBClusterIdentifier: "shop", PreferredBackupWindow: "08:00-08:30" });
  });
});
