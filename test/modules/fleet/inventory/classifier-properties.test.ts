/** What holds of every classification, over random facts, mappings and precedences with a fixed seed. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { type ClassifierSubject, classify } from "../../../../src/modules/fleet/inventory/classifier.js";
import {
  DEFAULT_ENVIRONMENT_RULES,
  type EnvironmentRules,
} from "../../../../src/modules/fleet/inventory/environment-rules.js";
import { ENVIRONMENT_METHODS, ENVIRONMENTS } from "../../../../src/values/environments.js";

const environment = fc.constantFrom(...ENVIRONMENTS);
const text = fc
  .array(fc.constantFrom("prod", "Test", "stg", "dev2", "nonprod", "pre", "like", "non", "orders", "ｑａ", "1"), {
    maxLength: 3,
  })
  .chain((words) => fc.constantFrom("-", " ", "_", "").map((separator) => words.join(separator)));
const mapping = fc.option(fc.record({ environment }));
const subjects: fc.Arbitrary<ClassifierSubject> = fc.record({
  identifier: text,
  tags: fc.uniqueArray(fc.record({ key: fc.constantFrom("env", "Stage", "x:environment", "Owner"), value: text }), {
    selector: ({ key }) => key,
  }),
  accountId: fc.option(fc.constant("123456789012")),
  instanceMapping: mapping,
  accountMapping: mapping,
});
const rules = fc
  .record({
    precedence: fc
      .shuffledSubarray(ENVIRONMENT_METHODS.slice(0, 4), { minLength: 4 })
      .map((order) => [...order, "DEFAULT" as const]),
    defaultEnvironment: environment,
  })
  .map((rules) => ({ ...DEFAULT_ENVIRONMENT_RULES, ...rules }));
const always = (property: (subject: ClassifierSubject, rules: EnvironmentRules) => void) =>
  fc.assert(fc.property(subjects, rules, property), { seed: 20_261_121, numRuns: 2000 });

const saying = (subject: ClassifierSubject, rules: EnvironmentRules) =>
  classify(subject, rules).evidence.filter(({ method, environment }) => method !== "DEFAULT" && environment !== null);

it("shows five entries of evidence, in order of precedence", () => {
  always((subject, rules) => {
    const { evidence } = classify(subject, rules);
    expect(evidence.map(({ method }) => method)).toEqual(rules.precedence);
    expect(evidence.every(({ detail }) => detail.length > 0)).toBe(true);
  });
});

it("is production where a method above the default says so and nothing settled it", () => {
  always((subject, rules) => {
    const said = saying(subject, rules);
    if (!said.some(({ environment }) => environment === "PRODUCTION")) return;
    const { environment, conflict } = classify(subject, rules);
    expect(environment).toBe("PRODUCTION");
    if (said.some(({ environment }) => environment !== "PRODUCTION")) expect(conflict).toBe(true);
  });
});

it("is another environment only where some method says so, and production where none does", () => {
  always((subject, rules) => {
    const said = saying(subject, rules);
    const { environment, decidedBy } = classify(subject, rules);
    if (said.length === 0) expect([environment, decidedBy]).toEqual(["PRODUCTION", "DEFAULT"]);
    else expect(said.map((entry) => entry.environment)).toContain(environment);
  });
});

it("is decided by the first method that says the answer, never by the default where another speaks", () => {
  always((subject, rules) => {
    const said = saying(subject, rules);
    if (said.length === 0) return;
    const { environment, decidedBy } = classify(subject, rules);
    expect(decidedBy).toBe(said.find((entry) => entry.environment === environment)?.method);
    if (environment !== "PRODUCTION") expect(decidedBy).toBe(said[0]?.method);
  });
});

it("is a conflict where two methods differ, and naming its dispute settles it for any environment", () => {
  always((subject, rules) => {
    const { conflict, dispute } = classify(subject, rules);
    if (new Set(saying(subject, rules).map(({ environment }) => environment)).size > 1) expect(conflict).toBe(true);
    if (!conflict) return;
    for (const environment of ENVIRONMENTS) {
      const settled = classify({ ...subject, instanceMapping: { environment, settles: dispute } }, rules);
      expect([settled.environment, settled.conflict]).toEqual([environment, false]);
    }
  });
});

it("is the same, whatever the order of the tags", () => {
  always((subject, rules) => {
    const turned = { ...subject, tags: subject.tags.toReversed() };
    const { environment, decidedBy, conflict, dispute } = classify(subject, rules);
    expect(classify(turned, rules)).toMatchObject({ environment, decidedBy, conflict, dispute });
  });
});

it("is production again when production is said anew after a settlement", () => {
  always((subject, rules) => {
    const { conflict, dispute } = classify(subject, rules);
    if (!conflict) return;
    const instanceMapping = { environment: "TEST" as const, settles: dispute };
    const tags = [...subject.tags, { key: "ENV", value: "prod" }];
    expect(classify({ ...subject, instanceMapping, tags }, rules)).toMatchObject({
      environment: "PRODUCTION",
      conflict: true,
    });
  });
});
