/** The mutation that sets the environment of an instance or an account. */
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { SetEnvironmentMappingInput } from "./inventory.inputs.js";
import { Instance } from "./inventory.model.js";
import type { InventoryService } from "./inventory.service.js";

export const inventoryMutations = (inventory: InventoryService): Record<string, Mutation> => ({
  setEnvironmentMapping: mutation({
    rule: can("environment-mappings:write"),
    action: "environment-mapping.set",
    description: "Sets the environment of an instance or an account, and can settle a conflict between the methods.",
    input: { schema: SetEnvironmentMappingInput, what: "The instance or account, and its environment." },
    payload: {
      name: "SetEnvironmentMappingPayload",
      description: "The mapping, which counts from now on.",
      fields: {
        instance: {
          row: Instance,
          nullable: true,
          description: "The instance as it is now; null where an account was mapped.",
        },
      },
    },
    async run(call, input) {
      const id = await inventory.setMapping(call, input);
      return { instance: id === null ? null : { id } };
    },
  }),
});
