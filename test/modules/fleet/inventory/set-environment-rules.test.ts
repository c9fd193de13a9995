/** Rules that are set while Postern runs: what they change, who may, what waits, that every replica has them, and what they would say. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_ENVIRONMENT_RULES } from "../../../../src/modules/fleet/inventory/environment-rules.js";
import { type Client, EMAILS, testApp } from "../../../support/app.js";
import { decide, ENVIRONMENT, hasten, instanceOf, leftBy, mapByTwo, secondAdmin } from "../../../support/fleet-app.js";
import { scriptedProvider } from "../../../support/scripted-provider.js";

const ROOT = "root@postern.example";
const tag = (key: string, value: string) => ({ key, value });

const provider = scriptedProvider();
// What the configuration says of each: TEST, DEVELOPMENT, PRODUCTION (nothing), PRODUCTION (name).
provider.add("orders", { tags: [tag("Environment", "test"), tag("Landscape", "live")] });
provider.add("shop-dev-01", { tags: [] });
provider.add("silent", { tags: [tag("Landscape", "labor")] });
provider.add("pay-prod-01", { tags: [], accountId: "111111111111" });

const app = testApp({ ENVIRONMENT_RULES: '{"defaultEnvironment":"SANDBOX"}' }, async () => [provider]);
let admin: Client;
let other: Client;
let replica: Awaited<ReturnType<typeof app.replica>>;
beforeAll(async () => {
  [admin, other, replica] = await Promise.all([app.as("admin"), secondAdmin(app), app.replica()]);
});
afterAll(() => replica.stop());

const RULES = `environmentRules { version tagKeys values { environment words } precedence defaultEnvironment reason
  createdBy { email } confirmedBy { email } createdAt }`;
const set = (client: Client, rules: object, rest: object = {}) =>
  client.run(
    `mutation($input: SetEnvironmentRulesInput!) { setEnvironmentRules(input: $input) {
      ${RULES} applied changed changes { instanceId identifier from to } proposal { id kind rulesVersion rules { tagKeys values { environment words } precedence by: defaultEnvironment } changes { identifier to } } } }`,
    { input: { rules, reason: "As agreed in OPS-8.", ...rest } },
  );
const rulesAt = async (client: Client) => {
  const { data, errors } = await client.run(`{ ${RULES} }`);
  expect(errors).toBeUndefined();
  return data.environmentRules;
};
const environments = async () =>
  Object.fromEntries(
    (await app.sql`select identifier, environment from instances order by identifier`).map((row) => [
      row.identifier,
      row.environment,
    ]),
  );
const words = (environment: string, ...words: string[]) => ({ values: [{ environment, words }] });
const { PRODUCTION, TEST, DEVELOPMENT } = DEFAULT_ENVIRONMENT_RULES.values;
const BY_CONFIGURATION = {
  ...{ orders: "TEST", "shop-dev-01": "DEVELOPMENT", silent: "PRODUCTION", "pay-prod-01": "PRODUCTION" },
};
const explain = (client: Client, input: object) =>
  client.run(
    `query($input: ExplainEnvironmentInput!) { explainEnvironment(input: $input) {
      environment by: decidedBy conflict dispute evidence { m: method environment detail } } }`,
    { input },
  );

it("before anybody sets rules, the configuration is version 0, and nobody's", async () => {
  for (const who of ["dba", "security", "admin"] as const) {
    expect(await rulesAt(await app.as(who))).toMatchObject({
      ...{ version: 0, defaultEnvironment: "SANDBOX", reason: null, createdBy: null, confirmedBy: null },
      createdAt: null,
      precedence: ["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"],
    });
  }
  expect(await environments()).toEqual(BY_CONFIGURATION);
});

describe("explainEnvironment", () => {
  it("says what an instance would be, with all the evidence, and writes nothing", async () => {
    for (const who of ["viewer", "analyst", "dba", "security", "admin"] as const) {
      const client = await app.as(who);
      const { answer, records, events } = await leftBy(app, () =>
        explain(client, { identifier: "new-prod-1", tags: [tag("Environment", "uat")] }),
      );
      expect(answer.errors).toBeUndefined();
      expect(answer.data.explainEnvironment).toMatchObject({
        ...{ environment: "PRODUCTION", by: "NAME_PATTERN", conflict: true },
        dispute: 'NAME_PATTERN "new-prod-1" PRODUCTION\nTAG "Environment" "uat" STAGING',
        evidence: [
          { m: "TAG", environment: "STAGING", detail: '"Environment" = "uat" says STAGING.' },
          { m: "INSTANCE_MAPPING", environment: null },
          { m: "ACCOUNT_MAPPING", environment: null },
          { m: "NAME_PATTERN", environment: "PRODUCTION" },
          { m: "DEFAULT", environment: "SANDBOX" },
        ],
      });
      expect([records, events]).toEqual([[], []]);
    }
    expect(await app.sql`select from instances`).toHaveLength(4);
  });

  it("knows the mapping of the account, and none of an instance with the same name", async () => {
    await mapByTwo(app, { accountId: "999999999999", environment: "POC" });
    await mapByTwo(app, { instanceId: "shop-dev-01", environment: "STAGING" });
    const { data } = await explain(admin, { identifier: "anything", accountId: "999999999999" });
    expect(data.explainEnvironment).toMatchObject({ environment: "POC", by: "ACCOUNT_MAPPING", conflict: false });
    expect(
      data.explainEnvironment.evidence.find(({ m }: { m: string }) => m === "ACCOUNT_MAPPING").detail,
      "why, knows whoever may list mappings",
    ).toBe('The account "999999999999" is mapped to POC.');
    const same = await explain(admin, { identifier: "shop-dev-01" });
    expect(same.data.explainEnvironment).toMatchObject({ environment: "DEVELOPMENT", by: "NAME_PATTERN" });
    await admin.run(
      'mutation { setEnvironmentMapping(input: { instanceId: "shop-dev-01", reason: "Over." }) { instance { id } } }',
    );
  });

  const tags = (count: number) => Array.from({ length: count }, (_, n) => tag(`k${n}`, ""));
  it.each<[string, object, string]>([
    ["no name", { identifier: "" }, "identifier"],
    ["a name that is too long", { identifier: "n".repeat(256) }, "identifier"],
    ["too many tags", { identifier: "n", tags: tags(51) }, "tags"],
    ["a tag without a key", { identifier: "n", tags: [tag("", "v")] }, "tags"],
    ["a tag's value that is too long", { identifier: "n", tags: [tag("k", "v".repeat(257))] }, "tags"],
    ["an account that is too long", { identifier: "n", accountId: "1".repeat(65) }, "accountId"],
    ["what cannot be stored", { identifier: "a\0b" }, "identifier"],
  ])("refuses %s", async (_what, input, field) => {
    const { code, errors } = await explain(admin, input);
    expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", expect.stringContaining(field)]);
  });
});

describe("a dry run", () => {
  it("tells which instances would change, from what to what, and writes only its record", async () => {
    const { answer, records } = await leftBy(app, () => set(admin, { tagKeys: ["Landscape"] }, { dryRun: true }));
    const { applied, changed, changes, proposal, environmentRules } = answer.data.setEnvironmentRules;
    expect([applied, changed, proposal, environmentRules.version]).toEqual([false, 1, null, 0]);
    expect(changes).toEqual([
      { instanceId: expect.stringMatching(/^\d+$/), identifier: "orders", from: "TEST", to: "PRODUCTION" },
    ]);
    expect(records).toMatchObject([
      {
        ...{ action: "environment-rules.set", success: true, actor: { email: EMAILS.admin } },
        result: { dryRun: true, version: 0, changed: 1, proposalId: null },
      },
    ]);
    expect(await environments()).toEqual(BY_CONFIGURATION);
    expect(await app.sql`select from environment_rules`).toHaveLength(0);
  });

  it("tells at most 100 of them, and how many there are", async () => {
    for (let n = 0; n < 120; n++) provider.add(`many-dev-${n}`, { tags: [tag("Environment", "dev")] });
    await hasten(app, "inventory-scripted");
    const words = { values: [{ environment: "DEVELOPMENT", words: ["entwicklung"] }] };
    const { data } = await set(admin, words, { dryRun: true });
    // And shop-dev-01.
    expect([data.setEnvironmentRules.changed, data.setEnvironmentRules.changes.length]).toEqual([121, 100]);
    for (let n = 0; n < 120; n++) provider.instances.delete(`many-dev-${n}`);
    await hasten(app, "inventory-scripted");
    await app.sql`delete from findings`;
    await app.sql`delete from instances where identifier like 'many-dev-%'`;
  });
});

it("rules that are rolled back leave nothing, and others get their number", async () => {
  await app.sql`create function refuse() returns trigger language plpgsql as $$ begin
    if new.action = 'environment-rules.set' and new.success then raise exception 'refused'; end if; return new; end $$`;
  await app.sql`create trigger refuse before insert on audit_logs for each row execute function refuse()`;
  const refused = await set(admin, words("PRODUCTION", ...PRODUCTION, "showcase"));
  await app.sql`drop trigger refuse on audit_logs`;
  expect(refused.code).toBe("INTERNAL_SERVER_ERROR");
  expect(await app.sql`select from environment_rules`).toHaveLength(0);

  const later = await set(admin, words("PRODUCTION", ...PRODUCTION, "fair"));
  expect(later.data.setEnvironmentRules.environmentRules.version).toBe(1);
  const { values } = await rulesAt(admin);
  expect(values).toContainEqual({ environment: "PRODUCTION", words: [...PRODUCTION, "fair"] });
  const { data } = await explain(admin, { identifier: "hall-fair-1" });
  expect(data.explainEnvironment.by).toBe("NAME_PATTERN");
  await app.sql`delete from environment_rules`;
});

it("stricter rules count at once, on every replica, with a record of each instance", async () => {
  const values = [
    { environment: "PRODUCTION", words: [...PRODUCTION, "test"] },
    { environment: "TEST", words: TEST.filter((word) => word !== "test") },
  ];
  const { answer, records } = await leftBy(app, () => set(admin, { values }));
  const { applied, changed, changes, proposal, environmentRules } = answer.data.setEnvironmentRules;
  expect([applied, changed, changes.length, proposal]).toEqual([true, 1, 1, null]);
  expect(environmentRules).toMatchObject({
    ...{ version: 1, values: expect.arrayContaining(values), defaultEnvironment: "SANDBOX" },
    ...{ reason: "As agreed in OPS-8.", createdBy: { email: EMAILS.admin }, confirmedBy: null },
    createdAt: expect.stringMatching(/Z$/),
  });
  expect(records).toMatchObject([
    {
      ...{ action: "instance.changeEnvironment", actor: { type: "system", name: "inventory" } },
      result: { from: "TEST", environment: "PRODUCTION", decidedBy: "TAG" },
    },
    { action: "environment-rules.set", result: { dryRun: false, version: 1, changed: 1 } },
  ]);
  expect(await environments()).toEqual({ ...BY_CONFIGURATION, orders: "PRODUCTION" });
  const there = replica.as(admin.token);
  expect((await rulesAt(there)).version).toBe(1);
  const { data } = await explain(there, { identifier: "x", tags: [tag("Environment", "test")] });
  expect(data.explainEnvironment.environment).toBe("PRODUCTION");
  // Either replica refreshes by them.
  await hasten(app, "inventory-scripted");
  await there.run(
    'mutation { setEnvironmentMapping(input: { instanceId: "orders", environment: PRODUCTION, reason: "It is." }) { instance { id } } }',
  );
  expect(await environments()).toEqual({ ...BY_CONFIGURATION, orders: "PRODUCTION" });
  await mapByTwo(app, { instanceId: "orders", environment: null });
});

it("rules that would take instances out of PRODUCTION wait as a whole for another administrator", async () => {
  const words = { environment: "SANDBOX", words: ["sandbox", "labor"] };
  const rules = { tagKeys: ["Landscape"], values: [words] };
  const { answer, records } = await leftBy(app, () => set(admin, rules));
  const { applied, changed, changes, proposal, environmentRules } = answer.data.setEnvironmentRules;
  expect([applied, changed, environmentRules.version]).toEqual([false, 1, 1]);
  expect(changes).toMatchObject([{ identifier: "silent", from: "PRODUCTION", to: "SANDBOX" }]);
  expect(proposal).toMatchObject({
    ...{ kind: "RULES", rulesVersion: 1, changes: [{ identifier: "silent", to: "SANDBOX" }] },
    rules: {
      ...{ tagKeys: ["Landscape"], by: "SANDBOX", precedence: environmentRules.precedence },
      // What is left out is as in the configuration, and not as in the rules in force.
      values: Object.entries(DEFAULT_ENVIRONMENT_RULES.values).map(([environment, given]) =>
        environment === "SANDBOX" ? words : { environment, words: given },
      ),
    },
  });
  expect(records).toMatchObject([{ action: "environment-rules.set", result: { version: 1, proposalId: proposal.id } }]);
  expect((await environments()).silent).toBe("PRODUCTION");
  expect((await decide(admin, proposal.id)).code).toBe("FORBIDDEN");

  const confirmed = await leftBy(app, () => decide(other, proposal.id));
  expect(confirmed.answer.data.confirmEnvironmentProposal.proposal.status).toBe("CONFIRMED");
  expect(confirmed.records.map(({ action }) => action)).toEqual([
    ...["instance.changeEnvironment", "environment-proposal.decide"],
  ]);
  expect(confirmed.records[1]?.result).toMatchObject({
    ...{ status: "CONFIRMED", kind: "RULES", proposedRulesVersion: 1, rulesVersion: 1, newRulesVersion: 2 },
  });
  expect(await rulesAt(admin)).toMatchObject({
    ...{ version: 2, tagKeys: ["Landscape"], createdBy: { email: EMAILS.admin }, confirmedBy: { email: ROOT } },
  });
  expect((await environments()).silent).toBe("SANDBOX");
  expect((await instanceOf(admin, "silent", ENVIRONMENT)).environment).toMatchObject({ decidedBy: "TAG" });
});

it("rules that read less as production wait, although nothing leaves PRODUCTION by them today", async () => {
  const { environmentRules } = (await admin.run(`{ ${RULES} }`)).data;
  const { version, tagKeys } = environmentRules;
  for (const rules of [
    { tagKeys: ["Nothing"] },
    // Nothing is called `prd`.
    { tagKeys, ...words("PRODUCTION", "prod", "production", "live") },
  ]) {
    const { answer } = await leftBy(app, () => set(admin, rules));
    const { proposal, environmentRules } = answer.data.setEnvironmentRules;
    expect([proposal?.kind, environmentRules.version]).toEqual(["RULES", version]);
    await decide(admin, proposal.id, { decision: "REJECT" });
  }
});

it("a new word or key for less than PRODUCTION waits, because it would speak alone once other facts are gone", async () => {
  const live = tag("Landscape", "live");
  provider.add("ledger-core", { tags: [live, tag("Owner", "dev-team")] });
  await hasten(app, "inventory-scripted");
  const sandbox = { environment: "SANDBOX", words: ["sandbox", "labor"] };
  const ledger = { environment: "DEVELOPMENT", words: [...DEVELOPMENT, "ledger"] };
  for (const rules of [
    { tagKeys: ["Landscape"], values: [sandbox, ledger] },
    { tagKeys: ["Landscape", "Owner"], values: [sandbox] },
  ]) {
    const { proposal, changed, environmentRules } = (await set(admin, rules)).data.setEnvironmentRules;
    expect([proposal?.kind, changed, environmentRules.version]).toEqual(["RULES", 0, 2]);
    provider.change("ledger-core", { tags: [tag("Owner", "dev-team")] });
    await hasten(app, "inventory-scripted");
    expect((await environments())["ledger-core"]).toBe("PRODUCTION");
    // It named nothing that would leave PRODUCTION.
    expect((await decide(other, proposal.id)).code).toBe("CONFLICT");
    provider.change("ledger-core", { tags: [live, tag("Owner", "dev-team")] });
    await hasten(app, "inventory-scripted");
  }
  provider.instances.delete("ledger-core");
  await hasten(app, "inventory-scripted");
  await app.sql`delete from findings where instance_id = (select id from instances where identifier = 'ledger-core')`;
  await app.sql`delete from instances where identifier = 'ledger-core'`;
});

it("those that leave PRODUCTION are shown first, and all of them; too many are refused", async () => {
  const count = (n: number, from: number) =>
    app.sql`
      insert into instances (provider, scope_id, provider_id, identifier, engine, engine_version, multi_az, status, members, tags, environment, classification)
      select 'scripted', scope_id, 'crowd-' || n, 'crowd-' || n, engine, engine_version, false, status, '[]', jsonb_build_array(jsonb_build_object('key', 'Landscape', 'value',
        case when n <= 110 then 'sandbox' else 'werk' end)), (case when n <= 110 then 'SANDBOX' else 'PRODUCTION' end)::environment, '{}'
      from instances, generate_series(${from}::int, ${n}::int) n where identifier = 'silent'`;
  await count(220, 1);
  const rules = {
    tagKeys: ["Landscape"],
    values: [
      { environment: "SANDBOX", words: ["labor", "werk"] },
      { environment: "POC", words: ["poc", "sandbox"] },
    ],
  };
  const document = `mutation($input: SetEnvironmentRulesInput!) { setEnvironmentRules(input: $input) { changed leavingCount changes { from }
    proposal { changeCount leavingCount changes { from to } } } }`;
  const { data } = await admin.run(document, { input: { rules, reason: "Many." } });
  const { changed, leavingCount, changes, proposal } = data.setEnvironmentRules;
  expect([changed, leavingCount, changes.length]).toEqual([220, 110, 110]);
  expect([proposal.changeCount, proposal.leavingCount]).toEqual([220, 110]);
  expect(proposal.changes).toEqual(Array(110).fill({ from: "PRODUCTION", to: "SANDBOX" }));
  await count(611, 221);
  const { answer, records } = await leftBy(app, () => admin.run(document, { input: { rules, reason: "Too many." } }));
  expect([answer.code, answer.errors?.[0]?.extensions.limit]).toEqual(["LIMIT_EXCEEDED", "leaving"]);
  expect(records).toMatchObject([{ action: "environment-rules.set", success: false }]);
  await app.sql`update environment_proposals set status = 'REJECTED' where status = 'WAITING'`;
  await app.sql`delete from instances where identifier like 'crowd-%'`;
});

it("rules wait as well for what is gone without a trace, because it may come back", async () => {
  provider.add("away", { tags: [tag("Landscape", "atelier")] });
  await hasten(app, "inventory-scripted");
  const facts = provider.instances.get("away");
  provider.instances.delete("away");
  await hasten(app, "inventory-scripted");
  const { answer } = await leftBy(app, () =>
    set(admin, { tagKeys: ["Landscape"], ...words("SANDBOX", "sandbox", "labor", "atelier") }),
  );
  expect(answer.data.setEnvironmentRules).toMatchObject({
    environmentRules: { version: 2 },
    proposal: { changes: [{ identifier: "away", to: "SANDBOX" }] },
  });
  provider.add("away", facts);
  await hasten(app, "inventory-scripted");
  expect((await environments()).away).toBe("PRODUCTION");
  await decide(admin, answer.data.setEnvironmentRules.proposal.id, { decision: "REJECT" });
  provider.instances.delete("away");
  await hasten(app, "inventory-scripted");
  await app.sql`delete from findings where instance_id = (select id from instances where identifier = 'away')`;
  await app.sql`delete from instances where identifier = 'away'`;
});

it("later rules replace a proposal of rules, and one that names too few is refused", async () => {
  const first = (await set(admin, { values: [{ environment: "PRODUCTION", words: ["live"] }] })).data
    .setEnvironmentRules.proposal;
  expect(first.changes).toEqual([
    { identifier: "orders", to: "TEST" },
    { identifier: "silent", to: "PRODUCTION" },
  ]);
  const second = (await set(admin, { tagKeys: ["Landscape"], values: [{ environment: "SANDBOX", words: ["labor"] }] }))
    .data.setEnvironmentRules;
  expect(second.proposal).toBeNull();
  expect((await decide(other, first.id)).errors?.[0]?.extensions.state).toBe("superseded");

  const words = [
    { environment: "PRODUCTION", words: ["prod"] },
    { environment: "SANDBOX", words: ["labor", "live"] },
  ];
  const third = (await set(admin, { tagKeys: ["Landscape"], values: words })).data.setEnvironmentRules.proposal;
  expect(third).toMatchObject({ changes: [{ identifier: "orders", to: "SANDBOX" }] });
  provider.add("newer", { tags: [tag("Landscape", "live")] });
  await hasten(app, "inventory-scripted");
  const answer = await decide(other, third.id);
  expect([answer.code, answer.errors?.[0]?.message]).toEqual(["CONFLICT", expect.stringContaining("newer to SANDBOX")]);
  expect((await environments()).orders).toBe("PRODUCTION");
});

it("none of them is the configuration again", async () => {
  const { proposal } = (await set(admin, {})).data.setEnvironmentRules;
  expect((await decide(other, proposal.id)).errors).toBeUndefined();
  const { version, tagKeys } = await rulesAt(admin);
  expect(version).toBe(4);
  expect(tagKeys).toContain("elasticbeanstalk:environment-name");
});

it("lists every version, the newest first, with what it said, and who set and confirmed it", async () => {
  const document = `{ environmentRulesVersions { totalCount nodes { version says: rules { keys: tagKeys values { of: environment words } precedence defaultEnvironment }
    reason createdBy { email } confirmedBy { kind email } createdAt } } }`;
  for (const who of ["dba", "security", "admin"] as const) {
    const { data, errors } = await (await app.as(who)).run(document);
    expect(errors).toBeUndefined();
    const { totalCount, nodes } = data.environmentRulesVersions;
    expect([totalCount, nodes.map(({ version }: { version: number }) => version)]).toEqual([4, [4, 3, 2, 1]]);
    const { version, tagKeys: keys, values, reason, createdAt, ...rest } = await rulesAt(admin);
    expect(nodes[0]).toEqual({
      ...{ version, reason, createdAt: expect.stringMatching(/Z$/), createdBy: { email: EMAILS.admin } },
      confirmedBy: { kind: "USER", email: ROOT },
      says: {
        ...{ keys, precedence: rest.precedence, defaultEnvironment: "SANDBOX" },
        values: values.map(({ environment, words }: { environment: string; words: string[] }) => ({
          ...{ of: environment, words },
        })),
      },
    });
    expect(Date.parse(nodes[0].createdAt)).toBe(Date.parse(createdAt));
    expect(nodes[3]).toMatchObject({
      confirmedBy: null,
      says: { values: expect.arrayContaining([{ of: "PRODUCTION", words: [...PRODUCTION, "test"] }]) },
    });
    expect(nodes[1].says.values).toContainEqual({ of: "SANDBOX", words: ["labor"] });
  }
  expect((await (await app.as("viewer")).run(document)).code).toBe("FORBIDDEN");
});

it("of two who set rules at once both count, one after the other", async () => {
  const answers = await Promise.all([
    set(admin, { defaultEnvironment: "POC" }),
    set(replica.as(other.token), { defaultEnvironment: "TEST" }),
  ]);
  expect(answers.flatMap(({ errors }) => errors ?? [])).toEqual([]);
  const rows =
    await app.sql`select version, rules->>'defaultEnvironment' as key from environment_rules where version > 4`;
  expect(rows.map(({ version }) => version)).toEqual([5, 6]);
  expect(rows.map(({ key }) => key).sort()).toEqual(["POC", "TEST"]);
});

it.each(["viewer", "analyst", "dba", "security"] as const)("%s sets no rules, and tries none", async (who) => {
  const client = await app.as(who);
  for (const dryRun of [true, false]) expect((await set(client, {}, { dryRun })).code).toBe("FORBIDDEN");
  if (who === "viewer") expect((await client.run("{ environmentRules { version } }")).code).toBe("FORBIDDEN");
});

it.each<[string, object, string]>([
  ["an empty key", { tagKeys: [""] }, "rules.tagKeys.0"],
  ["a key with a star inside", { tagKeys: ["a*b"] }, "rules.tagKeys.0"],
  ["too many keys", { tagKeys: Array(101).fill("k") }, "rules.tagKeys"],
  ["no word for production", words("PRODUCTION"), "rules.values"],
  ["a word without a letter", words("TEST", "42"), "rules.values.0.words.0"],
  ["a word that is too long", words("TEST", "w".repeat(65)), "rules.values.0.words.0"],
  ["too many words", words("TEST", ...Array(101).fill("word")), "rules.values.0.words"],
  ["a word with two meanings", words("TEST", "prod"), "rules.values"],
  ["a phrase that would hide production", words("TEST", "prod db"), "rules.values"],
  ["a number that would hide production", words("TEST", "prod1"), "rules.values"],
  ["camel case that would hide production", words("TEST", "euProd"), "rules.values"],
  [
    "a phrase that would hide the beginning of production",
    {
      values: [...words("PRODUCTION", "live site").values, ...words("DEVELOPMENT", "db live").values],
    },
    "rules.values",
  ],
  ["a word that never means production", words("PRODUCTION", "prod", "nonprod"), "rules.values"],
  [
    "an environment given twice",
    { values: [...words("POC", "a").values, ...words("POC", "b").values] },
    "rules.values.1.environment",
  ],
  ["a precedence without a method", { precedence: ["TAG", "DEFAULT"] }, "rules.precedence"],
  [
    "a precedence that does not end in the default",
    { precedence: ["DEFAULT", "TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN"] },
    "rules.precedence",
  ],
])("refuses %s", async (_what, rules, field) => {
  const { answer, records } = await leftBy(app, () => set(admin, rules));
  expect([answer.code, answer.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
  expect(records).toMatchObject([{ action: "environment-rules.set", success: false }]);
});
