/** A proposal of an environment: what it covers, what replaces it, how it ends, and what needs none. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS } from "../../../support/app.js";
import { development, silent, stateOf, useProposals } from "../../../support/environment-proposals.js";
import { decide, hasten, leftBy, mapByTwo } from "../../../support/fleet-app.js";

const { provider, app, map, propose, environmentOf, statusOf, opened } = useProposals();
let admin: Client;
let other: Client;
let dba: Client;
beforeAll(() => {
  ({ admin, other, dba } = opened());
});

it("a later change of the same subject replaces it; one of another subject does not", async () => {
  const first = await propose({ instanceId: "e1", environment: "TEST" });
  const elsewhere = await propose({ instanceId: "f1", environment: "TEST" });
  const second = await propose({ instanceId: "e1", environment: "SANDBOX" }, other);
  expect([await statusOf(first.id), await statusOf(elsewhere.id)]).toEqual(["SUPERSEDED", "WAITING"]);
  expect(stateOf(await decide(other, first.id))).toBe("superseded");

  // Stricter, and so at once, by whoever may.
  const stricter = await leftBy(app, () => propose({ instanceId: "e1", environment: "PRODUCTION" }, dba));
  expect(stricter.answer).toBeNull();
  expect(stricter.records).toMatchObject([{ result: { superseded: [second.id], before: null } }]);
  expect(await statusOf(second.id)).toBe("SUPERSEDED");
  const [row] = await app.sql`select decided_by from environment_proposals where id = ${second.id}`;
  expect(row).toMatchObject({ decided_by: { email: EMAILS.dba } });
});

it("is void after seven days, and says so by itself", async () => {
  const [late, later] = [
    await propose({ instanceId: "g1", environment: "TEST" }),
    await propose({ instanceId: "h1", environment: "TEST" }),
  ];
  await app.sql`update environment_proposals set expires_at = now() - interval '1 second' where id in ${app.sql([late.id, later.id])}`;
  expect(stateOf(await decide(other, late.id))).toBe("expired");
  const { records } = await leftBy(app, () => hasten(app, "environment-proposals"));
  const record = { action: "environment-proposal.expire", actor: { type: "system", name: "inventory" } };
  expect(records).toMatchObject([record, record]);
  expect([await statusOf(late.id), await statusOf(later.id)]).toEqual(["EXPIRED", "EXPIRED"]);
  expect(stateOf(await decide(other, later.id))).toBe("expired");
});

it("a settlement holds only for the dispute that it names, also when it is confirmed", async () => {
  const { dispute } = await environmentOf("paid-prod-01");
  const input = { instanceId: "paid-prod-01", environment: "DEVELOPMENT", settles: dispute };
  const { id, settles } = await propose(input);
  expect(settles).toBe(dispute);
  provider.change("paid-prod-01", { tags: [...development, { key: "Stage", value: "live" }] });
  await hasten(app, "inventory-scripted");
  const answer = await decide(other, id);
  expect([answer.status, answer.code]).toEqual([409, "CONFLICT"]);
  expect(await environmentOf("paid-prod-01")).toMatchObject({ environment: "PRODUCTION", conflict: true });
  provider.change("paid-prod-01", { tags: development });
  await hasten(app, "inventory-scripted");
  expect((await decide(other, id)).data.confirmEnvironmentProposal.proposal.status).toBe("CONFIRMED");
  expect(await environmentOf("paid-prod-01")).toMatchObject({ environment: "DEVELOPMENT", conflict: false });
});

it("covers the instances that it names: where another would leave PRODUCTION too, it is proposed anew", async () => {
  const { id, changes } = await propose({ accountId: "444444444444", environment: "TEST" });
  expect(changes.map(({ identifier }: { identifier: string }) => identifier)).toEqual(["k1", "k2"]);
  provider.add("k3", { ...silent, accountId: "444444444444" });
  await hasten(app, "inventory-scripted");
  const { answer, records } = await leftBy(app, () => decide(other, id));
  expect([answer.status, answer.code]).toEqual([409, "CONFLICT"]);
  expect(answer.errors?.[0]?.message).toContain("k3 to TEST");
  expect(records).toMatchObject([{ action: "environment-proposal.decide", success: false }]);
  for (const name of ["k1", "k2", "k3"]) expect((await environmentOf(name)).environment).toBe("PRODUCTION");

  // One that is protected in another way meanwhile is no hindrance.
  await mapByTwo(app, { instanceId: "k3", environment: "PRODUCTION" });
  expect((await decide(other, id)).errors).toBeUndefined();
  expect(await Promise.all(["k1", "k2", "k3"].map(async (name) => (await environmentOf(name)).environment))).toEqual([
    ...["TEST", "TEST", "PRODUCTION"],
  ]);
});

it("taking back what protects needs two as well, of an instance and of an account", async () => {
  await map(admin, { instanceId: "strict-dev-01", environment: "PRODUCTION" });
  const back = await propose({ instanceId: "strict-dev-01", environment: null });
  expect(back).toMatchObject({ environment: null, changes: [{ from: "PRODUCTION", to: "DEVELOPMENT" }] });
  expect((await environmentOf("strict-dev-01")).environment).toBe("PRODUCTION");
  await decide(other, back.id);
  expect((await environmentOf("strict-dev-01")).environment).toBe("DEVELOPMENT");

  await mapByTwo(app, { accountId: "555555555555", environment: "TEST" });
  expect(await propose({ accountId: "555555555555", environment: "PRODUCTION" })).toBeNull();
  const account = await propose({ accountId: "555555555555", environment: "TEST" });
  expect(account).toMatchObject({ accountId: "555555555555", instance: null, changeCount: 2 });
  expect((await environmentOf("l1")).environment).toBe("PRODUCTION");

  // What is gone without a trace may come back.
  provider.instances.delete("l2");
  await hasten(app, "inventory-scripted");
  expect(await propose({ accountId: "555555555555", environment: "TEST" })).toMatchObject({ changeCount: 2 });
});

it("a mapping that other facts still hide waits too, because they may go", async () => {
  const { id, changeCount } = await propose({ instanceId: "tagged-one", environment: "DEVELOPMENT" });
  expect(changeCount).toBe(0);
  provider.change("tagged-one", silent);
  await hasten(app, "inventory-scripted");
  expect((await environmentOf("tagged-one")).environment).toBe("PRODUCTION");
  // It named nothing that would leave PRODUCTION.
  expect((await decide(other, id)).code).toBe("CONFLICT");
});

it("a mapping below PRODUCTION of an instance that only another fact keeps there waits too, and does not outlive that", async () => {
  const tags = [{ key: "Environment", value: "test" }];
  const { id, changeCount } = await propose({ instanceId: "stock", environment: "DEVELOPMENT" });
  expect(changeCount).toBe(0);
  provider.change("stock", silent);
  await hasten(app, "inventory-scripted");
  expect(await environmentOf("stock")).toMatchObject({ environment: "PRODUCTION", decidedBy: "DEFAULT" });
  expect((await decide(other, id)).code).toBe("CONFLICT");
  provider.change("stock", { tags });
  await hasten(app, "inventory-scripted");
});

it("what is as strict as the mapping that two agreed on waits no more, of an instance and of an account", async () => {
  for (const subject of [{ instanceId: "tagged-test" }, { accountId: "777777777777" }]) {
    await mapByTwo(app, { ...subject, environment: "TEST" });
    for (const environment of ["TEST", "STAGING"]) expect(await propose({ ...subject, environment })).toBeNull();
    expect(await propose({ ...subject, environment: "POC" })).toMatchObject({ status: "WAITING" });
    expect(await propose({ ...subject, environment: null })).toBeNull();
  }
});

it("a mapping of an account that nobody has seen yet waits too", async () => {
  expect(await propose({ accountId: "888888888888", environment: "TEST" })).toMatchObject({ changeCount: 0 });
  expect(await propose({ accountId: "888888888888", environment: null })).toBeNull();
});

it("taking back what others say as well waits, because they may stop", async () => {
  await map(admin, { instanceId: "tagged-one", environment: "PRODUCTION" });
  provider.change("tagged-one", { tags: [{ key: "Environment", value: "live" }] });
  await hasten(app, "inventory-scripted");
  expect(await propose({ instanceId: "tagged-one", environment: null })).toMatchObject({ changeCount: 0 });
});

describe("a DBA", () => {
  const refused = async (input: object) => {
    const { answer, records } = await leftBy(app, () => map(dba, input));
    expect([answer.status, answer.code]).toEqual([403, "FORBIDDEN"]);
    expect(answer.errors?.[0]?.extensions.permission).toBe("environments:decide");
    expect(records).toMatchObject([{ action: "environment-mapping.set", success: false }]);
  };

  it("maps an instance towards stricter, at once", async () => {
    const { answer, records } = await leftBy(app, () =>
      map(dba, { instanceId: "mapped-dev-01", environment: "PRODUCTION" }),
    );
    expect(answer.data.setEnvironmentMapping).toMatchObject({
      instance: { environment: { environment: "PRODUCTION", conflict: true } },
      proposal: null,
    });
    expect(records).toMatchObject([
      { action: "instance.changeEnvironment", result: { from: "DEVELOPMENT", environment: "PRODUCTION" } },
      { action: "environment-mapping.set", actor: { email: EMAILS.dba, role: "DBA" } },
    ]);
  });

  it("neither loosens nor settles, takes back or maps accounts", async () => {
    const { dispute } = await environmentOf("mapped-dev-01");
    const instanceId = "mapped-dev-01";
    await refused({ instanceId, environment: "STAGING" });
    // It would stay PRODUCTION, as long as its name says so.
    await refused({ instanceId: "named-prod-01", environment: "TEST" });
    // It would stay TEST, where the default says PRODUCTION, once its tag is gone.
    for (const environment of ["TEST", "STAGING"]) await refused({ instanceId: "tagged-test", environment });
    await refused({ instanceId, environment: "PRODUCTION", settles: dispute });
    await refused({ instanceId, environment: null });
    await refused({ accountId: "666666666666", environment: "PRODUCTION" });
    expect((await environmentOf(instanceId)).environment).toBe("PRODUCTION");
  });

  it("does not weaken a mapping that another source hides", async () => {
    // The tag decides, and the mapping would once it is gone.
    await mapByTwo(app, { instanceId: "i1", environment: "STAGING" });
    provider.change("i1", { tags: [{ key: "Environment", value: "Sandbox" }] });
    await hasten(app, "inventory-scripted");
    expect(await environmentOf("i1")).toMatchObject({ environment: "SANDBOX", decidedBy: "TAG", conflict: true });
    await refused({ instanceId: "i1", environment: "TEST" });
    const { errors } = await map(dba, { instanceId: "i1", environment: "STAGING" });
    expect(errors).toBeUndefined();
  });
});

it("a DBA does not undo a settlement that made an instance stricter", async () => {
  provider.change("j1", { tags: [{ key: "Environment", value: "Sandbox" }] });
  await hasten(app, "inventory-scripted");
  await mapByTwo(app, { instanceId: "j1", environment: "STAGING" });
  const { dispute } = await environmentOf("j1");
  await mapByTwo(app, { instanceId: "j1", environment: "STAGING", settles: dispute });
  expect(await environmentOf("j1")).toMatchObject({ environment: "STAGING", conflict: false });
  // Without the settlement the tag would decide again.
  expect((await map(dba, { instanceId: "j1", environment: "STAGING" })).code).toBe("FORBIDDEN");
  expect((await map(dba, { instanceId: "j1", environment: "PRODUCTION" })).errors).toBeUndefined();
});

it("a decision that is none decides nothing: null, or what is misspelt", async () => {
  const { id } = await propose({ instanceId: "b1", environment: "TEST" });
  const { answer, records } = await leftBy(app, () => decide(other, id, { decision: null }));
  expect([answer.status, answer.code]).toEqual([400, "BAD_USER_INPUT"]);
  expect(answer.errors?.[0]).toMatchObject({
    message: "Give CONFIRM or REJECT. Leave it out to confirm; null is neither.",
    extensions: { field: "decision" },
  });
  expect(records).toMatchObject([{ action: "environment-proposal.decide", success: false }]);
  for (const rest of [{ decision: "REFUSE" }, { decision: "reject" }, { decison: "REJECT" }]) {
    expect((await decide(other, id, rest)).code).toBe("BAD_USER_INPUT");
  }
  expect(await statusOf(id)).toBe("WAITING");
  expect((await environmentOf("b1")).environment).toBe("PRODUCTION");
});

it.each<[string, object, string]>([
  ["an id that is none", { id: "x" }, "id"],
  ["an empty comment", { id: "1", comment: "" }, "comment"],
  ["a comment that is too long", { id: "1", comment: "c".repeat(1001) }, "comment"],
])("refuses %s", async (_what, { id, ...rest }: { id?: string }, field) => {
  const answer = await decide(other, id as string, rest);
  expect([answer.code, answer.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
});

it("one that there is not is NOT_FOUND", async () => {
  expect((await decide(other, "987654321")).code).toBe("NOT_FOUND");
});
