/** What would take instances out of PRODUCTION waits for a second administrator: who may confirm it, what it covers, and how it ends. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";
import {
  ask,
  decide,
  ENVIRONMENT,
  hasten,
  instanceOf,
  leftBy,
  mapByTwo,
  secondAdmin,
} from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const ROOT = "root@postern.example";
const silent = { tags: [] };
const development = [{ key: "Environment", value: "Development" }];

const provider = scriptedProvider();
for (const name of ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1"]) provider.add(name, silent);
provider.add("paid-prod-01", { tags: development });
for (const name of ["k1", "k2"]) provider.add(name, { ...silent, accountId: "444444444444" });
for (const name of ["l1", "l2"]) provider.add(name, { ...silent, accountId: "555555555555" });
provider.add("strict-dev-01", { tags: development });
provider.add("named-prod-01", silent);
provider.add("mapped-dev-01", { tags: development });
provider.add("tagged-one", { tags: [{ key: "Environment", value: "live" }] });
provider.add("stock", { tags: [{ key: "Environment", value: "test" }] });
provider.add("tagged-test", { tags: [{ key: "Environment", value: "test" }] });

const app = testApp(polling({ scripted: 600 }), async () => [provider]);
let admin: Client;
let other: Client;
let dba: Client;
beforeAll(async () => {
  [admin, other, dba] = await Promise.all([app.as("admin"), secondAdmin(app), app.as("dba")]);
});

const PROPOSAL = `proposal { id kind status reason environment accountId settles changeCount changes { instanceId identifier from to }
  instance { identifier } createdBy { email } createdAt expiresAt decidedBy { email name } decidedAt comment }`;
const map = (client: Client, input: object) =>
  client.run(
    `mutation($input: SetEnvironmentMappingInput!) { setEnvironmentMapping(input: $input) { instance { id environment { environment conflict } } ${PROPOSAL} } }`,
    { input: { reason: "As agreed in OPS-7.", ...input } },
  );
/** @returns the proposal that a mapping leaves */
async function propose(input: object, client = admin) {
  const { data, errors } = await map(client, input);
  expect(errors).toBeUndefined();
  return data.setEnvironmentMapping.proposal;
}
const environmentOf = async (id: string) => (await instanceOf(dba, id, ENVIRONMENT)).environment;
const statusOf = async (id: string) => {
  const { data } = await dba.run("query($id: ID!) { environmentProposal(id: $id) { status } }", { id });
  return data.environmentProposal.status;
};
const stateOf = ({ errors }: { errors: { extensions: Record<string, unknown> }[] | undefined }) =>
  errors?.[0]?.extensions.state;

it("says what it would change, and changes nothing until another administrator confirms it", async () => {
  const left = await leftBy(app, () => map(admin, { instanceId: "a1", environment: "TEST" }));
  const { instance, proposal } = left.answer.data.setEnvironmentMapping;
  expect(instance.environment).toEqual({ environment: "PRODUCTION", conflict: false });
  expect(proposal).toEqual({
    ...{ id: expect.stringMatching(/^\d+$/), kind: "MAPPING", status: "WAITING", reason: "As agreed in OPS-7." },
    ...{ environment: "TEST", accountId: null, settles: null, instance: { identifier: "a1" }, changeCount: 1 },
    changes: [{ instanceId: instance.id, identifier: "a1", from: "PRODUCTION", to: "TEST" }],
    ...{ createdBy: { email: EMAILS.admin }, decidedBy: null, decidedAt: null, comment: null },
    ...{ createdAt: expect.stringMatching(/Z$/), expiresAt: expect.stringMatching(/Z$/) },
  });
  expect(Date.parse(proposal.expiresAt) - Date.parse(proposal.createdAt)).toBeGreaterThan(6.9 * 86_400_000);
  expect(left.records).toHaveLength(1);
  expect(await app.sql`select from environment_mappings where instance_id = ${instance.id}`).toHaveLength(0);
  await hasten(app, "inventory-scripted");
  expect((await ask(dba, "rebootInstance", { instanceId: "a1" })).code).toBe("PRODUCTION_PROTECTED");

  const confirmed = await leftBy(app, () => decide(other, proposal.id, { comment: "Checked." }));
  expect(confirmed.answer.data.confirmEnvironmentProposal.proposal).toMatchObject({
    ...{ status: "CONFIRMED", comment: "Checked.", decidedBy: { kind: "USER", email: ROOT } },
    decidedAt: expect.stringMatching(/Z$/),
  });
  expect(confirmed.records).toMatchObject([
    {
      ...{ action: "instance.changeEnvironment", actor: { type: "system" } },
      result: {
        ...{ from: "PRODUCTION", environment: "TEST" },
        evidence: {
          before: expect.arrayContaining([expect.objectContaining({ method: "INSTANCE_MAPPING", environment: null })]),
          after: expect.arrayContaining([expect.objectContaining({ method: "INSTANCE_MAPPING", environment: "TEST" })]),
        },
      },
    },
    {
      ...{ action: "environment-proposal.decide", success: true, actor: { email: ROOT } },
      parameters: { id: proposal.id, comment: "Checked." },
      result: {
        ...{ status: "CONFIRMED", changed: 1, kind: "MAPPING", instanceId: instance.id, environment: "TEST" },
        ...{ author: { email: EMAILS.admin }, proposedRulesVersion: 0, rulesVersion: 0, newRulesVersion: null },
      },
    },
  ]);
  expect(await environmentOf("a1")).toMatchObject({ environment: "TEST", decidedBy: "INSTANCE_MAPPING" });
  const { data } = await dba.run(
    '{ environmentMappings(filter: { instance: { identifier: { eq: "a1" } } }) { nodes { createdBy { email } confirmedBy { email } } } }',
  );
  expect(data.environmentMappings.nodes).toEqual([
    { createdBy: { email: EMAILS.admin }, confirmedBy: { email: ROOT } },
  ]);
  const reboot = await ask(dba, "rebootInstance", { instanceId: "a1", waitSeconds: 20 });
  expect(reboot.data.rebootInstance.operation.status).toBe("SUCCEEDED");
});

it("its author does not confirm it, and may withdraw it", async () => {
  const { id } = await propose({ instanceId: "b1", environment: "TEST" });
  const { answer, records, events } = await leftBy(app, () => decide(admin, id));
  expect([answer.status, answer.code]).toEqual([403, "FORBIDDEN"]);
  expect(answer.errors?.[0]?.message).toBe("Another administrator than its author confirms a proposal.");
  expect(records).toMatchObject([{ action: "environment-proposal.decide", success: false }]);
  expect(events).toHaveLength(1);
  expect(await statusOf(id)).toBe("WAITING");

  const withdrawn = await decide(admin, id, { decision: "REJECT" });
  expect(withdrawn.data.confirmEnvironmentProposal.proposal.status).toBe("REJECTED");
  const late = await decide(other, id);
  expect([late.status, late.code, stateOf(late)]).toEqual([409, "FAILED_PRECONDITION", "rejected"]);
  expect((await environmentOf("b1")).environment).toBe("PRODUCTION");
});

it.each(["viewer", "analyst", "dba", "security"] as const)("%s decides nothing", async (who) => {
  const client = await app.as(who);
  const { id } = await propose({ instanceId: "b1", environment: "TEST" });
  for (const decision of ["CONFIRM", "REJECT"]) expect((await decide(client, id, { decision })).code).toBe("FORBIDDEN");
  expect(await statusOf(id)).toBe("WAITING");
});

it("of two who decide at once one succeeds, and the change is made once", async () => {
  const { id } = await propose({ instanceId: "c1", environment: "TEST" });
  const again = await secondAdmin(app);
  const { answer: answers, records } = await leftBy(app, () =>
    Promise.all([decide(other, id), decide(again, id), decide(admin, id, { decision: "REJECT" })]),
  );
  expect(answers.filter(({ errors }) => !errors)).toHaveLength(1);
  for (const answer of answers.filter(({ errors }) => errors)) expect(answer.code).toBe("FAILED_PRECONDITION");
  const mappings = await app.sql`
    select from environment_mappings m join instances i on i.id = m.instance_id where identifier = 'c1'`;
  const decisions = records.filter(({ action }) => action === "environment-proposal.decide");
  expect(decisions.map(({ success }) => success).sort()).toEqual([false, false, true]);
  const isConfirmed = (await statusOf(id)) === "CONFIRMED";
  expect(mappings).toHaveLength(isConfirmed ? 1 : 0);
  expect((await environmentOf("c1")).environment).toBe(isConfirmed ? "TEST" : "PRODUCTION");
});

describe("an author who is no administrator any more", () => {
  it.each([
    ["has another role", "role = 'DBA'", "role = 'ADMIN'"],
    ["is locked", "locked_at = now()", "locked_at = null"],
    ["is deactivated", "deactivated_at = now()", "deactivated_at = null"],
  ])("%s", async (_what, begin, end) => {
    const { id } = await propose({ instanceId: "d1", environment: "TEST" }, other);
    await app.sql.unsafe(`update users set ${begin} where email = '${ROOT}'`);
    const answer = await decide(admin, id);
    await app.sql.unsafe(`update users set ${end} where email = '${ROOT}'`);
    expect([answer.code, stateOf(answer)]).toEqual(["FAILED_PRECONDITION", "author"]);
    expect((await environmentOf("d1")).environment).toBe("PRODUCTION");
    expect((await decide(admin, id)).errors).toBeUndefined();
    await map(admin, { instanceId: "d1", environment: null });
  });

  it("a demotion under way is waited for", async () => {
    const { id } = await propose({ instanceId: "d1", environment: "TEST" }, other);
    const changed = Promise.withResolvers<void>();
    const committed = Promise.withResolvers<void>();
    const demotion = app.sql.begin(async (sql) => {
      await sql`update users set role = 'DBA' where email = ${ROOT}`;
      changed.resolve();
      await committed.promise;
    });
    await changed.promise;
    const answer = decide(admin, id);
    // It waits for the row.
    for (let waiting = 0; waiting === 0; ) {
      const [row] = await app.sql`select count(*)::int as n from pg_locks where not granted`;
      waiting = row?.n;
    }
    committed.resolve();
    await demotion;
    expect(stateOf(await answer)).toBe("author");
    await app.sql`update users set role = 'ADMIN' where email = ${ROOT}`;
  });
});

it("a second one who is no administrator any more is refused, whatever the token says", async () => {
  const { id } = await propose({ instanceId: "d1", environment: "TEST" });
  await app.sql`update users set role = 'SECURITY' where email = ${ROOT}`;
  const answer = await decide(other, id);
  await app.sql`update users set role = 'ADMIN' where email = ${ROOT}`;
  expect(answer.code).toBe("FORBIDDEN");
  expect(await statusOf(id)).toBe("WAITING");
});

describe("whoever might be its author under another account", () => {
  const PASSWORD = "correct-horse-battery-98";
  const create = async (client: Client, email: string) => {
    const { data, errors } = await client.run(
      `mutation($input: CreateUserInput!) { createUser(input: $input) { user { id version } } }`,
      { input: { email, fullName: "Another One", role: "ADMIN", password: PASSWORD } },
    );
    expect(errors).toBeUndefined();
    return data.createUser.user as { id: string; version: number };
  };
  const clientOf = async (email: string) => app.withToken((await signIn(app.anonymous, email, PASSWORD)).accessToken);
  const refused = async (client: Client, id: string) => {
    const { answer, records, events } = await leftBy(app, () => decide(client, id));
    expect([answer.status, answer.code]).toEqual([403, "FORBIDDEN"]);
    expect(answer.errors?.[0]?.message).toContain("within the last 30 days");
    expect(records).toMatchObject([{ action: "environment-proposal.decide", success: false }]);
    expect(events).toMatchObject([{ event_type: "authz_fail" }]);
    expect(await statusOf(id)).toBe("WAITING");
  };
  const forget = () =>
    app.sql.begin(async (sql) => {
      await sql`alter table audit_logs disable trigger user`;
      await sql`update audit_logs set timestamp = timestamp - interval '31 days' where resource_type = 'user'`;
      await sql`alter table audit_logs enable trigger user`;
    });

  it("an account that the author has created, or that has created the author", async () => {
    await create(admin, "puppet@postern.example");
    const puppet = await clientOf("puppet@postern.example");
    const { id } = await propose({ instanceId: "d1", environment: "TEST" });
    await refused(puppet, id);
    const turned = await propose({ instanceId: "d1", environment: "TEST" }, puppet);
    await refused(admin, turned.id);
    await create(admin, "second-puppet@postern.example");
    await refused(await clientOf("second-puppet@postern.example"), turned.id);
    // Whoever has no hand in either of them may, and time makes others of them.
    await forget();
    expect((await decide(admin, turned.id)).errors).toBeUndefined();
    await map(admin, { instanceId: "d1", environment: "PRODUCTION" });
  });

  it("an account behind which the author stands at the end of a row of accounts", async () => {
    await create(admin, "row-1@postern.example");
    await create(await clientOf("row-1@postern.example"), "row-2@postern.example");
    await create(await clientOf("row-2@postern.example"), "row-3@postern.example");
    const last = await clientOf("row-3@postern.example");
    const { id } = await propose({ instanceId: "d1", environment: "TEST" });
    await refused(last, id);
    // The other way round, and among those of the row.
    await refused(admin, (await propose({ instanceId: "d1", environment: "TEST" }, last)).id);
    await refused(
      await clientOf("row-1@postern.example"),
      (await propose({ instanceId: "d1", environment: "TEST" }, last)).id,
    );
    await forget();
  });

  it.each(["updateUser", "updateUsers"])("an account that the author has changed by %s", async (name) => {
    const email = `own-${name.toLowerCase()}@postern.example`;
    const { id: userId, version } = await create(other, email);
    await forget();
    const { id } = await propose({ instanceId: "d1", environment: "TEST" });
    const { errors } =
      name === "updateUser"
        ? await admin.run("mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }", {
            input: { id: userId, version, password: PASSWORD },
          })
        : await admin.run("mutation($input: UpdateUsersInput!) { updateUsers(input: $input) { users { id } } }", {
            input: { filter: { id: { eq: userId } }, changes: { role: "ADMIN" }, expectedCount: 1 },
          });
    expect(errors).toBeUndefined();
    await refused(await clientOf(email), id);
  });
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

it("lists them as all lists do, for staff", async () => {
  const document = `{ environmentProposals(filter: { status: { eq: CONFIRMED }, instance: { identifier: { eq: "a1" } } }, first: 1, orderBy: [{ field: ID }]) {
    totalCount nodes { instance { identifier } rules { tagKeys } rulesVersion changes { who: identifier } } groups(by: { field: KIND }) { key { kind } aggregate { count } } } }`;
  for (const who of ["dba", "security", "admin"] as const) {
    const { data, errors } = await (await app.as(who)).run(document);
    expect(errors).toBeUndefined();
    const { totalCount, nodes, groups } = data.environmentProposals;
    expect(nodes).toEqual([{ instance: { identifier: "a1" }, rules: null, rulesVersion: 0, changes: [{ who: "a1" }] }]);
    expect(groups).toEqual([{ key: { kind: "MAPPING" }, aggregate: { count: totalCount } }]);
  }
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
