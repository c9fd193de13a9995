/** The rules that decide environments: their defaults, how the configuration overrides them, and what each word means. */
import { z } from "zod";
import {
  ENVIRONMENT_METHODS,
  ENVIRONMENTS,
  type Environment,
  type EnvironmentMethod,
} from "../../../values/environments.js";

export interface EnvironmentRules {
  /** Keys of tags that may hold an environment, case-sensitive; `*:environment` is every key that ends in `:environment`. */
  readonly tagKeys: readonly string[];
  /** The words that mean an environment, in tags and in names; `pre-prod` is two words in a row, whatever separates them. */
  readonly values: Readonly<Record<Environment, readonly string[]>>;
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

// "no" is missing because it is also Norway, where `no-prod-db` is a production database.
const NEGATIONS = { before: ["non", "not", "pre"], after: ["like"] };
const NO_ENVIRONMENTS = ["devops", "dev ops", "devsecops", "dev sec ops"];

/** @returns the runs of letters and digits, with full-width and similar letters made plain and invisible characters removed */
export const environmentPiecesOf = (text: string): string[] =>
  text
    .normalize("NFKC")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter(Boolean);

/** Where a word of a name in camel case begins. */
export const CAMEL_HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

/** @returns the word without the number at its end */
export const unnumbered = (word: string): string => word.replace(/(?<=\p{L})\p{N}+$/u, "");

const phraseOf = (word: string) => environmentPiecesOf(word).join(" ").toLowerCase();

const negationsOf = (phrase: string) => [
  ...NEGATIONS.before.flatMap((negation) => [`${negation} ${phrase}`, `${negation}${phrase}`]),
  ...NEGATIONS.after.flatMap((negation) => [`${phrase} ${negation}`, `${phrase}${negation}`]),
];

export interface EnvironmentVocabulary {
  /** The meaning of each phrase, written in lower case with single spaces; null for one that means no environment. */
  readonly meanings: ReadonlyMap<string, Environment | null>;
  /** The number of words of the longest phrase. */
  readonly longest: number;
}

function compile({ values }: EnvironmentRules): EnvironmentVocabulary {
  const production = values.PRODUCTION.map(phraseOf);
  const negations = production.flatMap(negationsOf);
  const phrases = (environment: Environment) =>
    values[environment].map((word): [string, Environment] => [phraseOf(word), environment]);
  const meanings = new Map<string, Environment | null>([
    ...[...NO_ENVIRONMENTS, ...negations].map((phrase): [string, null] => [phrase, null]),
    ...ENVIRONMENTS.filter((environment) => environment !== "PRODUCTION").flatMap(phrases),
    ...phrases("PRODUCTION").filter(([phrase]) => !negations.includes(phrase)),
  ]);
  return { meanings, longest: Math.max(...[...meanings.keys()].map((phrase) => phrase.split(" ").length)) };
}

// The same rules classify thousands of instances, so they are compiled once.
const compiled = new WeakMap<EnvironmentRules, EnvironmentVocabulary>();

export function environmentVocabularyOf(rules: EnvironmentRules): EnvironmentVocabulary {
  const vocabulary = compiled.get(rules) ?? compile(rules);
  compiled.set(rules, vocabulary);
  return vocabulary;
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
  .refine((text) => /\p{L}/u.test(phraseOf(text)), "Give a word with at least one letter.");

export const environmentRulesWords = z.array(word).max(MAX_WORDS, `Give at most ${MAX_WORDS} words.`);

const environment = z.enum(ENVIRONMENTS, `Give one of ${ENVIRONMENTS.join(", ")}.`);

const NO_PRODUCTION = "Give at least one word that means production.";

interface EnvironmentRulesFault {
  readonly environment: Environment;
  /** The place of the word; undefined where words are missing. */
  readonly index?: number;
  readonly message: string;
}

const wordsOf = (text: string) =>
  environmentPiecesOf(text).flatMap((piece) => piece.split(CAMEL_HUMP).map((hump) => hump.toLowerCase()));

/** @returns whether a phrase that means another environment would hide a word for production, as `prod db` would in `orders-prod-db` */
function hidesProduction(word: string, production: readonly (readonly string[])[]): boolean {
  const words = wordsOf(word);
  const isNegated = (at: number, end: number) =>
    NEGATIONS.before.includes(words[at - 1] ?? "") || NEGATIONS.after.includes(words[end] ?? "");
  return production.some((phrase) =>
    words.some((_, at) => {
      const part = words.slice(at, at + phrase.length);
      const isThere = [part, part.map(unnumbered)].some((part) => part.join(" ") === phrase.join(" "));
      return isThere && !isNegated(at, at + phrase.length);
    }),
  );
}

/** @returns whether other rules would read less as production: a word for it is missing, or the key of a tag */
export function narrowsProduction(before: EnvironmentRules, after: EnvironmentRules): boolean {
  const words = new Set(after.values.PRODUCTION.map(phraseOf));
  return (
    before.values.PRODUCTION.some((word) => !words.has(phraseOf(word))) ||
    before.tagKeys.some((key) => !after.tagKeys.includes(key))
  );
}

/** @returns what is wrong with words that are good one by one */
export function environmentRulesFaultsOf(words: EnvironmentRules["values"]): EnvironmentRulesFault[] {
  const faults: EnvironmentRulesFault[] = [];
  if (words.PRODUCTION.length === 0) faults.push({ environment: "PRODUCTION", message: NO_PRODUCTION });
  const meanings = new Map<string, Environment>();
  const negations = new Set(words.PRODUCTION.map(phraseOf).flatMap(negationsOf));
  const production = words.PRODUCTION.map(wordsOf);
  for (const environment of ENVIRONMENTS) {
    for (const [index, word] of words[environment].entries()) {
      const phrase = phraseOf(word);
      const other = meanings.get(phrase) ?? environment;
      meanings.set(phrase, other);
      const fault = (message: string) => faults.push({ environment, index, message });
      if (other !== environment) fault(`"${word}" means ${other} already: a word has one meaning.`);
      if (environment === "PRODUCTION" && negations.has(phrase)) fault(`"${word}" never means production.`);
      if (environment !== "PRODUCTION" && other === environment && hidesProduction(word, production)) {
        fault(`"${word}" holds a word for production, and would hide it.`);
      }
    }
  }
  return faults;
}

const values = z
  .strictObject({
    PRODUCTION: environmentRulesWords.min(1, NO_PRODUCTION),
    STAGING: environmentRulesWords,
    TEST: environmentRulesWords,
    DEVELOPMENT: environmentRulesWords,
    POC: environmentRulesWords,
    SANDBOX: environmentRulesWords,
  } satisfies Record<Environment, z.ZodType>)
  .partial()
  .transform((overrides) => ({ ...DEFAULT_ENVIRONMENT_RULES.values, ...overrides }))
  .superRefine((merged, context) => {
    for (const { environment, index, message } of environmentRulesFaultsOf(merged))
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
