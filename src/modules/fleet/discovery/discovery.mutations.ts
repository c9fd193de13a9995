/** The mutation that asks for a discovery. */
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { DiscoverInstancesInput } from "./discovery.inputs.js";
import { DiscoveryRun } from "./discovery.model.js";
import type { DiscoveryService } from "./discovery.service.js";

export const discoveryMutations = (discovery: DiscoveryService): Record<string, Mutation> => ({
  discoverInstances: mutation({
    rule: can("operations:run"),
    action: "discovery-run.request",
    description:
      "Looks at all instances of the providers now, and not only on the schedule. It answers at once. Where a run of a provider has ended less than 30 seconds ago, that is the answer, and no other begins.",
    input: { schema: DiscoverInstancesInput, what: "What to look at.", isOptional: true },
    payload: {
      name: "DiscoverInstancesPayload",
      description: "The runs, which go on in the background.",
      fields: {
        runs: {
          rows: DiscoveryRun,
          description:
            "The run of each provider; the one that is under way or has just ended, where there is one. Ask for `endedAt` until it is set.",
        },
      },
    },
    async run(call, { provider }) {
      return { runs: await discovery.request(call, provider ?? null) };
    },
  }),
});
