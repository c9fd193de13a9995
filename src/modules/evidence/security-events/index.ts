/** The module through which staff read and report security events. */
import type { SecurityService } from "../../../audit/index.js";
import type { Module } from "../../../module.js";
import { SecurityEvent } from "./security-events.model.js";
import { securityEventMutations } from "./security-events.mutations.js";

export { SecurityEvent };

export const securityEventsModule = ({ security }: { security: SecurityService }): Module => ({
  types: [SecurityEvent],
  mutations: securityEventMutations(security),
  live: [
    {
      type: SecurityEvent,
      many: {
        name: "securityEventRecorded",
        description: "Each SecurityEvent that is recorded from now on, and that the filter matches.",
      },
    },
  ],
});
