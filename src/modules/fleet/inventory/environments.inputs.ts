/** The inputs about environments: of an instance or an account, of one that does not exist yet, and the rules. */
import { z } from "zod";
import { checkedText, nullable } from "../../../values/checked.js";
import type { EnvironmentMethod as MethodOfPrecedence } from "../../../values/environments.js";
import { MAX_INPUT_IDENTIFIER } from "../../../values/identifiers.js";
import { inputObject, showAs } from "../../../values/inputs.js";
import { tagChangeFields } from "../../../values/operations/set-instance-tags.js";
import { TagInput } from "../../../values/tags.js";
import { environmentRulesPrecedence, environmentRulesTagKeys, environmentRulesWords } from "./environment-rules.js";
import { Environment, EnvironmentMethod } from "./instance-objects.model.js";

const reason = checkedText(1000)
  .regex(/\S/, "Say why.")
  .describe("The reason, at most 1,000 characters. The audit log keeps it.");

const accountId = nullable(checkedText(64));

export const SetEnvironmentMappingInput = inputObject(
  "SetEnvironmentMappingInput",
  "The environment of an instance or of an account. Give either instanceId or accountId.",
  {
    instanceId: nullable(showAs({ scalar: "ID" }, checkedText(MAX_INPUT_IDENTIFIER))).describe(
      "The instance: its id, or its identifier where that is unique.",
    ),
    accountId: accountId.describe("The provider's account. The mapping counts for all of its instances."),
    environment: z.enum(Environment).nullish().describe("The environment; null takes the mapping back."),
    reason,
    settles: nullable(checkedText(40_000)).describe(
      "The `dispute` of the instance's environment that this settles. New facts that contradict the mapping open it again.",
    ),
  },
);

export type EnvironmentMapping = z.output<typeof SetEnvironmentMappingInput>;

export const ProposeInstanceTagsInput = inputObject(
  "ProposeInstanceTagsInput",
  "A change of tags that loosens something. Give `tags`, `removeKeys`, or both.",
  {
    instanceId: showAs({ scalar: "ID" }, checkedText(MAX_INPUT_IDENTIFIER)).describe(
      "The instance: its id, or its identifier where that is unique.",
    ),
    ...tagChangeFields,
    reason,
  },
);

export type TagProposal = z.output<typeof ProposeInstanceTagsInput>;

const tags = z
  .array(TagInput)
  .max(50, "Give at most 50 tags.")
  .refine(
    (tags) => tags.every(({ key, value }) => key.length > 0 && key.length <= 128 && value.length <= 256),
    "A tag's key has 1 to 128 characters, and its value at most 256.",
  );

export const ExplainEnvironmentInput = inputObject(
  "ExplainEnvironmentInput",
  "The facts of an instance that does not exist yet.",
  {
    identifier: checkedText(MAX_INPUT_IDENTIFIER).describe("Its name."),
    tags: nullable(tags).describe("Its labels, at most 50."),
    accountId: accountId.describe("The provider's account that it would belong to."),
  },
);

export type EnvironmentQuestion = z.output<typeof ExplainEnvironmentInput>;

const EnvironmentWordsInput = inputObject("EnvironmentWordsInput", "The words that mean an environment.", {
  environment: z.enum(Environment).describe("The environment."),
  words: environmentRulesWords.describe(
    "Whole words, in any case, at most 100 of 64 characters; `pre-prod` is two words in a row.",
  ),
});

/** The check of a whole precedence refuses ORIGIN, which is no part of any. */
const PrecedenceMethod = z.enum(EnvironmentMethod) as unknown as z.ZodType<MethodOfPrecedence>;

const EnvironmentRulesInput = inputObject(
  "EnvironmentRulesInput",
  "How environments are decided. What is left out is as in the configuration, and a list replaces that of the configuration as a whole.",
  {
    tagKeys: nullable(environmentRulesTagKeys).describe(
      "The keys of tags that may hold an environment, case-sensitive, at most 100; `*:environment` is every key that ends in `:environment`.",
    ),
    values: nullable(z.array(EnvironmentWordsInput).max(6, "Give each environment once.")).describe(
      "The words of environments, each at most once. Those of others stay as in the configuration.",
    ),
    precedence: nullable(environmentRulesPrecedence(PrecedenceMethod)).describe(
      "Every method once, DEFAULT last. The first that finds something decides, unless production is in dispute.",
    ),
    defaultEnvironment: z
      .enum(Environment)
      .nullish()
      .describe("The default that the evidence shows. What only the default knows counts as PRODUCTION all the same."),
  },
);

export const SetEnvironmentRulesInput = inputObject("SetEnvironmentRulesInput", "Other rules, or a trial of them.", {
  rules: EnvironmentRulesInput.describe("The rules."),
  reason,
  dryRun: z
    .boolean()
    .nullish()
    .describe("Whether only to tell what would change. The audit log keeps the trial, and nothing else is written."),
});

export type EnvironmentRulesChange = z.output<typeof SetEnvironmentRulesInput>;
