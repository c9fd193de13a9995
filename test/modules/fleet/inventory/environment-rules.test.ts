/** The rules as a configuration writes them: what it may leave out, and every fault told at once. */
import { describe, expect, it } from "vitest";
import { classify } from "../../../../src/modules/fleet/inventory/classifier.js";
import {
  DEFAULT_ENVIRONMENT_RULES,
  environmentRulesText,
} from "../../../../src/modules/fleet/inventory/environment-rules.js";

const faults = (text: string) =>
  environmentRulesText.safeParse(text).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("configured rules", () => {
  it("are the defaults where nothing is said", () => {
    expect(environmentRulesText.parse("{}")).toEqual(DEFAULT_ENVIRONMENT_RULES);
  });

  it("replace what is said and keep the rest", () => {
    const rules = {
      tagKeys: ["zone", "*:zone"],
      values: { POC: ["try"] },
      precedence: ["NAME_PATTERN", "ACCOUNT_MAPPING", "INSTANCE_MAPPING", "TAG", "DEFAULT"],
      defaultEnvironment: "TEST",
    };
    const values = { ...DEFAULT_ENVIRONMENT_RULES.values, POC: ["try"] };
    expect(environmentRulesText.parse(JSON.stringify(rules))).toEqual({ ...rules, values });
  });

  it("may give a negative a meaning, and move a word", () => {
    const text = JSON.stringify({ values: { TEST: ["test", "non-prod", "demo"], POC: ["poc"] } });
    const rules = environmentRulesText.parse(text);
    for (const identifier of ["x-non-prod", "demo"]) {
      expect(classify({ identifier, tags: [], accountId: null }, rules).environment).toBe("TEST");
    }
  });

  it("hide production in no name that is written with humps", () => {
    const rules = environmentRulesText.parse('{"values":{"TEST":["proddb"]}}');
    const found = ["proddb", "ProdDb"].map((identifier) => classify({ identifier, tags: [], accountId: null }, rules));
    expect(found.map(({ environment }) => environment)).toEqual(["TEST", "PRODUCTION"]);
  });

  it("fail with all faults at once", () => {
    const text = JSON.stringify({
      tagKeys: ["", "a*b", 7],
      values: { PRODUCTION: [], TEST: ["--"], QA: ["qa"] },
      precedence: ["DEFAULT", "TAG"],
      defaultEnvironment: "PROD",
      colour: "red",
    });
    const told = faults(text) as string[];
    expect(told).toEqual(
      expect.arrayContaining([
        "tagKeys.0: Give a key of at least 1 character.",
        "tagKeys.1: A `*` stands only at the start, as in `*:environment`.",
        expect.stringMatching(/^tagKeys\.2: /),
        "values.PRODUCTION: Give at least one word that means production.",
        "values.TEST.0: Give a word with at least one letter.",
        expect.stringMatching(/^values: .*QA/),
        expect.stringMatching(/^precedence: Give TAG, /),
        "defaultEnvironment: Give one of PRODUCTION, STAGING, TEST, DEVELOPMENT, POC, SANDBOX.",
        expect.stringMatching(/^: .*colour/),
      ]),
    );
  });

  it.each([
    ["no JSON", "prod", [': This is no JSON. Give an object such as {"tagKeys": ["Environment"]}.']],
    [
      "a word with two meanings",
      '{"values":{"TEST":["Demo"]}}',
      ['values.POC.1: "demo" means TEST already: a word has one meaning.'],
    ],
    [
      "a negative that means production",
      '{"values":{"PRODUCTION":["prod","NonProd"]}}',
      ['values.PRODUCTION.1: "NonProd" never means production.'],
    ],
    [
      "a word that ends as a phrase for production begins",
      '{"values":{"PRODUCTION":["live site"],"DEVELOPMENT":["db live"]}}',
      ['values.DEVELOPMENT.0: "db live" holds a word for production, or its beginning, and would hide it.'],
    ],
  ])("refuse %s", (_, text, told) => {
    expect(faults(text)).toEqual(told);
  });

  it.each([
    [["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "DEFAULT", "NAME_PATTERN"]],
    [["TAG", "TAG", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"]],
    [["TAG", "DEFAULT"]],
    [["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAMES", "DEFAULT"]],
    [[]],
  ])("refuse the precedence %j", (precedence) => {
    expect(faults(JSON.stringify({ precedence }))?.[0]).toMatch(/^precedence.*: Give TAG, /);
  });
});
