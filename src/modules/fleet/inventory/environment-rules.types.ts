/** The GraphQL types of the rules in force. */
import { Field, Int, ObjectType } from "type-graphql";
import type { DerivedValue, EmbeddedType } from "../../../engine/declaration.js";
import { embeddedType } from "../../../engine/types/object-type.js";
import { DateTime } from "../../../engine/types/scalars.js";
import { deciderField } from "./decider.model.js";
import type { EnvironmentRules as Rules } from "./environment-rules.js";
import type { StoredEnvironmentRules } from "./environment-rules.store.js";
import { environmentRules } from "./environment-rules.table.js";
import { Environment, EnvironmentMethod } from "./instance-objects.model.js";

const decider = deciderField(environmentRules.confirmedBy, "").derived as DerivedValue;
const Actor = embeddedType(decider.type as EmbeddedType);
const deciderOf = (stored: unknown): unknown => decider.derive({ stored: stored as never }, undefined as never);

@ObjectType({ description: "The words that mean an environment, in tags and in names." })
class EnvironmentWords {
  @Field(() => Environment as never, { description: "The environment." })
  environment!: keyof Rules["values"];
  @Field(() => [String], { description: "Whole words, in any case; `pre-prod` is two words in a row." })
  words!: readonly string[];
}

@ObjectType({ description: "How environments are decided, and who said so." })
export class EnvironmentRules {
  @Field(() => Int, { description: "Counts the rules that were set; 0 is the configuration, before the first." })
  version!: number;
  @Field(() => [String], {
    description:
      "The keys of tags that may hold an environment; `*:environment` is every key that ends in `:environment`.",
  })
  tagKeys!: readonly string[];
  @Field(() => [EnvironmentWords], { description: "The words of each environment." })
  values!: readonly EnvironmentWords[];
  @Field(() => [EnvironmentMethod as never], {
    description: "The order of the methods. The first that finds something decides, unless production is in dispute.",
  })
  precedence!: Rules["precedence"];
  @Field(() => Environment as never, {
    description: "The default that the evidence shows. What only the default knows counts as PRODUCTION all the same.",
  })
  defaultEnvironment!: Rules["defaultEnvironment"];
  @Field(() => String, { nullable: true, description: "Why they were set; null for the configuration." })
  reason!: string | null;
  @Field(() => Actor, { nullable: true, description: "Who set them; null for the configuration." })
  createdBy!: unknown;
  @Field(() => Actor, {
    nullable: true,
    description: "The second administrator, who confirmed them; null where they needed none.",
  })
  confirmedBy!: unknown;
  @Field(() => DateTime, { nullable: true, description: "When they were set; null for the configuration." })
  createdAt!: string | null;
}

/** @param stored the row of the rules; null for the configuration */
export const environmentRulesType = (
  version: number,
  { values, ...rules }: Rules,
  stored: StoredEnvironmentRules | null,
): EnvironmentRules => ({
  ...rules,
  version,
  values: Object.entries(values).map(([environment, words]) => ({ environment: environment as never, words })),
  reason: stored?.reason ?? null,
  createdBy: deciderOf(stored?.createdBy ?? null),
  confirmedBy: deciderOf(stored?.confirmedBy ?? null),
  createdAt: stored && new Date(stored.createdAt).toISOString(),
});
