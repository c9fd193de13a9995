/** What an instance is for: who says so, what a disagreement costs, how it is settled, and what follows for operations. */
import { beforeAll, expect, it } from "vitest";
import { type Client, EMAILS } from "../../../support/app.js";
import { development, evidence, PRODUCTION_MESSAGE, useEnvironments } from "../../../support/environments.js";
import { decide, ENVIRONMENT, hasten, instanceOf, leftBy, mapByTwo } from "../../../support/fleet-app.js";

const { provider, app, map, environmentOf, reboot, opened } = useEnvironments();
let admin: Client;
let dba: Client;
let other: Client;
beforeAll(() => {
  ({ admin, dba, other } = opened());
});

it("where only the default speaks, the instance is production; a mapping by two administrators says otherwise, until taken back", async () => {
  expect(await environmentOf("ledger")).toMatchObject({
    environment: "PRODUCTION",
    decidedBy: "DEFAULT",
    conflict: false,
  });
  expect((await reboot("ledger")).code).toBe("PRODUCTION_PROTECTED");

  const left = await leftBy(app, () => map(admin, { instanceId: "LEDGER", environment: "SANDBOX" }));
  expect(left.answer.errors).toBeUndefined();
  const { instance: waiting, proposal } = left.answer.data.setEnvironmentMapping;
  expect(waiting.environment).toMatchObject({ environment: "PRODUCTION", decidedBy: "DEFAULT" });
  expect(left.records).toMatchObject([
    {
      action: "environment-mapping.set",
      success: true,
      actor: { email: EMAILS.admin },
      parameters: { environment: "SANDBOX", reason: "As agreed in OPS-7." },
      result: { environment: "SANDBOX", proposalId: proposal.id },
    },
  ]);
  expect((await reboot("ledger")).code).toBe("PRODUCTION_PROTECTED");

  const confirmed = await leftBy(app, () => decide(other, proposal.id));
  expect(confirmed.answer.data.confirmEnvironmentProposal.proposal.status).toBe("CONFIRMED");
  const instance = await instanceOf(dba, "ledger", ENVIRONMENT);
  expect(instance.environment).toMatchObject({
    environment: "SANDBOX",
    decidedBy: "INSTANCE_MAPPING",
    conflict: false,
  });
  expect(evidence(instance.environment, "INSTANCE_MAPPING")?.detail).toBe("Mapped to SANDBOX.");
  expect(confirmed.records).toMatchObject([
    {
      action: "instance.changeEnvironment",
      actor: { type: "system", name: "inventory" },
      result: { from: "PRODUCTION", environment: "SANDBOX", decidedBy: "INSTANCE_MAPPING" },
    },
    { action: "environment-proposal.decide", success: true, actor: { email: "root@postern.example" } },
  ]);
  expect(left.events).toEqual([]);
  expect((await reboot("ledger")).data.rebootInstance.operation.status).toBe("SUCCEEDED");
  await hasten(app, "inventory-scripted");
  expect((await environmentOf("ledger")).environment).toBe("SANDBOX");

  const back = await leftBy(app, () =>
    map(admin, { instanceId: instance.id, environment: null, reason: "Was wrong." }),
  );
  expect(back.answer.data.setEnvironmentMapping.instance.environment).toMatchObject({
    environment: "PRODUCTION",
    decidedBy: "DEFAULT",
  });
  expect(back.records).toMatchObject([
    { action: "instance.changeEnvironment", result: { from: "SANDBOX", environment: "PRODUCTION" } },
    { action: "environment-mapping.set", success: true, result: { environment: null, proposalId: null } },
  ]);
  expect((await reboot("ledger")).code).toBe("PRODUCTION_PROTECTED");
  const history =
    await app.sql`select environment, reason, created_by, confirmed_by from environment_mappings where instance_id = ${instance.id} order by id`;
  expect(history).toMatchObject([
    {
      environment: "SANDBOX",
      created_by: { email: EMAILS.admin },
      confirmed_by: { email: "root@postern.example", role: "ADMIN" },
    },
    { environment: null, reason: "Was wrong.", confirmed_by: null },
  ]);
});

it("where one says production and another does not, it is production, and the conflict is shown", async () => {
  const instance = await instanceOf(dba, "orders-prod-01", ENVIRONMENT);
  expect(instance.environment).toMatchObject({ environment: "PRODUCTION", decidedBy: "NAME_PATTERN", conflict: true });
  expect(instance.environment.dispute).toMatch(/TAG.*DEVELOPMENT/);
  expect(instance.environment.dispute).toMatch(/NAME_PATTERN.*PRODUCTION/);
  expect(evidence(instance.environment, "TAG")?.environment).toBe("DEVELOPMENT");
  expect(instance.availableOperations).toEqual(
    instance.availableOperations.map(({ type }: { type: string }) => ({
      type,
      allowed: false,
      reason: PRODUCTION_MESSAGE,
    })),
  );
  const left = await leftBy(app, () => reboot("orders-prod-01"));
  expect([left.answer.status, left.answer.code]).toEqual([403, "PRODUCTION_PROTECTED"]);
  expect(left.records).toHaveLength(1);
  expect(left.events).toHaveLength(1);
});

it("two administrators settle a conflict by its name; a mapping alone does not, and new facts open it again", async () => {
  const before = await environmentOf("orders-prod-01");
  // Another disagreement, not an end of it.
  await mapByTwo(app, { instanceId: "orders-prod-01", environment: "DEVELOPMENT" });
  expect(await environmentOf("orders-prod-01")).toMatchObject({ environment: "PRODUCTION", conflict: true });
  expect((await reboot("orders-prod-01")).code).toBe("PRODUCTION_PROTECTED");

  const { dispute } = await environmentOf("orders-prod-01");
  expect(dispute).toBe(before.dispute);
  await mapByTwo(app, { instanceId: "orders-prod-01", environment: "DEVELOPMENT", settles: dispute });
  expect(await environmentOf("orders-prod-01")).toMatchObject({
    environment: "DEVELOPMENT",
    decidedBy: "INSTANCE_MAPPING",
    conflict: false,
    dispute: null,
  });
  expect((await reboot("orders-prod-01")).data.rebootInstance.operation.status).toBe("SUCCEEDED");
  await hasten(app, "inventory-scripted");
  expect((await environmentOf("orders-prod-01")).environment).toBe("DEVELOPMENT");

  provider.change("orders-prod-01", { tags: [...development, { key: "Stage", value: "live" }] });
  await hasten(app, "inventory-scripted");
  expect(await environmentOf("orders-prod-01")).toMatchObject({ environment: "PRODUCTION", conflict: true });
  const stale = await leftBy(app, () =>
    map(admin, { instanceId: "orders-prod-01", environment: "DEVELOPMENT", settles: dispute }),
  );
  expect([stale.answer.status, stale.answer.code]).toEqual([409, "CONFLICT"]);
  expect(stale.records).toMatchObject([{ action: "environment-mapping.set", success: false }]);
  expect(await environmentOf("orders-prod-01")).toMatchObject({ environment: "PRODUCTION", conflict: true });
});

it("mapping an account counts for its instances, and for new ones; the instance's own goes before", async () => {
  const left = await leftBy(app, () => map(admin, { accountId: "222222222222", environment: "TEST" }));
  const { instance, proposal } = left.answer.data.setEnvironmentMapping;
  expect(instance).toBeNull();
  expect(left.records).toMatchObject([{ action: "environment-mapping.set", success: true }]);
  const confirmed = await leftBy(app, () => decide(other, proposal.id));
  expect(confirmed.records.map(({ action }) => action)).toEqual([
    ...["instance.changeEnvironment", "instance.changeEnvironment", "environment-proposal.decide"],
  ]);
  for (const name of ["payroll", "archive"]) {
    expect(await environmentOf(name)).toMatchObject({
      environment: "TEST",
      decidedBy: "ACCOUNT_MAPPING",
      conflict: false,
    });
  }
  provider.add("newcomer", { tags: [], accountId: "222222222222" });
  const { records } = await leftBy(app, () => hasten(app, "inventory-scripted"));
  expect((await environmentOf("newcomer")).environment).toBe("TEST");
  expect(records).toMatchObject([
    {
      ...{ action: "instance.changeEnvironment", parameters: { identifier: "newcomer" } },
      result: { from: null, environment: "TEST", decidedBy: "ACCOUNT_MAPPING" },
    },
  ]);
  expect((await reboot("payroll")).data.rebootInstance.operation.status).toBe("SUCCEEDED");

  // Neither is production: the precedence decides, and the difference is shown.
  await mapByTwo(app, { instanceId: "archive", environment: "POC" });
  expect(await environmentOf("archive")).toMatchObject({
    environment: "POC",
    decidedBy: "INSTANCE_MAPPING",
    conflict: true,
  });

  await map(admin, { accountId: "222222222222", environment: null });
  expect(await environmentOf("payroll")).toMatchObject({ environment: "PRODUCTION", decidedBy: "DEFAULT" });
  expect(await environmentOf("archive")).toMatchObject({ environment: "POC", conflict: false });
});

it("an account of production protects what a tag calls development", async () => {
  await map(admin, { accountId: "333333333333", environment: "PRODUCTION" });
  expect(await environmentOf("shop-dev-01")).toMatchObject({
    environment: "PRODUCTION",
    decidedBy: "ACCOUNT_MAPPING",
    conflict: true,
  });
  expect((await reboot("shop-dev-01")).code).toBe("PRODUCTION_PROTECTED");
});

it("who said what an instance or an account is for, and why, is listed, the newest first", async () => {
  const reasons = ["Set for the list.", "Set for its account.", "Taken back for the list."];
  const inputs = [
    { instanceId: "going-dev-01", environment: "TEST" },
    { accountId: "444444444444", environment: "PRODUCTION" },
    { instanceId: "going-dev-01", environment: null },
  ];
  for (const [index, input] of inputs.entries()) {
    await mapByTwo(app, { ...input, reason: reasons[index] });
  }
  const [user] = await app.sql`select id::text from users where email = ${EMAILS.admin}`;
  const createdBy = { kind: "USER", id: user?.id, email: EMAILS.admin, role: "ADMIN", name: null };
  const rest = { settles: null, createdBy, confirmedBy: null, createdAt: expect.stringMatching(/Z$/) };
  const instance = { identifier: "going-dev-01" };
  const listed = [
    { reason: reasons[2], environment: null, accountId: null, instance, ...rest },
    { reason: reasons[1], environment: "PRODUCTION", accountId: "444444444444", instance: null, ...rest },
    { reason: reasons[0], environment: "TEST", accountId: null, instance, ...rest, confirmedBy: { kind: "USER" } },
  ];
  for (const who of ["dba", "security", "admin"] as const) {
    const { data, errors } = await (await app.as(who)).run(
      `query($reasons: [String!]!) {
        environmentMappings(filter: { reason: { in: $reasons } }) {
          nodes { reason environment accountId instance { identifier } settles createdBy { kind id email role name } confirmedBy { kind } createdAt }
          groups(by: { field: ENVIRONMENT }) { key { environment } aggregate { count } }
        }
        ofInstance: environmentMappings(filter: { instance: { identifier: { eq: "GOING-dev-01" } } }) { totalCount }
      }`,
      { reasons },
    );
    expect(errors).toBeUndefined();
    expect(data.environmentMappings.nodes).toEqual(listed);
    expect(data.environmentMappings.groups).toEqual(
      [null, "PRODUCTION", "TEST"].map((environment) => ({ key: { environment }, aggregate: { count: 1 } })),
    );
    expect(data.ofInstance.totalCount).toBe(2);
  }
});

it("why somebody mapped something is in no evidence and no history, also where the release before writes it", async () => {
  const reason = 'Ticket SEC-99: "breach" suspected. Mapped to TEST: "x"';
  for (const subject of [{ instanceId: "asked-dev-01" }, { accountId: "555555555555" }]) {
    expect((await map(admin, { ...subject, environment: "PRODUCTION", reason })).errors).toBeUndefined();
  }
  provider.add("mapped-dev-01", { tags: development, accountId: "555555555555" });
  await hasten(app, "inventory-scripted");
  const told = async () => {
    const { data, errors } = await (await app.as("viewer")).run(
      `{ instances(filter: { identifier: { in: ["asked-dev-01", "mapped-dev-01"] } }, orderBy: { field: IDENTIFIER }) {
        nodes { environment { evidence { method detail } } changes { nodes { field before after } } } } }`,
    );
    expect(errors).toBeUndefined();
    expect(JSON.stringify(data)).not.toMatch(/SEC-99|breach/);
    return data.instances.nodes;
  };
  const [own, ofAccount] = await told();
  expect(evidence(ofAccount.environment, "ACCOUNT_MAPPING")?.detail).toBe(
    'The account "555555555555" is mapped to PRODUCTION.',
  );
  expect(evidence(own.environment, "INSTANCE_MAPPING")?.detail).toBe("Mapped to PRODUCTION.");
  expect(own.changes.nodes).toMatchObject([{ field: "ENVIRONMENT", after: { environment: "PRODUCTION" } }]);

  const detail = (text: string) => `The account "1" is mapped to TEST: ${JSON.stringify(reason)}. ${text}`;
  const said = [
    { method: "TAG", environment: null, detail: '"Environment" = "mapped to TEST: "x"" says nothing.' },
    {
      method: "ACCOUNT_MAPPING",
      environment: "TEST",
      detail: detail(`Of that one: Mapped to TEST: ${JSON.stringify(reason)}. It settles.`),
    },
  ];
  await app.sql`update instances set environment = 'TEST', classification = ${JSON.stringify({ decidedBy: "ACCOUNT_MAPPING", conflict: false, dispute: null, evidence: said })}::text::jsonb where identifier = 'mapped-dev-01'`;
  const [, older] = await told();
  const kept = 'The account "1" is mapped to TEST. Of that one: Mapped to TEST. It settles.';
  expect(older.environment.evidence.map((one: { detail: string }) => one.detail)).toEqual([said[0]?.detail, kept]);
  expect(older.changes.nodes[0]).toMatchObject({ after: { evidence: [said[0], { detail: kept }] } });
});
