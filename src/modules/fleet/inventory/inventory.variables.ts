/** The environment variables of the inventory. */
import { variables } from "../../../values/variables.js";
import { environmentRulesText } from "./environment-rules.js";

export const inventoryVariables = variables(
  {
    ENVIRONMENT_RULES: environmentRulesText
      .prefault("{}")
      .describe(
        "How environments are decided until `setEnvironmentRules` says otherwise, as JSON: `tagKeys`, `values`, `precedence`, `defaultEnvironment`.",
      ),
  },
  ({ ENVIRONMENT_RULES }) => ({ environmentRules: ENVIRONMENT_RULES }),
);
