/** Which words mean which environment, in tags and in names, and which tags are read at all. */
import { describe, expect, it } from "vitest";
import { type ClassifierSubject, classify } from "../../../../src/modules/fleet/inventory/classifier.js";
import { DEFAULT_ENVIRONMENT_RULES } from "../../../../src/modules/fleet/inventory/environment-rules.js";
import { loosensEnvironmentWords } from "../../../../src/modules/fleet/inventory/environment-words.js";
import { ENVIRONMENTS, type Environment, type EnvironmentMethod } from "../../../../src/values/environments.js";

const tagged = (key: string, value: string): Partial<ClassifierSubject> => ({ tags: [{ key, value }] });

const found = (facts: Partial<ClassifierSubject>, method: EnvironmentMethod) =>
  classify({ identifier: "orders", tags: [], accountId: null, ...facts }, DEFAULT_ENVIRONMENT_RULES).evidence.find(
    (entry) => entry.method === method,
  )?.environment;

/** The words as people use them, apart from the rules, so that a word that is lost there is missed here. */
const WORDS: Record<Environment, string> = {
  PRODUCTION: "prod production prd live",
  STAGING: "staging stage stg uat preprod pre-prod ppd acc acceptance",
  TEST: "test testing tst qa int integration sit",
  DEVELOPMENT: "dev devel development local",
  SANDBOX: "sandbox sbx ephemeral preview",
  POC: "poc demo pilot",
};
const WORD_CASES = ENVIRONMENTS.flatMap((environment) =>
  WORDS[environment].split(" ").map((word): [string, Environment] => [word, environment]),
);

describe("the words", () => {
  it.each(WORD_CASES)("%s means %s in a tag, in any case", (word, environment) => {
    for (const value of [word, word.toUpperCase(), ` ${word} `, `orders ${word}`]) {
      expect(found(tagged("Environment", value), "TAG"), value).toBe(environment);
    }
  });

  it.each(WORD_CASES)("%s means %s in a name, with a number too", (word, environment) => {
    for (const identifier of [
      word,
      `orders-${word}`,
      `${word}_orders`,
      `a.${word}/b`,
      `orders-${word}2`,
      `${word}01:x`,
    ]) {
      expect(found({ identifier }, "NAME_PATTERN"), identifier).toBe(environment);
    }
  });

  const READINGS: [string, Environment | null][] = [
    ["nonprod", null],
    ["non-prod", null],
    ["Non Production", null],
    ["NonProd", null],
    ["nonprod2", null],
    ["not-live", null],
    ["notprod", null],
    ["prod-like", null],
    ["prodlike", null],
    ["PROD LIKE", null],
    ["ProdLikeDb", null],
    ["nonprod-db", null],
    ["pre-live", null],
    ["DevOps", null],
    ["pre/prod", "STAGING"],
    ["PreProd", "STAGING"],
    ["orders-pre-prod-2", "STAGING"],
    ["pre-production", "STAGING"],
    ["prod-like-uat", "STAGING"],
    ["nonprod-test", "TEST"],
    ["no-prod-db", "PRODUCTION"],
    ["nonprod-prod", "PRODUCTION"],
    ["prod-2", "PRODUCTION"],
    ["prod2", "PRODUCTION"],
    ["stg01", "STAGING"],
    ["ordersProd", "PRODUCTION"],
    ["EUProdDb", "PRODUCTION"],
    ["pROD", "PRODUCTION"],
    ["prod2Orders", "PRODUCTION"],
    ["ｐｒｏｄ", "PRODUCTION"],
    ["ＰＲＯＤ－２", "PRODUCTION"],
    ["𝐩𝐫𝐨𝐝", "PRODUCTION"],
    ["prod\u200b", "PRODUCTION"],
    ["pr\u00adod", "PRODUCTION"],
    ["orders\u00a0live", "PRODUCTION"],
    ["orders–prod", "PRODUCTION"],
    ["рrоd", null],
    ["pród", null],
    ["product-api", null],
    ["productions", null],
    ["reproduce", null],
    ["delivery", null],
    ["olive", null],
    ["devices", null],
    ["contest", null],
    ["integrate", null],
    ["2prod", null],
    ["prod2db", null],
    ["eu-west-1", null],
    ["", null],
    ["---", null],
    ["42", null],
  ];
  it.each(READINGS)("%j reads as %s", (text, environment) => {
    expect(found({ identifier: text }, "NAME_PATTERN")).toBe(environment);
    expect(found(tagged("env", text), "TAG")).toBe(environment);
  });

  it.each(
    "Environment environment Env env ENV Stage stage Tier app:environment acme:environment elasticbeanstalk:environment-name"
      .split(" ")
      .concat("SDLC Stage"),
  )("the tag %s is read", (key) => {
    expect(found(tagged(key, "myapp-test"), "TAG")).toBe("TEST");
  });

  it.each(["Name", "eNV", "environments", ":environment", "acme:environment:old", "environment ", "Owner"])(
    "the tag %j is not read",
    (key) => {
      expect(found(tagged(key, "prod"), "TAG")).toBeNull();
    },
  );
});

it.each([
  ["like-non", true],
  ["db-pre", true],
  ["like-db", true],
  ["db-ops", false],
])("to drop %s takes two administrators: %s", (word, loosens) => {
  const { values } = DEFAULT_ENVIRONMENT_RULES;
  const before = { ...values, STAGING: [...values.STAGING, word] };
  expect(loosensEnvironmentWords(before, values)).toBe(loosens);
});
