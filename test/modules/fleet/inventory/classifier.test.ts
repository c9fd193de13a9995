/** Who decides the environment of an instance, what that shows, and that doubt means production. */
import { describe, expect, it } from "vitest";
import {
  type ClassifierMapping,
  type ClassifierSubject,
  classify,
} from "../../../../src/modules/fleet/inventory/classifier.js";
import {
  DEFAULT_ENVIRONMENT_RULES,
  type EnvironmentRules,
} from "../../../../src/modules/fleet/inventory/environment-rules.js";
import type { Environment } from "../../../../src/values/environments.js";
import { type EnvironmentMethod } from "../../../../src/values/environments.js";

const ACCOUNT = "123456789012";
const NAME_FIRST: EnvironmentMethod[] = ["NAME_PATTERN", "ACCOUNT_MAPPING", "INSTANCE_MAPPING", "TAG", "DEFAULT"];

const rulesWith = (rules: Partial<EnvironmentRules>): EnvironmentRules => ({ ...DEFAULT_ENVIRONMENT_RULES, ...rules });
const production = (...PRODUCTION: string[]) => ({ values: { ...DEFAULT_ENVIRONMENT_RULES.values, PRODUCTION } });

const mapped = (environment: string | undefined, settles?: string | null): ClassifierMapping | null =>
  environment ? { environment: environment as Environment, settles } : null;

/** @param text `name=x instance=TEST account=POC`, and whatever else is a tag */
function facts(text: string, settles?: string | null): ClassifierSubject {
  const pairs = text.split(" ").map((pair): [string, string] => [pair.split("=")[0] ?? "", pair.split("=")[1] ?? ""]);
  const { name = "orders", instance, account } = Object.fromEntries(pairs) as Record<string, string | undefined>;
  return {
    identifier: name,
    tags: pairs
      .filter(([key]) => key && !["name", "instance", "account"].includes(key))
      .map(([key, value]) => ({ key, value })),
    accountId: ACCOUNT,
    instanceMapping: mapped(instance, settles),
    accountMapping: mapped(account),
  };
}

function decide(subject: ClassifierSubject, rules: Partial<EnvironmentRules> = {}): string {
  const { environment, decidedBy, conflict, dispute } = classify(subject, rulesWith(rules));
  expect(dispute !== null).toBe(conflict);
  return `${environment} ${decidedBy}${conflict ? " conflict" : ""}`;
}

type Case = [title: string, facts: string, answer: string, rules?: Partial<EnvironmentRules>];

const CASES: Case[] = [
  ["nothing speaks", "", "PRODUCTION DEFAULT"],
  ["nothing speaks, whatever the default", "", "PRODUCTION DEFAULT", { defaultEnvironment: "SANDBOX" }],
  ["a tag that is no environment", "Environment=blue", "PRODUCTION DEFAULT"],
  ["a tag that only denies", "Environment=nonprod", "PRODUCTION DEFAULT"],
  ["a tag that only denies, beside a name", "Environment=nonprod name=x-test", "TEST NAME_PATTERN"],
  ["a tag alone", "Environment=uat", "STAGING TAG"],
  ["an account alone", "account=POC", "POC ACCOUNT_MAPPING"],
  ["an instance's mapping alone", "instance=SANDBOX", "SANDBOX INSTANCE_MAPPING"],
  ["a name alone", "name=orders-qa", "TEST NAME_PATTERN"],
  ["a name against the default is no disagreement", "name=x-dev", "DEVELOPMENT NAME_PATTERN"],
  ["all say the same", "env=qa instance=TEST account=TEST name=a-test", "TEST TAG"],
  ["all say production", "env=live name=x-prod", "PRODUCTION TAG"],
  ["a region in environment, prod in stage", "environment=eu-west-1 stage=prod", "PRODUCTION TAG"],
  ["a region in environment, dev in stage", "environment=eu-west-1 stage=dev", "DEVELOPMENT TAG"],
  ["tags that agree", "Env=dev stage=development", "DEVELOPMENT TAG"],
  ["tags that disagree about production", "Env=test stage=prod", "PRODUCTION TAG conflict"],
  ["tags that disagree otherwise", "Env=dev stage=uat", "STAGING TAG conflict"],
  ["one tag with two environments", "Env=prod/test", "PRODUCTION TAG conflict"],
  ["a name with production and another", "name=test-prod-copy", "PRODUCTION NAME_PATTERN conflict"],
  ["a name with two others", "name=dev-test-db", "TEST NAME_PATTERN conflict"],
  ["a tag against a production name", "env=test name=x-prod", "PRODUCTION NAME_PATTERN conflict"],
  ["a production tag against a name", "env=prod name=x-test", "PRODUCTION TAG conflict"],
  ["a tag against a production account", "env=dev account=PRODUCTION", "PRODUCTION ACCOUNT_MAPPING conflict"],
  ["a mapping against a production name", "instance=TEST name=x-prod", "PRODUCTION NAME_PATTERN conflict"],
  ["a production mapping against a name", "instance=PRODUCTION name=x-dev", "PRODUCTION INSTANCE_MAPPING conflict"],
  ["a tag against a name", "env=dev name=x-test", "DEVELOPMENT TAG conflict"],
  ["a tag against a mapping", "env=dev instance=POC", "DEVELOPMENT TAG conflict"],
  ["an account against a name", "account=POC name=x-test", "POC ACCOUNT_MAPPING conflict"],
  ["a mapping against an account", "instance=TEST account=POC", "TEST INSTANCE_MAPPING conflict"],
  ["the name first", "env=dev name=x-test", "TEST NAME_PATTERN conflict", { precedence: NAME_FIRST }],
  ["the account first", "instance=TEST account=POC", "POC ACCOUNT_MAPPING conflict", { precedence: NAME_FIRST }],
  ["production last", "env=prod name=x-test", "PRODUCTION TAG conflict", { precedence: NAME_FIRST }],
  [
    "two that say production",
    "env=prod account=PRODUCTION name=x-test",
    "PRODUCTION ACCOUNT_MAPPING conflict",
    { precedence: NAME_FIRST },
  ],
  ["own words", "env=gold", "PRODUCTION TAG", production("gold")],
  ["own words with a number have negatives", "env=test name=non-gold1", "TEST TAG", production("gold1")],
  ["a word that the rules lost", "env=live", "PRODUCTION DEFAULT", production("prod")],
  ["a negative among the words for production", "env=nonprod", "PRODUCTION DEFAULT", production("prod", "nonprod")],
  ["own keys", "zone=qa env=prod", "TEST TAG", { tagKeys: ["zone"] }],
];

const DISPUTE = 'NAME_PATTERN "orders-prod" PRODUCTION\nTAG "env" "test" TEST';
const OPEN_BY_NAME = "PRODUCTION NAME_PATTERN conflict";

const SETTLED: Case[] = [
  ["wins over the conflict that it names", "instance=TEST env=test name=orders-prod", "TEST INSTANCE_MAPPING"],
  [
    "wins whatever the precedence",
    "instance=TEST env=test name=orders-prod",
    "TEST INSTANCE_MAPPING",
    { precedence: NAME_FIRST },
  ],
  ["may choose what nobody said", "instance=POC env=test name=orders-prod", "POC INSTANCE_MAPPING"],
  ["may choose production", "instance=PRODUCTION env=test name=orders-prod", "PRODUCTION INSTANCE_MAPPING"],
  ["stays when more agrees with it", "instance=TEST env=test Env=qa name=orders-prod", "TEST INSTANCE_MAPPING"],
  ["stays when part of the conflict vanishes", "instance=TEST name=orders-prod", "TEST INSTANCE_MAPPING"],
  ["has nothing to win when the conflict vanishes", "instance=TEST env=test", "TEST TAG"],
  [
    "is open when a production tag appears",
    "instance=TEST env=test Env=prod name=orders-prod",
    "PRODUCTION TAG conflict",
  ],
  ["is open when another tag appears", "instance=TEST env=test Env=dev name=orders-prod", OPEN_BY_NAME],
  ["is open when a tag's value turns", "instance=TEST env=prod name=orders-prod", "PRODUCTION TAG conflict"],
  [
    "is open when the account is mapped otherwise",
    "instance=TEST env=test account=PRODUCTION name=orders-prod",
    "PRODUCTION ACCOUNT_MAPPING conflict",
  ],
  ["is open after a rename that says production", "instance=TEST env=test name=billing-prod", OPEN_BY_NAME],
  [
    "is open when the rules give a word a meaning",
    "instance=TEST env=test Env=gold name=orders-prod",
    "PRODUCTION TAG conflict",
    production("prod", "gold"),
  ],
];

describe("who decides", () => {
  it.each(CASES)("%s", (_, text, answer, rules) => {
    expect(decide(facts(text), rules)).toBe(answer);
  });

  it("tells what each method found, in order of precedence", () => {
    const subject = facts("env=test stage=prod Tier=web account=TEST name=prod-test");
    const { evidence } = classify(subject, rulesWith({ defaultEnvironment: "POC", precedence: NAME_FIRST }));
    const disagree = "They disagree, and the nearest to production counts.";
    const tags =
      '"env" = "test" says TEST; "stage" = "prod" says PRODUCTION; "Tier" = "web" is no environment and is ignored.';
    expect(evidence.map(({ method, environment, detail }) => `${method} ${environment} ${detail}`)).toEqual([
      `NAME_PATTERN PRODUCTION The name "prod-test" says PRODUCTION and TEST. ${disagree}`,
      `ACCOUNT_MAPPING TEST The account "${ACCOUNT}" is mapped to TEST.`,
      "INSTANCE_MAPPING null The instance is not mapped.",
      `TAG PRODUCTION ${tags} ${disagree}`,
      "DEFAULT POC The default is POC.",
    ]);
  });

  it("tells that the default alone does not make an instance operable", () => {
    const { evidence } = classify(facts(""), rulesWith({ defaultEnvironment: "POC" }));
    expect(evidence.map(({ environment, detail }) => `${environment} ${detail}`)).toEqual([
      "null No tag that names environments.",
      "null The instance is not mapped.",
      `null The account "${ACCOUNT}" is not mapped.`,
      'null The name "orders" holds no word for an environment.',
      "POC The default is POC, but where nothing else speaks the instance counts as PRODUCTION.",
    ]);
  });

  it("heeds no mapping of an account that the instance does not have", () => {
    expect(decide({ ...facts("account=POC"), accountId: null })).toBe("PRODUCTION DEFAULT");
  });
});

describe("a settlement", () => {
  const conflicting = "instance=TEST env=test name=orders-prod";

  it("names every fact of the conflict but the mapping, a line each", () => {
    expect(classify(facts(conflicting), DEFAULT_ENVIRONMENT_RULES).dispute).toBe(DISPUTE);
  });

  it.each(SETTLED)("%s", (_, text, answer, rules) => {
    expect(decide(facts(text, DISPUTE), rules)).toBe(answer);
  });

  it.each([null, "", "known", 'NAME_PATTERN "x-prod" PRODUCTION', "NAME_PATTERN"])("does not win by %j", (settles) => {
    expect(decide(facts(conflicting, settles))).toBe(OPEN_BY_NAME);
  });

  it("of an account is none", () => {
    const subject = { ...facts(`${conflicting} account=TEST`), accountMapping: mapped("TEST", DISPUTE) };
    expect(decide(subject)).toBe(OPEN_BY_NAME);
  });

  it("cannot be forged by a tag that holds lines", () => {
    const forged = { key: "a\nb:environment", value: 'test\nTAG "Env" "prod" PRODUCTION' };
    const tagged = (text: string, settles?: string | null) => ({
      ...facts(text, settles),
      tags: [forged, ...facts(text).tags],
    });
    const { dispute } = classify(tagged(conflicting), DEFAULT_ENVIRONMENT_RULES);
    expect(decide(tagged(conflicting, dispute))).toBe("TEST INSTANCE_MAPPING");
    expect(decide(tagged(`${conflicting} Env=prod`, dispute))).toBe("PRODUCTION TAG conflict");
  });

  it.each([
    [conflicting, DISPUTE, " It settles what the others say."],
    [`${conflicting} Env=prod`, DISPUTE, ' It settles a conflict, but not this: TAG "Env" "prod" PRODUCTION.'],
    [conflicting, null, ""],
  ])("tells of %s whether it holds", (text, settles, told) => {
    const { evidence } = classify(facts(text, settles), DEFAULT_ENVIRONMENT_RULES);
    expect(evidence[1]?.detail).toBe(`Mapped to TEST.${told}`);
  });
});
