/** The GraphQL types of rules: what they say, those in force, and each version that somebody has set. */
import type { DerivedValue, EmbeddedField, EmbeddedType, FieldDeclaration } from "../../../engine/declaration.js";
import { declareType, derived, field } from "../../../engine/declare.js";
import { ENVIRONMENTS } from "../../../values/environments.js";
import { actorField, optionalActorField } from "../../identity/users/index.js";
import type { EnvironmentRules as Rules } from "./environment-rules.js";
import type { StoredEnvironmentRules } from "./environment-rules.store.js";
import { environmentRules } from "./environment-rules.table.js";
import { Environment, EnvironmentMethod } from "./instance-objects.model.js";

const EnvironmentWords: EmbeddedType = {
  name: "EnvironmentWords",
  description: "The words that mean an environment, in tags and in names.",
  list: true,
  fields: {
    environment: { kind: "enum", nullable: false, enumeration: Environment, description: "The environment." },
    words: {
      kind: "string",
      list: true,
      nullable: false,
      description: "Whole words, in any case; `pre-prod` is two words in a row.",
    },
  },
};

const RULES: Readonly<Record<string, EmbeddedField>> = {
  tagKeys: {
    kind: "string",
    list: true,
    nullable: false,
    description:
      "The keys of tags that may hold an environment; `*:environment` is every key that ends in `:environment`.",
  },
  values: {
    kind: "embedded",
    nullable: false,
    embedded: EnvironmentWords,
    description: "The words of each environment.",
  },
  precedence: {
    kind: "enum",
    list: true,
    nullable: false,
    enumeration: EnvironmentMethod,
    description: "The order of the methods. The first that finds something decides, unless production is in dispute.",
  },
  defaultEnvironment: {
    kind: "enum",
    nullable: false,
    enumeration: Environment,
    description: "The default that the evidence shows. What only the default knows counts as PRODUCTION all the same.",
  },
};

const EnvironmentRuleSet: EmbeddedType = {
  name: "EnvironmentRuleSet",
  description: "What rules say, as a whole.",
  list: false,
  fields: RULES,
};

const ruleSetOf = ({ values, ...rules }: Rules) => ({
  ...rules,
  values: ENVIRONMENTS.map((environment) => ({ environment, words: values[environment] })),
});

/** Declares the rules that a jsonb column holds. */
export const environmentRulesField = (column: FieldDeclaration["column"], description: string): FieldDeclaration =>
  derived(column, description, {
    needs: { stored: column },
    type: EnvironmentRuleSet,
    derive: ({ stored }) => stored && ruleSetOf(stored),
  });

const confirmedBy = optionalActorField(
  environmentRules.confirmedBy,
  "The second administrator, who confirmed them; null where they needed none.",
);

export const EnvironmentRulesVersion = declareType({
  name: "EnvironmentRulesVersion",
  plural: "environmentRulesVersions",
  description:
    "Rules that an administrator has set. The highest version is in force; the others are its history. The configuration, version 0, is none of them.",
  table: environmentRules,
  read: ["environment-mappings:read"],
  scope: { kind: "staff" },
  newestBy: "createdAt",
  fields: {
    id: field(environmentRules.id, "Decimal text of the key."),
    version: { ...field(environmentRules.version, "Counts the rules that were set, from 1."), aggregated: false },
    rules: environmentRulesField(environmentRules.rules, "What they say."),
    reason: field(environmentRules.reason, "Why they were set."),
    createdBy: actorField(environmentRules.createdBy, "Who set or proposed them."),
    confirmedBy,
    createdAt: field(environmentRules.createdAt, "When they began to count."),
  },
  relations: {},
});

const decider = confirmedBy.derived as DerivedValue;
const actorOf = (stored: unknown): unknown => decider.derive({ stored: stored as never }, undefined as never);
const Actor = decider.type as EmbeddedType;

/** The rules in force, which may be those of the configuration. */
export const EnvironmentRules: EmbeddedType = {
  name: "EnvironmentRules",
  description: "How environments are decided, and who said so.",
  list: false,
  fields: {
    version: {
      kind: "int",
      nullable: false,
      description: "Counts the rules that were set; 0 is the configuration, before the first.",
    },
    ...RULES,
    reason: { kind: "string", nullable: true, description: "Why they were set; null for the configuration." },
    createdBy: {
      kind: "embedded",
      nullable: true,
      embedded: Actor,
      description: "Who set them; null for the configuration.",
    },
    confirmedBy: {
      kind: "embedded",
      nullable: true,
      embedded: Actor,
      description: confirmedBy.description,
    },
    createdAt: {
      kind: "dateTime",
      nullable: true,
      description: "When they were set; null for the configuration.",
    },
  },
};

/** @param stored the row of the rules; null for the configuration */
export const environmentRulesOf = (version: number, rules: Rules, stored: StoredEnvironmentRules | null) => ({
  ...ruleSetOf(rules),
  version,
  reason: stored?.reason ?? null,
  createdBy: actorOf(stored?.createdBy ?? null),
  confirmedBy: actorOf(stored?.confirmedBy ?? null),
  createdAt: stored && new Date(stored.createdAt).toISOString(),
});
