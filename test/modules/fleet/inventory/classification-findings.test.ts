/** What people should look at in how instances are classified opens and is resolved as facts and mappings change, beside what providers report. */
import { expect, it } from "vitest";
import { testApp } from "../../../support/app.js";
import { decide, hasten, mapByTwo, secondAdmin } from "../../../support/fleet-app.js";
import { scriptedProvider } from "../../../support/scripted-provider.js";

const tag = (key: string, value: string) => ({ key, value });
const frozen = { kind: "standby_frozen", severity: "WARNING", subject: "b", detail: "It is frozen." } as const;

const provider = scriptedProvider();
provider.add("silent", { tags: [], findings: [frozen] });
provider.add("pay-prod-01", { tags: [tag("Environment", "test")] });
provider.add("web-qa", { tags: [tag("Environment", "dev")] });
provider.add("region", { tags: [tag("environment", "eu-west-1"), tag("stage", "dev")] });
provider.add("blue", { tags: [tag("Environment", "blue"), tag("x:environment", "green"), tag("Owner", "me")] });
provider.add("leaving", { tags: [] });

const app = testApp({}, async () => [provider]);
const refreshed = () => hasten(app, "inventory-scripted");

const LIST = `query($filter: FindingFilter) { findings(filter: $filter, orderBy: [{ field: KIND }, { field: SUBJECT }, { field: ID }]) {
  nodes { id kind severity subject detail resolvedAt } } }`;
async function listed(identifier: string) {
  const filter = { instance: { identifier: { eq: identifier } } };
  const { data, errors } = await (await app.as("dba")).run(LIST, { filter });
  expect(errors).toBeUndefined();
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
  return data.findings.nodes as any[];
}
const open = async (identifier: string) =>
  (await listed(identifier))
    .filter(({ resolvedAt }) => resolvedAt === null)
    .map(({ kind, severity, subject }) => `${kind} ${severity} ${subject}`);

it("opens them at the first sight of an instance, each once", async () => {
  const expected = {
    silent: ["environment_undecided WARNING null", "standby_frozen WARNING b"],
    "pay-prod-01": ["environment_conflict CRITICAL null"],
    "web-qa": ["environment_conflict WARNING null"],
    region: ["environment_tag_unknown INFO environment"],
    blue: [
      "environment_tag_unknown WARNING Environment",
      "environment_tag_unknown WARNING x:environment",
      "environment_undecided WARNING null",
    ],
  };
  for (const [identifier, findings] of Object.entries(expected)) expect(await open(identifier)).toEqual(findings);
  const ids = await app.sql`select id from findings order by id`;
  await refreshed();
  expect(await app.sql`select id from findings order by id`).toEqual(ids);
  const [conflict] = await listed("pay-prod-01");
  expect(conflict.detail).toContain('"Environment" = "test" says TEST');
  expect(conflict.detail).toContain('The name "pay-prod-01" says PRODUCTION');
  expect((await listed("blue"))[0].detail).toContain('"Environment" = "blue"');
});

it("what providers report and what the classifier finds do not resolve each other", async () => {
  provider.change("silent", { findings: [] });
  await refreshed();
  expect(await open("silent")).toEqual(["environment_undecided WARNING null"]);
  provider.change("silent", { findings: [frozen] });
  await refreshed();
  expect(await open("silent")).toEqual(["environment_undecided WARNING null", "standby_frozen WARNING b"]);
  await mapByTwo(app, { instanceId: "silent", environment: "TEST" });
  expect(await open("silent"), "in the transaction of the mapping").toEqual(["standby_frozen WARNING b"]);
});

it("a conflict ends with its settlement, and a tag that means something with its correction; each opens anew", async () => {
  const [{ id, detail }] = await listed("pay-prod-01");
  const dispute = 'NAME_PATTERN "pay-prod-01" PRODUCTION\nTAG "Environment" "test" TEST';
  await mapByTwo(app, { instanceId: "pay-prod-01", environment: "TEST", settles: dispute });
  expect(await open("pay-prod-01")).toEqual([]);
  provider.change("pay-prod-01", { tags: [tag("Environment", "live")] });
  provider.change("blue", { tags: [tag("Environment", "test"), tag("x:environment", "red")] });
  await refreshed();
  const again = (await listed("pay-prod-01")).filter(({ resolvedAt }) => resolvedAt === null);
  expect(again).toMatchObject([{ kind: "environment_conflict", severity: "CRITICAL" }]);
  expect([again[0].id === id, again[0].detail === detail]).toEqual([false, false]);
  expect(await open("blue")).toEqual(["environment_tag_unknown INFO x:environment"]);
});

it("an instance that is gone has none, and one that comes back has them again", async () => {
  const facts = provider.instances.get("leaving")!;
  provider.instances.delete("leaving");
  await refreshed();
  expect(await open("leaving")).toEqual([]);
  provider.instances.set("leaving", facts);
  await refreshed();
  expect(await open("leaving")).toEqual(["environment_undecided WARNING null"]);
});

it("other rules open and resolve them too", async () => {
  const { data } = await (await app.as("admin")).run(
    `mutation { setEnvironmentRules(input: { reason: "A word.", rules: { values: [{ environment: STAGING, words: ["uat", "red"] }] } }) { proposal { id } } }`,
  );
  expect((await decide(await secondAdmin(app), data.setEnvironmentRules.proposal.id)).errors).toBeUndefined();
  expect(await open("blue")).toEqual(["environment_conflict WARNING null"]);
});
