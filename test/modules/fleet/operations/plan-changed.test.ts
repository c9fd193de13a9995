/** An operation is planned again before its provider is asked: where what counts has changed meanwhile, it ends, and nothing is done. */
import { beforeAll, expect, it } from "vitest";
import type { InstanceDescription, Poll } from "../../../../src/providers/provider.js";
import { changeOfPlan, type OperationPlan } from "../../../../src/values/operations/operation-plan.js";
import { type Client, testApp } from "../../../support/app.js";
import { accepted, leftBy, operationOf, recordsOf } from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";
import { SOON } from "../../../support/soon.js";

const provider = scriptedProvider();
const PAIR = [
  { name: "a", role: "PRIMARY" as const },
  { name: "b", role: "STANDBY" as const },
].map((member) => ({
  ...member,
  endpoint: null,
  status: "available",
  lagBytes: null,
  lagSeconds: null,
  replaying: null,
  lastError: null,
  since: null,
}));
const FACTS: Partial<InstanceDescription> = {
  tags: [{ key: "Environment", value: "Test" }],
  instanceClass: "db.t4g.medium",
  multiAz: true,
  members: PAIR,
};

const free = Array.from({ length: 12 }, (_, n) => `planned-${n}`);
for (const identifier of free) provider.add(identifier, FACTS);

const app = testApp(polling({ scripted: 1000 }), async () => [provider]);
let dba: Client;
beforeAll(async () => {
  dba = await app.as("dba");
});

const endOf = (id: string) =>
  eventually(async () => {
    const operation = await operationOf(dba, id);
    return operation.endedAt !== null && operation;
  }, SOON.timeout);

/** An instance on which a reboot runs until it is let go. */
async function busyInstance() {
  const identifier = free.pop()!;
  let isReleased = false;
  const held: Poll = { state: "running", resourceStatus: "rebooting", message: "Held.", percent: null };
  provider.scripts.set(identifier, { poll: (_run, usual) => (isReleased ? usual() : held) });
  await accepted(dba, "rebootInstance", { instanceId: identifier });
  const release = () => {
    isReleased = true;
  };
  return { identifier, release };
}

const swapped = PAIR.map((member, n) => ({ ...member, role: PAIR[1 - n]!.role }));
it.each<[string, Partial<InstanceDescription>, RegExp]>([
  ["its environment", { tags: [{ key: "Environment", value: "Staging" }] }, /its environment from TEST to STAGING\.$/],
  ["the roles of its members", { members: swapped }, /members from a PRIMARY, b STANDBY to a STANDBY, b PRIMARY\.$/],
  ["a member that is gone", { members: PAIR.slice(0, 1) }, /members from a PRIMARY, b STANDBY to a PRIMARY\.$/],
  ["its class", { instanceClass: "db.t4g.large" }, /its class from db\.t4g\.medium to db\.t4g\.large\.$/],
  ["its engine version", { engineVersion: "16.4" }, /its engine version from \S+ to 16\.4\.$/],
])("%s has changed", async (_, change, message) => {
  const { identifier, release } = await busyInstance();
  const { id } = await accepted(dba, "createSnapshot", { instanceId: identifier });
  provider.change(identifier, change);
  const { answer: operation, events } = await leftBy(app, async () => {
    release();
    return endOf(id);
  });
  expect(operation).toMatchObject({
    status: "FAILED",
    success: false,
    error: { code: "PlanChanged", guidance: expect.stringMatching(/planOperation/) },
  });
  expect(operation.error.message).toMatch(message);
  expect([provider.runs.has(id), events]).toEqual([false, []]);
  expect((await recordsOf(app, id)).map(({ action, success }) => [action, success])).toEqual([
    ["operation.requested", true],
    ["operation.ended", false],
  ]);
});

it("what became PRODUCTION is protected as such, whatever else has changed", async () => {
  const { identifier, release } = await busyInstance();
  const { id } = await accepted(dba, "createSnapshot", { instanceId: identifier });
  provider.change(identifier, { tags: [{ key: "Environment", value: "Production" }], instanceClass: "db.t4g.large" });
  release();
  expect(await endOf(id)).toMatchObject({ status: "FAILED", error: { code: "PRODUCTION_PROTECTED" } });
});

it("a status that passes, a lag and another window are no change", async () => {
  const { identifier, release } = await busyInstance();
  const { id } = await accepted(dba, "createSnapshot", { instanceId: identifier });
  const members = PAIR.map((member) => ({ ...member, status: "catching-up", lagBytes: 7 })).reverse();
  provider.change(identifier, { status: "backing-up", members, backupWindow: "01:00-01:30" });
  release();
  expect((await endOf(id)).status).toBe("SUCCEEDED");
});

it("what Postern itself requests, and what a release before has accepted, is not compared", async () => {
  const { identifier, release } = await busyInstance();
  const { id } = await accepted(dba, "createSnapshot", { instanceId: identifier });
  await app.sql`update operations set plan = null where id = ${id}`;
  provider.change(identifier, { instanceClass: "db.t4g.large" });
  release();
  expect((await endOf(id)).status).toBe("SUCCEEDED");
});

it("what was asked for changes the instance itself, and is asked for again where the provider has not heard of it", async () => {
  let asked = 0;
  const identifier = free.pop()!;
  provider.scripts.set(identifier, {
    start: () => {
      asked += 1;
      if (asked > 1) return;
      provider.change(identifier, { members: swapped });
      throw new Error("The answer is lost.");
    },
  });
  const { id } = await accepted(dba, "rebootInstance", { instanceId: identifier, forceFailover: true });
  expect([(await endOf(id)).status, asked]).toEqual(["SUCCEEDED", 2]);
});

it("the plan is readable with its operation, as it was when that was accepted", async () => {
  const { identifier, release } = await busyInstance();
  const { id } = await accepted(dba, "rebootInstance", { instanceId: identifier, forceFailover: true });
  provider.change(identifier, { members: swapped });
  release();
  await endOf(id);
  const fields = `plan { providerId environment instanceClass engineVersion outage outageReason calls warnings members { name role } }`;
  const { data } = await dba.run(`query($id: ID!) { operation(id: $id) { ${fields} } }`, { id });
  expect(data.operation.plan).toEqual({
    providerId: identifier,
    environment: "TEST",
    instanceClass: "db.t4g.medium",
    engineVersion: expect.any(String),
    outage: "SECONDS",
    outageReason: expect.stringMatching(/promoted/),
    calls: expect.arrayContaining(["local:promote-standby"]),
    warnings: [],
    members: PAIR.map(({ name, role }) => ({ name, role })),
  });
});

it("each decisive fact is told from what to what, and no other counts", () => {
  const plan: OperationPlan = {
    providerId: "p-1",
    members: [{ name: "a", role: "PRIMARY" }],
    instanceClass: null,
    engineVersion: "15",
    environment: "TEST",
    outage: "NONE",
    outageReason: "None.",
    calls: ["rds:CreateDBSnapshot"],
    warnings: [],
  };
  const said = (change: Partial<OperationPlan>) => changeOfPlan(plan, { ...plan, ...change });
  expect(said({ outageReason: "Other.", warnings: ["New."] })).toBeNull();
  expect(said({ providerId: "p-2", instanceClass: "db.r5", outage: "SECONDS", calls: ["a", "b"], members: [] })).toBe(
    "What was planned has changed: the instance from p-1 to p-2; the roles of its members from a PRIMARY to none; " +
      "its class from unknown to db.r5; the outage from NONE to SECONDS; what the provider is asked from rds:CreateDBSnapshot to a, then b.",
  );
  const { calls: _, ...before } = plan;
  expect(changeOfPlan(before as OperationPlan, { ...plan, calls: [] })).toBeNull();
});
