/** The rules that decide environments: their defaults, how the configuration overrides them, and which of them loosen others. */
import { z } from "zod";
import {
  ENVIRONMENT_METHODS,
  ENVIRONMENTS,
  type Environment,
  type EnvironmentMethod,
} from "../../../values/environments.js";
import {
  type EnvironmentWords,
  environmentPhraseOf,
  environmentWordFaultsOf,
  loosensEnvironmentWords,
  NO_WORD_FOR_PRODUCTION,
} from "./environment-words.js";

export interface EnvironmentRules {
  /** Keys of tags that may hold an environment, case-sensitive; `*:environment` is every key that ends in `:environment`. */
  readonly tagKeys: readonly string[];
  /** The words that mean an environment, in tags and in names; `pre-prod` is two words in a row, whatever separates them. */
  readonly values: EnvironmentWords;
  /** Every method once, DEFAULT last. The first that finds something decides, unless production is in dispute. */
  readonly precedence: readonly EnvironmentMethod[];
  /** The default that the evidence shows. Where only the default says anything, the instance counts as PRODUCTION all the same. */
  readonly defaultEnvironment: Environment;
}

export const DEFAULT_ENVIRONMENT_RULES: EnvironmentRules = {
  tagKeys: [
    "Environment",
    "environment",
    "ENVIRONMENT",
    "Env",
    "env",
    "ENV",
    "Stage",
    "stage",
    "STAGE",
    "Tier",
    "tier",
    "SDLC Stage",
    "app:environment",
    "*:environment",
    "elasticbeanstalk:environment-name",
  ],
  values: {
    PRODUCTION: ["prod", "production", "prd", "live"],
    STAGING: [
      ...["staging", "stage", "stg", "uat", "acc", "acceptance"],
      ...["preprod", "pre-prod", "preproduction", "pre-production", "ppd"],
    ],
    TEST: ["test", "testing", "tst", "qa", "int", "integration", "sit"],
    DEVELOPMENT: ["dev", "devel", "development", "local"],
    POC: ["poc", "demo", "pilot"],
    SANDBOX: ["sandbox", "sbx", "ephemeral", "preview"],
  },
  precedence: ENVIRONMENT_METHODS,
  defaultEnvironment: "PRODUCTION",
};

/**
 * @returns whether others could read anything as less than production that these do not, or less as production. A key counts in both
 * ways: without it a tag is silent, and a new one makes a tag speak.
 */
export function loosensEnvironmentRules(before: EnvironmentRules, after: EnvironmentRules): boolean {
  const isMissing = (key: string, { tagKeys }: EnvironmentRules) => !tagKeys.includes(key);
  return (
    before.tagKeys.some((key) => isMissing(key, after)) ||
    after.tagKeys.some((key) => isMissing(key, before)) ||
    loosensEnvironmentWords(before.values, after.values)
  );
}

const MAX_TAG_KEYS = 100;
const MAX_WORDS = 100;
const MAX_WORD = 64;

const tagKey = z
  .string()
  .min(1, "Give a key of at least 1 character.")
  .max(128, "A tag's key has at most 128 characters.")
  .refine((key) => /^\*?[^*]+$/.test(key), "A `*` stands only at the start, as in `*:environment`.");

export const environmentRulesTagKeys = z.array(tagKey).max(MAX_TAG_KEYS, `Give at most ${MAX_TAG_KEYS} keys.`);

const word = z
  .string()
  .max(MAX_WORD, `A word has at most ${MAX_WORD} characters.`)
  .refine((text) => /\p{L}/u.test(environmentPhraseOf(text)), "Give a word with at least one letter.");

export const environmentRulesWords = z.array(word).max(MAX_WORDS, `Give at most ${MAX_WORDS} words.`);

const environment = z.enum(ENVIRONMENTS, `Give one of ${ENVIRONMENTS.join(", ")}.`);

const values = z
  .strictObject({
    PRODUCTION: environmentRulesWords.min(1, NO_WORD_FOR_PRODUCTION),
    STAGING: environmentRulesWords,
    TEST: environmentRulesWords,
    DEVELOPMENT: environmentRulesWords,
    POC: environmentRulesWords,
    SANDBOX: environmentRulesWords,
  } satisfies Record<Environment, z.ZodType>)
  .partial()
  .transform((overrides) => ({ ...DEFAULT_ENVIRONMENT_RULES.values, ...overrides }))
  .superRefine((merged, context) => {
    for (const { environment, index, message } of environmentWordFaultsOf(merged))
      context.addIssue({ code: "custom", path: index === undefined ? [environment] : [environment, index], message });
  });

const ORDER =
  "Give TAG, INSTANCE_MAPPING, ACCOUNT_MAPPING and NAME_PATTERN, each once and in the order that counts, then DEFAULT.";
/** @returns the check of a precedence @param method the check of a method */
export const environmentRulesPrecedence = <M extends z.ZodType<EnvironmentMethod>>(method: M) =>
  z
    .array(method)
    .refine(
      (order) => order.at(-1) === "DEFAULT" && order.toSorted().join() === ENVIRONMENT_METHODS.toSorted().join(),
      ORDER,
    );

/**
 * The rules as the configuration writes them: JSON with whatever differs from the defaults. A list replaces its default as a whole. The
 * check tells all faults, each with its path.
 */
export const environmentRulesText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({
        code: "custom",
        message: 'This is no JSON. Give an object such as {"tagKeys": ["Environment"]}.',
      });
      return z.NEVER;
    }
  })
  .pipe(
    z
      .strictObject({
        tagKeys: environmentRulesTagKeys,
        values,
        precedence: environmentRulesPrecedence(z.enum(ENVIRONMENT_METHODS, ORDER)),
        defaultEnvironment: environment,
      })
      .partial()
      .transform((overrides): EnvironmentRules => ({ ...DEFAULT_ENVIRONMENT_RULES, ...overrides })),
  );
