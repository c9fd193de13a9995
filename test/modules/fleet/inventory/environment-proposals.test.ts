/** What would take instances out of PRODUCTION waits for a second administrator: who may confirm it, and who never may. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, EMAILS, signIn } from "../../../support/app.js";
import { ROOT, stateOf, useProposals } from "../../../support/environment-proposals.js";
import { ask, decide, hasten, leftBy, secondAdmin } from "../../../support/fleet-app.js";

const { app, map, propose, environmentOf, statusOf, opened } = useProposals();
let admin: Client;
let other: Client;
let dba: Client;
beforeAll(() => {
  ({ admin, other, dba } = opened());
});

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
