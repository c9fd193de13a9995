/** Which changes of the grounds, and which other tags, loosen something, whatever facts come later: over random grounds, changes and facts with a fixed seed, and one by one. */
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  classifyByGrounds,
  type EnvironmentFacts,
  type EnvironmentGrounds,
  type EnvironmentGroundsChange,
  environmentGroundsAfter,
  loosenedTags,
  loosensEnvironments,
} from "../../../../src/modules/fleet/inventory/environment-grounds.js";
import {
  DEFAULT_ENVIRONMENT_RULES,
  type EnvironmentRules,
} from "../../../../src/modules/fleet/inventory/environment-rules.js";
import { environmentWordFaultsOf } from "../../../../src/modules/fleet/inventory/environment-words.js";
import { ENVIRONMENT_METHODS, ENVIRONMENTS, type Environment } from "../../../../src/values/environments.js";
import { cases } from "../../../support/deep.js";

const INSTANCE = 1n;
const ACCOUNT = "111111111111";
const WORDS = [
  "live",
  "live site",
  "site db",
  "db live",
  "db",
  "proddb",
  "test",
  "non live",
  "x live",
  "like db",
  "s2",
];
const environment = fc.constantFrom(...ENVIRONMENTS);
const meaning = fc.option(environment);

type Meanings = readonly (Environment | null)[];
const valuesOf = (meanings: Meanings): EnvironmentRules["values"] => {
  const of = (environment: Environment) => WORDS.filter((_, at) => meanings[at] === environment);
  const values = Object.fromEntries(ENVIRONMENTS.map((environment) => [environment, of(environment)]));
  return { ...(values as Record<Environment, string[]>), PRODUCTION: ["prod", ...of("PRODUCTION")] };
};
const settings = fc.record({
  tagKeys: fc.subarray(["env", "Owner"]),
  precedence: fc
    .shuffledSubarray(ENVIRONMENT_METHODS.slice(0, 4), { minLength: 4 })
    .map((order) => [...order, "DEFAULT" as const]),
  defaultEnvironment: environment,
});
const meaningsOf = (of: fc.Arbitrary<Environment | null>) =>
  fc.array(of, { minLength: WORDS.length, maxLength: WORDS.length });
/** Rules, and others that differ in some words, so that harmless differences are among them. */
const pairs = fc
  .tuple(
    meaningsOf(meaning),
    meaningsOf(fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: environment })),
    fc.subarray(WORDS),
    settings,
    settings,
    fc.boolean(),
  )
  .map(([first, moved, dropped, settings, others, keepsKeys]) => {
    const second = first.map((old, at) => moved[at] ?? (dropped.includes(WORDS[at] as string) ? null : old));
    const before = { ...settings, values: valuesOf(first) };
    return {
      before,
      after: { ...(keepsKeys ? { ...others, tagKeys: settings.tagKeys } : others), values: valuesOf(second) },
    };
  })
  .filter(({ before, after }) => [before, after].every(({ values }) => environmentWordFaultsOf(values).length === 0));
const text = fc
  .array(fc.constantFrom("live", "live2", "site", "db", "prod", "Prod", "Db", "test", "non", "like", "x", "s2"), {
    maxLength: 4,
  })
  .chain((words) => fc.constantFrom("-", "").map((separator) => words.join(separator)));
const tags = fc.uniqueArray(fc.record({ key: fc.constantFrom("env", "Owner"), value: text }), {
  selector: ({ key }) => key,
});
const facts: fc.Arbitrary<EnvironmentFacts> = fc.record({
  identifier: text,
  tags,
  accountId: fc.option(fc.constant(ACCOUNT)),
  cluster: fc.option(tags.map((tags) => ({ arn: "arn:c", identifier: "c", role: "WRITER" as const, tags }))),
}) as never;
const mappingOf = (subject: { instanceId: bigint | null; accountId: string | null }, of: Environment | null) => ({
  ...subject,
  ...{ environment: of, reason: "Known.", settles: null },
});
const SUBJECTS = [
  { instanceId: INSTANCE, accountId: null },
  { instanceId: null, accountId: ACCOUNT },
] as const;
const changes = fc
  .record({
    pair: pairs,
    mapped: fc.tuple(fc.option(meaning), fc.option(meaning)),
    mapping: fc.option(fc.tuple(fc.nat(1), meaning)),
  })
  .map(({ pair: { before, after }, mapped, mapping }) => {
    const grounds: EnvironmentGrounds = {
      rules: before,
      mappings: SUBJECTS.flatMap((subject, at) =>
        mapped[at] === null ? [] : [mappingOf(subject, mapped[at] ?? null)],
      ),
    };
    const change: EnvironmentGroundsChange =
      mapping === null
        ? { kind: "RULES", reason: "Known.", rules: after }
        : { kind: "MAPPING", reason: "Known.", mapping: mappingOf(SUBJECTS[mapping[0]]!, mapping[1]) };
    return { grounds, change };
  });

it("what does not loosen leaves PRODUCTION whatever is PRODUCTION, with any facts", () => {
  let harmless = 0;
  fc.assert(
    fc.property(changes, fc.array(facts, { minLength: 10, maxLength: 10 }), ({ grounds, change }, all) => {
      if (loosensEnvironments(grounds, change)) return;
      harmless++;
      const after = environmentGroundsAfter(grounds, change);
      for (const facts of all) {
        for (const id of [INSTANCE, undefined]) {
          if (classifyByGrounds(facts, id, grounds).environment !== "PRODUCTION") continue;
          expect(classifyByGrounds(facts, id, after).environment).toBe("PRODUCTION");
        }
      }
    }),
    { seed: 20_261_201, numRuns: cases(500, 4000) },
  );
  expect(harmless).toBeGreaterThan(50);
});

it("other tags that loosen nothing leave PRODUCTION whatever is PRODUCTION, with any other facts and grounds", () => {
  let harmless = 0;
  fc.assert(
    fc.property(
      changes,
      fc.array(fc.tuple(tags, tags, facts), { minLength: 30, maxLength: 30 }),
      ({ grounds }, all) => {
        for (const [before, after, facts] of all) {
          if (loosenedTags(before, after, grounds.rules).length > 0) continue;
          harmless++;
          if (classifyByGrounds({ ...facts, tags: before }, INSTANCE, grounds).environment !== "PRODUCTION") continue;
          expect(classifyByGrounds({ ...facts, tags: after }, INSTANCE, grounds).environment).toBe("PRODUCTION");
        }
      },
    ),
    { seed: 20_261_202, numRuns: cases(300, 3000) },
  );
  expect(harmless).toBeGreaterThan(1000);
});

const tag = (value: string, key = "Environment") => ({ key, value });
it.each<[string, { key: string; value: string }[], { key: string; value: string }[], string[]]>([
  ["the same", [tag("test")], [tag("qa")], []],
  ["stricter", [tag("test")], [tag("staging")], []],
  ["production", [], [tag("prod")], []],
  ["no word", [], [tag("eu-1", "Stage"), tag("test", "Owner")], []],
  ["gone, and it was below production", [tag("test")], [], []],
  ["new", [], [tag("staging")], ['The tag "Environment" would say STAGING.']],
  [
    "new beside one that says the same",
    [tag("test")],
    [tag("test"), tag("test", "Stage")],
    ['The tag "Stage" would say TEST.'],
  ],
  ["looser", [tag("staging")], [tag("test")], ['The tag "Environment" would say TEST.']],
  ["gone, and it said production", [tag("prod")], [], ['The tag "Environment" would say nothing.']],
  ["no word any more, and it said production", [tag("prod")], [tag("x")], ['The tag "Environment" would say nothing.']],
  ["of two words, the looser of which is new", [tag("staging")], [tag("staging test")], []],
])("a tag that is %s", (_what, before, after, loosened) => {
  expect(loosenedTags(before, after, DEFAULT_ENVIRONMENT_RULES)).toEqual(loosened);
});

const rules = (changed: Partial<Record<Environment, readonly string[]>>, rest: Partial<EnvironmentRules> = {}) => ({
  kind: "RULES" as const,
  reason: "Known.",
  rules: { ...DEFAULT_ENVIRONMENT_RULES, ...rest, values: { ...DEFAULT_ENVIRONMENT_RULES.values, ...changed } },
});
const { PRODUCTION, STAGING, POC, SANDBOX } = DEFAULT_ENVIRONMENT_RULES.values;
const { tagKeys, precedence } = DEFAULT_ENVIRONMENT_RULES;

it.each<[string, EnvironmentGroundsChange, boolean]>([
  ["the same rules", rules({}), false],
  ["keys in another order", rules({}, { tagKeys: tagKeys.toReversed() }), false],
  ["another precedence", rules({}, { precedence: [...precedence.slice(0, 4).toReversed(), "DEFAULT"] }), false],
  ["another default", rules({}, { defaultEnvironment: "TEST" }), false],
  ["a new word for production", rules({ PRODUCTION: [...PRODUCTION, "werk"] }), false],
  ["a word that means production from now on", rules({ PRODUCTION: [...PRODUCTION, "poc"], POC: [] }), false],
  ["a word that means nothing any more", rules({ POC: ["poc"] }), false],
  ["a word that means a stricter environment", rules({ STAGING: [...STAGING, "poc"], POC: ["demo", "pilot"] }), false],
  ["a new word for another environment", rules({ POC: [...POC, "ledger"] }), true],
  ["a negative that means an environment from now on", rules({ POC: [...POC, "non-prod"] }), true],
  ["a word for production that means nothing any more", rules({ PRODUCTION: ["prod", "live"] }), true],
  ["a word for production whose negatives hide another", rules({ PRODUCTION: [...PRODUCTION, "eu prod"] }), true],
  ["a new key", rules({}, { tagKeys: [...tagKeys, "Owner"] }), true],
  ["a key that is missing", rules({}, { tagKeys: tagKeys.slice(1) }), true],
  [
    "a word that is given elsewhere too late",
    rules({ PRODUCTION: ["prod", "production", "prd"], SANDBOX: [...SANDBOX, "live"] }),
    true,
  ],
])("%s", (_what, change, isLoosening) => {
  expect(loosensEnvironments({ rules: DEFAULT_ENVIRONMENT_RULES, mappings: [] }, change)).toBe(isLoosening);
});

it.each<[Environment | null, Environment | null, string | null, boolean]>([
  [null, "PRODUCTION", null, false],
  [null, "STAGING", null, true],
  [null, null, null, false],
  ["TEST", "PRODUCTION", null, false],
  ["TEST", "PRODUCTION", "a dispute", false],
  ["TEST", "STAGING", null, false],
  ["TEST", "TEST", null, false],
  ["TEST", "TEST", "a dispute", true],
  ["TEST", "SANDBOX", null, true],
  ["TEST", null, null, false],
  ["PRODUCTION", "STAGING", null, true],
  ["PRODUCTION", null, null, true],
])("a mapping to %s that becomes %s and settles %s", (before, environment, settles, isLoosening) => {
  for (const subject of SUBJECTS) {
    const grounds = { rules: DEFAULT_ENVIRONMENT_RULES, mappings: [mappingOf(subject, before)] };
    const mapping = { ...mappingOf(subject, environment), settles };
    expect(loosensEnvironments(grounds, { kind: "MAPPING", reason: "Known.", mapping })).toBe(isLoosening);
  }
});
