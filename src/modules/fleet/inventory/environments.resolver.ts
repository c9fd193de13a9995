/** The queries about rules: which are in force, and what they say of an instance that does not exist yet. */
import { Arg, Query, Resolver } from "type-graphql";
import { inputType } from "../../../engine/types/input-type.js";
import { NamedFields } from "../../../engine/types/named-fields.js";
import { embeddedType } from "../../../engine/types/object-type.js";
import { checked } from "../../../values/checked.js";
import { EnvironmentRules, environmentRulesOf } from "./environment-rules.model.js";
import { ExplainEnvironmentInput } from "./environments.inputs.js";
import type { EnvironmentsService } from "./environments.service.js";
import { EnvironmentClassification } from "./instance-objects.model.js";

// type-graphql must know them before it builds the schema.
const Question = inputType(ExplainEnvironmentInput);
const Explanation = embeddedType(EnvironmentClassification);
const Rules = embeddedType(EnvironmentRules);

@Resolver()
export class EnvironmentsResolver {
  constructor(private readonly environments: EnvironmentsService) {}

  @Query(() => Rules, {
    nullable: true,
    description: "The rules by which environments are decided now, on every replica.",
  })
  async environmentRules() {
    const { version, rules, stored } = await this.environments.findRules();
    return NamedFields.of(environmentRulesOf(version, rules, stored));
  }

  @Query(() => Explanation, {
    nullable: true,
    description: "What an instance that does not exist yet would be, and why. It writes nothing.",
  })
  async explainEnvironment(
    @Arg("input", () => Question, { description: "The facts of the instance." })
    input: unknown,
  ) {
    return NamedFields.of(await this.environments.explain(checked(ExplainEnvironmentInput, input)));
  }
}
