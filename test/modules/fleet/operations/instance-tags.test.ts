/** Tags of instances, set through the API: what comes of it, what is refused as malformed, and what is refused because it loosens something. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { ACCOUNT, REGION, startAws, type UnderAws } from "../../../support/aws.js";
import {
  accepted,
  ask,
  hasten,
  instanceOf,
  leftBy,
  mapByTwo,
  operationOf,
  recordsOf,
} from "../../../support/fleet-app.js";
import { NEW, useGround } from "../../../support/ground.js";
import { eventually } from "../../../support/sandbox.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const tag = (key: string, value = "x") => ({ key, value });
const environment = (value: string) => tag("Environment", value);

const ground = useGround();
const scripted = scriptedProvider();
scripted.add("orders-qa", { tags: [environment("Staging"), tag("Owner", "Shop")] });
scripted.add("silent", { tags: [] });
scripted.add("live", { tags: [environment("Production")] });
scripted.add("settled", { tags: [environment("Production"), tag("Stage", "Test")] });
scripted.add("disputed-test", { tags: [environment("Staging")] });
scripted.add("stock", { tags: [environment("Test")] });
scripted.add("waiting", { tags: [environment("Test")] });
scripted.add("full", { tags: [environment("Test"), ...Array.from({ length: 49 }, (_, n) => tag(`k${n}`))] });
const ofShop = { cluster: { identifier: "shop", arn: "arn:shop", tags: [], maintenanceWindow: null } };
scripted.add("shop-1", { ...ofShop, tags: [environment("Staging")] });
scripted.add("shop-2", { ...ofShop, tags: [environment("Development")] });
let local: LocalProvider;
let under: UnderAws;
let dba: Client;
let admin: Client;

const app = testApp(polling({ local: 300, "aws-rds": 100, scripted: 100 }), async () => {
  local = await ground.open();
  await local.create({ ...NEW, identifier: "solo", tags: [environment("Test"), tag("Owner", "Shop")] });
  under = await startAws();
  const here = under.aws.region(ACCOUNT, REGION);
  const tags = { Environment: "Test", Owner: "Shop" };
  here.addInstance({ identifier: "alone", tags, retentionDays: 0 });
  here.addCluster({ identifier: "pair", tags: { Team: "Core" }, members: [{ identifier: "pair-1", tags }] });
  return [local, under.open(), scripted];
});
beforeAll(async () => {
  [dba, admin] = await Promise.all([app.as("dba"), app.as("admin")]);
});
afterAll(async () => {
  await local?.stopAll();
  await under?.aws.stop();
});

const TAGS = "tags { key value } environment { environment }";
const tagsOf = async (identifier: string) => (await instanceOf(dba, identifier, TAGS)).tags;
const set = (instanceId: string, tags: object[], removeKeys: string[] = [], client = dba) =>
  ask(client, "setInstanceTags", { instanceId, tags, removeKeys, waitSeconds: 20 });

describe.each(["solo", "alone", "pair-1"])("%s", (identifier) => {
  it("gets tags, loses others, and keeps the rest, with its records", async () => {
    const asked = { tags: [tag("CostCenter", "47"), tag("Owner", "Ops")], removeKeys: ["absent"] };
    const { id } = await accepted(dba, "setInstanceTags", { instanceId: identifier, ...asked });
    const operation = await eventually(async () => {
      under.aws.clock.advance(10_000);
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    }, 20_000);
    const tags = [environment("Test"), tag("Owner", "Ops"), tag("CostCenter", "47")];
    expect(operation).toMatchObject({
      ...{ type: "SET_INSTANCE_TAGS", status: "SUCCEEDED", resourceStatus: "available", parameters: asked },
      result: { tags: expect.arrayContaining(tags) },
    });
    expect(await recordsOf(app, id)).toMatchObject([
      {
        action: "operation.requested",
        actor: { email: EMAILS.dba },
        parameters: { type: "SET_INSTANCE_TAGS", ...asked },
      },
      { action: "operation.ended", result: { status: "SUCCEEDED" }, success: true },
    ]);
    await eventually(async () => (await tagsOf(identifier)).length === 3);
    expect(await tagsOf(identifier)).toEqual(expect.arrayContaining(tags));
  });
});

it("of a member its own were set, and not its cluster's", async () => {
  const [row] = await app.sql`select cluster -> 'tags' as tags from instances where identifier = 'pair-1'`;
  expect(row?.tags).toEqual([tag("Team", "Core")]);
});

describe("refuses", () => {
  it.each<[string, string, object, string]>([
    ["nothing", "orders-qa", {}, "tags"],
    ["empty lists", "orders-qa", { tags: [], removeKeys: [] }, "tags"],
    ["nulls", "orders-qa", { tags: null, removeKeys: null }, "tags"],
    ["a key to set and to remove", "orders-qa", { tags: [tag("a")], removeKeys: ["a"] }, "removeKeys.0"],
    ["a key twice", "orders-qa", { tags: [tag("a"), tag("a")] }, "tags.1.key"],
    ["an empty value", "orders-qa", { tags: [tag("a", "")] }, "tags.0.value"],
    ["too long a key", "orders-qa", { tags: [tag("a".repeat(129))] }, "tags.0.key"],
    ["too many", "orders-qa", { tags: Array.from({ length: 51 }, (_, n) => tag(`t${n}`)) }, "tags"],
    ["a reserved key", "orders-qa", { tags: [tag("aws:x")] }, "tags.0.key"],
    ["a key of Postern", "orders-qa", { removeKeys: ["postern:operation"] }, "removeKeys.0"],
    ["a text with NUL", "orders-qa", { tags: [tag("a\u0000")] }, "tags.0.key"],
    ["what AWS does not take", "alone", { tags: [tag("a", "b|c")] }, "tags.0.value"],
  ])("%s", async (_what, instanceId, input, field) => {
    const { answer, operations, records } = await leftBy(app, () =>
      ask(dba, "setInstanceTags", { instanceId, ...input }),
    );
    expect([answer.status, answer.code, answer.errors?.[0]?.extensions.field]).toEqual([400, "BAD_USER_INPUT", field]);
    expect([operations, records]).toMatchObject([0, [{ action: "operation.refused", success: false }]]);
  });

  it("more than 50 with those that stay", async () => {
    const { answer, operations } = await leftBy(app, () => set("full", [tag("one-more")]));
    expect(answer).toMatchObject({ code: "FAILED_PRECONDITION", errors: [{ extensions: { state: "too many tags" } }] });
    expect(operations).toBe(0);
    expect((await set("full", [tag("one-more")], ["k7"])).data.setInstanceTags.operation.status).toBe("SUCCEEDED");
  });

  it("production", async () => {
    const { answer, operations, records, events } = await leftBy(app, () =>
      set("live", [tag("Owner", "x")], [], admin),
    );
    expect([answer.status, answer.code, operations]).toEqual([403, "PRODUCTION_PROTECTED", 0]);
    expect(records).toMatchObject([{ action: "operation.refused", success: false }]);
    expect(events).toMatchObject([{ event_type: "authz_fail" }]);
  });
});

/** The message of what is refused to both roles, and changes nothing. */
async function loosened(instanceId: string, tags: object[], removeKeys: string[] = []) {
  const before = await tagsOf(instanceId);
  const messages = [];
  for (const client of [dba, admin]) {
    const { answer, operations, records, events } = await leftBy(app, () => set(instanceId, tags, removeKeys, client));
    expect([answer.status, answer.code]).toEqual([403, "FORBIDDEN"]);
    expect(answer.errors?.[0]?.extensions.permission).toBe("environments:decide");
    expect([operations, records]).toMatchObject([0, [{ action: "operation.refused", success: false }]]);
    expect(events).toMatchObject([{ event_type: "authz_fail" }]);
    messages.push(answer.errors?.[0]?.message);
  }
  expect(await tagsOf(instanceId)).toEqual(before);
  expect(messages[0]).toBe(messages[1]);
  expect(messages[0]).toMatch(/^These tags loosen what takes two administrators: .* with proposeInstanceTags,/);
  return messages[0];
}

describe("what loosens something takes two administrators:", () => {
  it.each<[string, string, object[], string[], string]>([
    [
      "a looser tag",
      "orders-qa",
      [environment("Test")],
      [],
      'The tag "Environment" would say TEST. orders-qa would count as TEST.',
    ],
    ["a new voice below production", "orders-qa", [tag("Stage", "Staging")], [], 'The tag "Stage" would say STAGING.'],
    [
      "a key that only the rules' pattern names",
      "orders-qa",
      [tag("shop:environment", "dev")],
      [],
      'The tag "shop:environment" would say DEVELOPMENT.',
    ],
    [
      "a tag that goes where another voice is looser",
      "orders-qa",
      [],
      ["Environment"],
      "orders-qa would count as TEST.",
    ],
    [
      "a conflict that goes",
      "disputed-test",
      [environment("Test")],
      [],
      "The conflict about disputed-test would be gone.",
    ],
    [
      "a member that keeps all stricter",
      "shop-1",
      [environment("Development")],
      [],
      "shop-2 would count as DEVELOPMENT.",
    ],
  ])("%s", async (_what, instanceId, tags, removeKeys, sentence) => {
    expect(await loosened(instanceId, tags, removeKeys)).toContain(sentence);
  });

  it("a tag for production that goes, though its conflict is settled", async () => {
    await mapByTwo(app, { instanceId: "settled", environment: "TEST" });
    const { environment: before } = await instanceOf(dba, "settled", "environment { environment dispute }");
    expect(before.environment).toBe("PRODUCTION");
    await mapByTwo(app, { instanceId: "settled", environment: "TEST", settles: before.dispute });
    expect(await loosened("settled", [], ["Environment"])).toContain('The tag "Environment" would say nothing.');
    expect(await loosened("settled", [environment("Staging")])).toContain('The tag "Environment" would say STAGING.');
  });
});

describe("what loosens nothing is set at once:", () => {
  it.each<[string, string, object[], string[], string]>([
    ["a value that is as strict", "stock", [environment("QA")], [], "TEST"],
    ["a tag whose key names no environment", "stock", [tag("Owner", "production")], [], "TEST"],
    ["a tag that says nothing", "stock", [tag("Tier", "gold")], [], "TEST"],
    ["a stricter value", "stock", [environment("Staging")], [], "STAGING"],
    ["another voice for production", "stock", [tag("Stage", "prod")], [], "PRODUCTION"],
  ])("%s", async (_what, instanceId, tags, removeKeys, after) => {
    expect((await set(instanceId, tags, removeKeys)).data.setInstanceTags.operation.status).toBe("SUCCEEDED");
    expect((await instanceOf(dba, instanceId, TAGS)).environment).toEqual({ environment: after });
  });

  it("not if it loosens something by the time it begins", async () => {
    let isHeld = true;
    scripted.scripts.set("waiting", { describe: () => (isHeld ? Promise.reject(new Error("not now")) : undefined) });
    const asked = { instanceId: "waiting", tags: [environment("QA")] };
    const { id } = await accepted(dba, "setInstanceTags", asked);
    // Somebody makes it stricter meanwhile, at the provider.
    scripted.change("waiting", { tags: [environment("Staging")] });
    isHeld = false;
    const ended = await eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    }, 20_000);
    expect(ended).toMatchObject({
      status: "FAILED",
      error: {
        code: "LessProtected",
        message: expect.stringContaining('The tag "Environment" would say TEST.'),
        guidance: expect.stringContaining("proposeInstanceTags"),
      },
    });
    expect(scripted.begun).not.toContain(id);
    expect(scripted.instances.get("waiting")?.tags).toEqual([environment("Staging")]);
    await hasten(app, "inventory-scripted");
  });
});
