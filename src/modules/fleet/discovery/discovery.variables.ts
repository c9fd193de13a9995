/** The environment variables of discovery: how long a scope may take, and how many are looked at at once. */
import { countVariable, variables } from "../../../values/variables.js";

export const discoveryVariables = variables(
  {
    DISCOVERY_SCOPE_SECONDS: countVariable(1, 600)
      .prefault("30")
      .describe("How many seconds it may take to list everything in one account and region."),
    DISCOVERY_CONCURRENCY: countVariable(1, 100)
      .prefault("8")
      .describe("How many accounts and regions of a provider are listed at once."),
  },
  ({ DISCOVERY_SCOPE_SECONDS, DISCOVERY_CONCURRENCY }) => ({
    discovery: { scopeTimeoutMs: DISCOVERY_SCOPE_SECONDS * 1000, concurrency: DISCOVERY_CONCURRENCY },
  }),
);
