/** The environment variable that limits who may follow how much by subscriptions. */
import { z } from "zod";
import { jsonVariable, variables } from "../../values/variables.js";

const count = (most: number, usual: number) =>
  z.int(`is a whole number from 1 to ${most}`).min(1, "is at least 1").max(most, `is at most ${most}`).default(usual);

const limitsText = jsonVariable.pipe(
  z.strictObject({
    connections: count(100_000, 1000),
    connectionsPerActor: count(10_000, 20),
    subscriptions: count(1_000_000, 2000),
    perConnection: count(10_000, 50),
    perActor: count(100_000, 100),
  }),
);

/** How many WebSockets and subscriptions there may be in one process. */
export type LiveLimits = z.output<typeof limitsText>;

export const liveVariables = variables(
  {
    SUBSCRIPTION_LIMITS: limitsText
      .prefault("{}")
      .describe(
        "How many subscriptions one process has at most, as JSON: `connections`, `connectionsPerActor`, `subscriptions`, `perConnection`, `perActor`.",
      ),
  },
  ({ SUBSCRIPTION_LIMITS }): { liveLimits: LiveLimits } => ({ liveLimits: SUBSCRIPTION_LIMITS }),
);
