/** Tags that loosen something are proposed by one administrator, and set once another confirms them. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import {
  ask,
  decide,
  hasten,
  instanceOf,
  leftBy,
  mapByTwo,
  operationOf,
  recordsOf,
  secondAdmin,
} from "../../../support/fleet-app.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const ROOT = "root@postern.example";
const tag = (key: string, value = "x") => ({ key, value });
const environment = (value: string) => tag("Environment", value);

const provider = scriptedProvider();
const names = ["orders", "late", "guarded", "again", "bound", "ruled"];
for (const name of names) provider.add(name, { tags: [environment("Staging"), tag("Owner", "Shop")] });
provider.add("live", { tags: [environment("Production")] });
provider.add("gone", { tags: [environment("Staging")] });

const app = testApp(polling({ scripted: 200 }), async () => [provider]);
let admin: Client;
let other: Client;
let dba: Client;
beforeAll(async () => {
  [admin, other, dba] = await Promise.all([app.as("admin"), secondAdmin(app), app.as("dba")]);
});

const PROPOSAL = `id kind status reason environment settles tagChange { tags { key value } removeKeys loosens } instance { identifier }
  changes { identifier from to } leavingCount createdBy { email } operations { nodes { id type } }`;
const propose = (input: object, client = admin) =>
  client.run(
    `mutation($input: ProposeInstanceTagsInput!) { proposeInstanceTags(input: $input) { proposal { ${PROPOSAL} } } }`,
    { input: { reason: "As agreed in OPS-8.", ...input } },
  );
async function proposed(instanceId: string, value = "Test") {
  const { data, errors } = await propose({ instanceId, tags: [environment(value)] });
  expect(errors).toBeUndefined();
  return data.proposeInstanceTags.proposal;
}
const proposalOf = async (id: string) =>
  (await dba.run(`query($id: ID!) { environmentProposal(id: $id) { ${PROPOSAL} } }`, { id })).data.environmentProposal;
const counted = () => app.sql`select count(*)::int as n from environment_proposals`;
const environmentTag = (name: string) =>
  provider.instances.get(name)?.tags.find(({ key }) => key === "Environment")?.value;

/** What is refused, and leaves nothing but its record. */
async function refused(work: () => Promise<Awaited<ReturnType<typeof propose>>>, status: number, code: string) {
  const before = await counted();
  const { answer, operations, records } = await leftBy(app, work);
  expect([answer.status, answer.code, operations]).toEqual([status, code, 0]);
  expect(records).toMatchObject([{ success: false }]);
  expect(await counted()).toEqual(before);
  return answer.errors![0]!;
}

it("are set once another administrator has confirmed them, and not before", async () => {
  const asked = { tags: [environment("Test"), tag("Team", "Core")], removeKeys: ["Owner"] };
  const left = await leftBy(app, () => propose({ instanceId: "orders", ...asked }));
  const { proposal } = left.answer.data.proposeInstanceTags;
  const loosens = ['The tag "Environment" would say TEST.', "orders would count as TEST."];
  expect(proposal).toEqual({
    ...{ id: expect.stringMatching(/^\d+$/), kind: "TAGS", status: "WAITING", reason: "As agreed in OPS-8." },
    ...{ environment: null, settles: null, tagChange: { ...asked, loosens }, instance: { identifier: "orders" } },
    ...{ changes: [{ identifier: "orders", from: "STAGING", to: "TEST" }], leavingCount: 0 },
    ...{ createdBy: { email: EMAILS.admin }, operations: { nodes: [] } },
  });
  expect([left.operations, left.records]).toMatchObject([
    0,
    [{ action: "environment-proposal.create", success: true, parameters: asked, result: { superseded: [] } }],
  ]);
  expect(environmentTag("orders")).toBe("Staging");
  // The first of two administrators asks for them alone, before and after.
  expect((await ask(admin, "setInstanceTags", { instanceId: "orders", ...asked })).code).toBe("FORBIDDEN");
  const own = await refused(() => decide(admin, proposal.id), 403, "FORBIDDEN");
  expect(own.message).toBe("Another administrator than its author confirms a proposal.");

  const confirmed = await leftBy(app, () => decide(other, proposal.id, { comment: "Checked." }));
  expect(confirmed.answer.data.confirmEnvironmentProposal.proposal).toMatchObject({ status: "CONFIRMED" });
  const { nodes } = (await proposalOf(proposal.id)).operations;
  expect(nodes).toEqual([{ id: expect.any(String), type: "SET_INSTANCE_TAGS" }]);
  expect(confirmed.operations).toBe(1);
  expect(confirmed.records.slice(0, 2)).toMatchObject([
    {
      ...{ action: "operation.requested", success: true, actor: { email: EMAILS.admin } },
      parameters: {
        ...asked,
        loosens,
        type: "SET_INSTANCE_TAGS",
        proposalId: proposal.id,
        confirmedBy: { email: ROOT },
      },
    },
    {
      ...{ action: "environment-proposal.decide", success: true, actor: { email: ROOT } },
      result: { status: "CONFIRMED", kind: "TAGS", operationId: nodes[0].id, author: { email: EMAILS.admin } },
    },
  ]);
  await eventually(async () => (await operationOf(dba, nodes[0].id)).endedAt !== null);
  expect(await operationOf(dba, nodes[0].id)).toMatchObject({
    status: "SUCCEEDED",
    requestedBy: { email: EMAILS.admin },
  });
  expect((await recordsOf(app, nodes[0].id)).map(({ action }) => action)).toEqual([
    "operation.requested",
    "operation.ended",
  ]);
  await eventually(async () => {
    const now = await instanceOf(dba, "orders", "tags { key value } environment { environment }");
    return now.environment.environment === "TEST" && now.tags.length === 2;
  });
  expect(provider.instances.get("orders")?.tags).toEqual([environment("Test"), tag("Team", "Core")]);
  const again = await refused(() => decide(other, proposal.id), 409, "FAILED_PRECONDITION");
  expect(again.extensions.state).toBe("confirmed");
});

describe("are refused", () => {
  it.each([
    ["nothing", { instanceId: "late" }, "tags"],
    ["a reserved key", { instanceId: "late", tags: [tag("rds:x")] }, "tags.0.key"],
    ["no reason", { instanceId: "late", tags: [environment("Test")], reason: " " }, "reason"],
  ])("with %s", async (_what, input, field) => {
    expect((await refused(() => propose(input), 400, "BAD_USER_INPUT")).extensions.field).toBe(field);
  });

  it("where they loosen nothing", async () => {
    const input = { instanceId: "late", tags: [tag("Owner", "Ops")] };
    const { message, extensions } = await refused(() => propose(input), 409, "FAILED_PRECONDITION");
    expect([message, extensions.state]).toEqual([
      "These tags loosen nothing. Set them with setInstanceTags.",
      "loosens nothing",
    ]);
  });

  it("to a DBA, of production, and of what is not there", async () => {
    const tags = [environment("Test")];
    await refused(() => propose({ instanceId: "late", tags }, dba), 403, "FORBIDDEN");
    await refused(() => propose({ instanceId: "live", tags }), 403, "PRODUCTION_PROTECTED");
    await refused(() => propose({ instanceId: "nowhere", tags }), 404, "NOT_FOUND");
  });
});

describe("are judged anew when they are confirmed:", () => {
  it("not where the instance counts as production by then", async () => {
    const { id } = await proposed("guarded");
    await mapByTwo(app, { instanceId: "guarded", environment: "PRODUCTION" });
    await refused(() => decide(other, id), 403, "PRODUCTION_PROTECTED");
    expect((await proposalOf(id)).status).toBe("WAITING");
    expect(environmentTag("guarded")).toBe("Staging");
  });

  it("not where they loosen by then what the proposal does not name", async () => {
    const { id } = await proposed("bound", "QA");
    provider.add("bound-2", { tags: [environment("Staging")] });
    provider.change("bound", { cluster: { identifier: "c", arn: "arn:c", tags: [], maintenanceWindow: null } });
    provider.change("bound-2", { tags: [environment("Sandbox")], cluster: provider.instances.get("bound")!.cluster });
    await hasten(app, "inventory-scripted");
    const { message } = await refused(() => decide(other, id), 409, "CONFLICT");
    expect(message).toContain("bound-2 would count as TEST.");
    expect(environmentTag("bound")).toBe("Staging");
  });

  it("not where the instance is gone; and a rejection sets nothing", async () => {
    const { id } = await proposed("gone");
    provider.instances.delete("gone");
    await hasten(app, "inventory-scripted");
    await refused(() => decide(other, id), 409, "FAILED_PRECONDITION");
    expect((await decide(admin, id, { decision: "REJECT" })).data.confirmEnvironmentProposal.proposal.status).toBe(
      "REJECTED",
    );
  });
});

it("a later proposal of the same instance's tags replaces one that waits, and one of its mapping does not", async () => {
  const first = await proposed("again");
  const second = await proposed("again", "Development");
  expect([(await proposalOf(first.id)).status, (await proposalOf(second.id)).status]).toEqual([
    "SUPERSEDED",
    "WAITING",
  ]);
  await mapByTwo(app, { instanceId: "again", environment: "STAGING" });
  expect((await proposalOf(second.id)).status).toBe("WAITING");
});

it("what was confirmed is judged once more when it begins: rules under which it loosens more", async () => {
  const { id } = await proposed("ruled");
  let isHeld = true;
  provider.scripts.set("ruled", { describe: () => (isHeld ? Promise.reject(new Error("not now")) : undefined) });
  expect((await decide(other, id)).errors).toBeUndefined();
  const [{ id: operationId }] = (await proposalOf(id)).operations.nodes;
  const rules = await admin.run(
    "mutation($input: SetEnvironmentRulesInput!) { setEnvironmentRules(input: $input) { proposal { id } } }",
    {
      input: {
        reason: "Known.",
        rules: {
          values: [
            { environment: "SANDBOX", words: ["test"] },
            { environment: "TEST", words: ["qa"] },
          ],
        },
      },
    },
  );
  // Words that mean another environment than before count at once.
  expect(rules.data.setEnvironmentRules.proposal).toBeNull();
  isHeld = false;
  const ended = await eventually(async () => {
    const operation = await operationOf(dba, operationId);
    return operation.endedAt !== null && operation;
  }, 30_000);
  expect(ended).toMatchObject({
    status: "FAILED",
    error: { code: "LessProtected", message: expect.stringContaining('The tag "Environment" would say SANDBOX.') },
  });
  expect(provider.begun).not.toContain(operationId);
  expect(environmentTag("ruled")).toBe("Staging");
});
