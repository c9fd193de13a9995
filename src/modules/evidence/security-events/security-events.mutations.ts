/** The mutation that reports a security event. */
import type { SecurityService } from "../../../audit/index.js";
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { RecordSecurityEventInput } from "./security-events.inputs.js";
import { SecurityEvent } from "./security-events.model.js";

export const securityEventMutations = (security: SecurityService): Record<string, Mutation> => ({
  recordSecurityEvent: mutation({
    rule: can("security-events:record"),
    action: "security-event.record",
    description: "Records a security event.",
    input: { schema: RecordSecurityEventInput, what: "The event to record." },
    payload: {
      name: "RecordSecurityEventPayload",
      description: "The event that was recorded.",
      fields: { securityEvent: { row: SecurityEvent, description: "The event as it is stored." } },
    },
    run: async (call, input) => ({ securityEvent: { id: await security.recordForCaller(call, input) } }),
  }),
});
