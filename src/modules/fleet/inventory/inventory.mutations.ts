/** The mutation that says what an instance or an account is for. */
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { SetEnvironmentMappingInput } from "./inventory.inputs.js";
import { Instance } from "./inventory.model.js";
import type { InventoryService } from "./inventory.service.js";

export const inventoryMutations = (inventory: InventoryService): Record<string, Mutation> => ({
  setEnvironmentMapping: mutation({
    rule: can("environment-mappings:write"),
    action: "environment-mapping.set",
    description: "Says what an instance or an account is for, and settles what the methods disagree about.",
    input: { schema: SetEnvironmentMappingInput, what: "Which instance or account, and what it is for." },
    payload: {
      name: "SetEnvironmentMappingPayload",
      description: "The mapping counts from now on.",
      fields: {
        instance: {
          row: Instance,
          nullable: true,
          description: "The instance, as it is now; null where an account was mapped.",
        },
      },
    },
    async run(call, input) {
      const id = await inventory.setMapping(call, input);
      return { instance: id === null ? null : { id } };
    },
  }),
});
