/** A member of a cluster counts as the strictest of its own, its cluster's and its siblings' environments, whoever comes or goes. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Classification, classify } from "../../../../src/modules/fleet/inventory/classifier.js";
import { classifyInCluster } from "../../../../src/modules/fleet/inventory/cluster-environment.js";
import { DEFAULT_ENVIRONMENT_RULES } from "../../../../src/modules/fleet/inventory/environment-rules.js";
import type { Environment } from "../../../../src/values/environments.js";
import { type Client, testApp } from "../../../support/app.js";
import { ask, decide, ENVIRONMENT, hasten, instanceOf, leftBy, secondAdmin } from "../../../support/fleet-app.js";
import { polling, scriptedProvider } from "../../../support/scripted-provider.js";

const env = (value: string) => [{ key: "Environment", value }];
const cluster = (identifier: string, tags: { key: string; value: string }[] = []) => ({
  identifier,
  arn: `arn:aws:rds:eu-central-1:111111111111:cluster:${identifier}`,
  tags,
});

describe("the tags of a cluster", () => {
  const decided = (identifier: string, tags: string | null, ofCluster: string, rules = DEFAULT_ENVIRONMENT_RULES) => {
    const subject = {
      identifier,
      tags: tags === null ? [] : env(tags),
      accountId: null,
      cluster: cluster("c", env(ofCluster)),
    };
    const { environment, decidedBy, conflict } = classify(subject, rules);
    return `${environment} ${decidedBy}${conflict ? " conflict" : ""}`;
  };
  it.each([
    ["speak for a member that has none", "a", null, "test", "TEST TAG"],
    ["agree with its own", "a", "test", "test", "TEST TAG"],
    ["are stricter than its own", "a", "test", "prod", "PRODUCTION TAG conflict"],
    ["are less strict than its own", "a", "prod", "test", "PRODUCTION TAG conflict"],
    ["are stricter than its own, beside production", "a", "dev", "uat", "STAGING TAG conflict"],
    ["are against its name", "a-prod", null, "test", "PRODUCTION NAME_PATTERN conflict"],
    ["say nothing", "a", null, "blue", "PRODUCTION DEFAULT"],
  ])("%s", (_what, identifier, tags, ofCluster, answer) => expect(decided(identifier, tags, ofCluster)).toBe(answer));

  it("are a floor, whatever the precedence", () => {
    const precedence = ["NAME_PATTERN", "TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "DEFAULT"] as const;
    const rules = { ...DEFAULT_ENVIRONMENT_RULES, precedence };
    expect(decided("a-dev", null, "uat", rules)).toBe("STAGING TAG conflict");
    expect(decided("a-uat", null, "dev", rules)).toBe("STAGING NAME_PATTERN conflict");
  });

  it("are settled by name, until they say something else", () => {
    const subject = { identifier: "a", tags: env("test"), accountId: null, cluster: cluster("c", env("prod")) };
    const { dispute, evidence } = classify(subject, DEFAULT_ENVIRONMENT_RULES);
    expect(dispute).toBe('CLUSTER_TAG "c" "Environment" "prod" PRODUCTION\nTAG "Environment" "test" TEST');
    expect(evidence[0]?.detail).toContain('of the cluster "c", "Environment" = "prod" says PRODUCTION');
    const instanceMapping = { environment: "TEST", settles: dispute } as const;
    expect(classify({ ...subject, instanceMapping }, DEFAULT_ENVIRONMENT_RULES)).toMatchObject({
      ...{ environment: "TEST", conflict: false },
    });
    const renamed = { ...subject, cluster: cluster("d", env("prod")), instanceMapping };
    expect(classify(renamed, DEFAULT_ENVIRONMENT_RULES).environment).toBe("PRODUCTION");
  });
});

describe("the siblings", () => {
  const member = (identifier: string, tags: string | null) => ({
    identifier,
    classification: classify(
      { identifier, tags: tags === null ? [] : env(tags), accountId: null },
      DEFAULT_ENVIRONMENT_RULES,
    ),
  });
  const among = (own: string | null, ...siblings: (string | null)[]): Classification =>
    classifyInCluster(
      member("own", own).classification,
      "c",
      siblings.map((tags, n) => member(`sibling${n}x`, tags)),
    );
  it.each<[string | null, (string | null)[], Environment]>([
    ["test", [], "TEST"],
    ["test", ["test", "dev"], "TEST"],
    ["dev", ["test", "sandbox"], "TEST"],
    ["dev", ["test", "prod", "uat"], "PRODUCTION"],
    ["prod", ["dev"], "PRODUCTION"],
    ["test", [null], "PRODUCTION"],
  ])("of %s: %s", (own, siblings, environment) => {
    const answer = among(own, ...siblings);
    expect(answer.environment).toBe(environment);
    expect(answer.evidence.map(({ method }) => method)).toEqual(DEFAULT_ENVIRONMENT_RULES.precedence);
  });

  it("say which of them decided, and why", () => {
    const { decidedBy, evidence, conflict } = among("test", "dev", "prod");
    expect([decidedBy, conflict]).toEqual(["TAG", false]);
    expect(evidence[0]).toEqual({
      ...{ method: "TAG", environment: "PRODUCTION" },
      detail:
        '"Environment" = "test" says TEST. But "sibling1x" of the same cluster "c" is PRODUCTION, and the strictest member counts. Of that one: "Environment" = "prod" says PRODUCTION.',
    });
    expect(evidence.slice(1)).toEqual(among("test").evidence.slice(1));
  });
});

const provider = scriptedProvider();
const orders = cluster("orders");
provider.add("writer", { tags: env("test"), cluster: orders });
provider.add("reader", { tags: env("test"), cluster: orders });
provider.add("alone-test", { tags: env("test") });
const tagged = cluster("tagged", env("uat"));
provider.add("untagged", { tags: [], cluster: tagged });
provider.add("old-live", { tags: env("live"), cluster: cluster("old") });
provider.add("old-dev", { tags: env("dev"), cluster: cluster("old") });

const app = testApp(polling({ scripted: 600 }), async () => [provider]);
let dba: Client;
let admin: Client;
beforeAll(async () => {
  [dba, admin] = await Promise.all([app.as("dba"), app.as("admin")]);
});
const environmentOf = async (id: string) => (await instanceOf(dba, id, ENVIRONMENT)).environment;
const reboot = (instanceId: string) => ask(dba, "rebootInstance", { instanceId, waitSeconds: 20 });
const refreshed = () => leftBy(app, () => hasten(app, "inventory-scripted"));
const changed = (records: readonly Record<string, unknown>[]) =>
  records.map(({ action, parameters, result }) => {
    const { identifier } = parameters as { identifier: string };
    const { from, environment } = result as { from: string; environment: string };
    return `${action} ${identifier} ${from} ${environment}`;
  });
const findingsOf = async (id: string) => {
  const { findings } = await instanceOf(
    dba,
    id,
    "findings(filter: { resolvedAt: { isNull: true } }, orderBy: [{ field: KIND }]) { nodes { kind severity subject detail } }",
  );
  return findings.nodes;
};

const tagHistoryOf = async (id: string) => {
  const fields = "changes(filter: { field: { in: [TAGS, CLUSTER_TAGS] } }) { nodes { field before after } }";
  return (await instanceOf(dba, id, fields)).changes.nodes;
};

it("a new member is judged among its siblings at once, and has no record of a change", async () => {
  expect((await environmentOf("untagged")).environment).toBe("STAGING");
  expect((await environmentOf("old-dev")).environment).toBe("PRODUCTION");
  expect(await app.sql`select from audit_logs where action = 'instance.changeEnvironment'`).toHaveLength(0);
});

it("a production member that joins protects all, and frees them when it leaves", async () => {
  expect((await reboot("writer")).data.rebootInstance.operation.status).toBe("SUCCEEDED");
  expect((await refreshed()).records, "nothing has changed").toEqual([]);

  provider.add("joined", { tags: env("production"), cluster: orders });
  const joined = await refreshed();
  expect(changed(joined.records)).toEqual([
    "instance.changeEnvironment writer TEST PRODUCTION",
    "instance.changeEnvironment reader TEST PRODUCTION",
  ]);
  const { environment, decidedBy, conflict, dispute, evidence } = await environmentOf("writer");
  expect({ environment, decidedBy, conflict, dispute }).toEqual({
    ...{ environment: "PRODUCTION", decidedBy: "TAG", conflict: false, dispute: null },
  });
  expect(evidence).toHaveLength(5);
  expect(evidence[0].detail).toContain('"joined" of the same cluster "orders" is PRODUCTION');
  expect((await reboot("writer")).code).toBe("PRODUCTION_PROTECTED");
  expect((await environmentOf("alone-test")).environment).toBe("TEST");
  expect(await findingsOf("writer")).toMatchObject([
    {
      kind: "environment_of_cluster",
      severity: "WARNING",
      subject: "orders",
      detail: expect.stringContaining("joined"),
    },
  ]);
  expect(await findingsOf("joined")).toEqual([]);

  // Its snapshots are protected on, and the others are freed all the same.
  await app.sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, tags, automated, created_at)
    select id, 'of-joined', 'arn:of-joined', 'x', 'available', '[]', false, now() from instances where identifier = 'joined'`;
  provider.instances.delete("joined");
  const left = await refreshed();
  expect(changed(left.records)).toEqual([
    "instance.changeEnvironment writer PRODUCTION TEST",
    "instance.changeEnvironment reader PRODUCTION TEST",
  ]);
  expect(await findingsOf("writer")).toEqual([]);
  expect((await reboot("writer")).data.rebootInstance.operation.status).toBe("SUCCEEDED");
});

it("an instance that moves into a production cluster, and out of it", async () => {
  provider.change("alone-test", { cluster: cluster("old") });
  expect(changed((await refreshed()).records)).toEqual(["instance.changeEnvironment alone-test TEST PRODUCTION"]);
  provider.change("alone-test", { cluster: null });
  expect(changed((await refreshed()).records)).toEqual(["instance.changeEnvironment alone-test PRODUCTION TEST"]);
});

it("the cluster's own tags, also where one instance is looked at by itself", async () => {
  for (const name of ["writer", "reader"]) provider.change(name, { cluster: cluster("orders", env("live")) });
  // The worker looks at the instance, and finds what the door did not know.
  const { answer } = await leftBy(app, () => reboot("writer"));
  expect(answer.data.rebootInstance.operation).toMatchObject({
    status: "FAILED",
    error: { code: "PRODUCTION_PROTECTED" },
  });
  expect(await environmentOf("writer")).toMatchObject({ environment: "PRODUCTION", conflict: true });
  expect((await environmentOf("reader")).environment, "its sibling is").toBe("PRODUCTION");
  expect(await findingsOf("writer")).toMatchObject([
    {
      kind: "environment_conflict",
      severity: "CRITICAL",
      subject: null,
      detail: expect.stringContaining('cluster "orders"'),
    },
  ]);
  for (const name of ["writer", "reader"]) provider.change(name, { cluster: orders });
  await refreshed();
  expect(await tagHistoryOf("writer"), "its history shows why").toEqual([
    { field: "CLUSTER_TAGS", before: env("live"), after: [] },
    { field: "CLUSTER_TAGS", before: [], after: env("live") },
  ]);
});

it("the history of tags holds those that differ, whatever their order", async () => {
  const run = (value: string) => ({ key: "LastRun", value });
  provider.change("alone-test", { tags: [...env("test"), run("1")] });
  await refreshed();
  provider.change("alone-test", { tags: [run("2"), ...env("test")] });
  await refreshed();
  provider.change("alone-test", { tags: [...env("test"), run("2")] });
  await refreshed();
  expect(await tagHistoryOf("alone-test")).toEqual([
    { field: "TAGS", before: [run("1")], after: [run("2")] },
    { field: "TAGS", before: [], after: [run("1")] },
  ]);
});

it("a settlement of one member does not outweigh its siblings, and takes all out where it does", async () => {
  const both = cluster("both");
  provider.add("one-prod", { tags: env("test"), cluster: both });
  provider.add("two-prod", { tags: env("test"), cluster: both });
  await refreshed();
  const settle = async (instanceId: string) => {
    const { dispute } = await environmentOf(instanceId);
    const { data } = await admin.run(
      `mutation($input: SetEnvironmentMappingInput!) { setEnvironmentMapping(input: $input) {
        instance { environment { environment conflict } } proposal { id changes { identifier to } } } }`,
      { input: { instanceId, environment: "TEST", settles: dispute, reason: "Masked." } },
    );
    return data.setEnvironmentMapping;
  };
  const confirm = async ({ id }: { id: string }) => decide(await secondAdmin(app), id);
  // Only its sibling would keep it in PRODUCTION.
  const first = await settle("one-prod");
  expect(first).toMatchObject({
    instance: { environment: { environment: "PRODUCTION", conflict: true } },
    proposal: { changes: [{ identifier: "one-prod", to: "TEST" }] },
  });
  expect((await leftBy(app, () => confirm(first.proposal))).records).toHaveLength(1);
  expect(await environmentOf("one-prod")).toMatchObject({ environment: "PRODUCTION", conflict: false });
  const { proposal } = await settle("two-prod");
  expect(proposal.changes).toEqual([
    { identifier: "one-prod", to: "TEST" },
    { identifier: "two-prod", to: "TEST" },
  ]);
  const { records } = await leftBy(app, () => confirm(proposal));
  expect(changed(records.slice(0, 2))).toEqual([
    "instance.changeEnvironment one-prod PRODUCTION TEST",
    "instance.changeEnvironment two-prod PRODUCTION TEST",
  ]);
});

it("snapshots stay protected when the whole cluster is gone", async () => {
  const [row] = await app.sql`select id from instances where identifier = 'old-dev'`;
  await app.sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, tags, automated, created_at)
    values (${row?.id}, 'last', 'arn:last', 'x', 'available', '[]', false, now())`;
  provider.instances.delete("old-dev");
  provider.instances.delete("old-live");
  await hasten(app, "inventory-scripted");
  await app.sql`update snapshots set status = 'available' where arn = 'arn:last'`;
  expect((await refreshed()).records).toEqual([]);
  expect((await environmentOf(row?.id)).environment).toBe("PRODUCTION");
});
