/** Reboots an instance, or fails it over to its standby. */
import { z } from "zod";
import { failedPrecondition } from "../../errors.js";
import { declareOperation, STARTING_STATUSES } from "./declaration.js";

const fields = {
  forceFailover: z.boolean().nullish().describe("Whether to fail over to the standby, which the instance must have."),
  acceptSlotLoss: z
    .boolean()
    .nullish()
    .describe(
      "Whether a failover may lose replication slots that the standby does not have. Otherwise it is refused, and the error names them.",
    ),
};

export const rebootInstance = declareOperation(fields, {
  type: "REBOOT_INSTANCE",
  description: "Restarts the instance, or fails it over to its standby.",
  mutation: {
    name: "rebootInstance",
    description: "Reboots a non-production instance, or fails over to its standby.",
    what: "The instance to reboot.",
    input: { name: "RebootInstanceInput", description: "A reboot." },
  },
  bulk: {
    name: "rebootInstances",
    description: "Reboots many non-production instances, or fails over to their standbys.",
  },
  lane: "servers",
  minutesByHand: 15,
  insteadOfCancelling: { local: "Wait for its end.", "aws-rds": "Wait for its end." },
  statuses: {
    // It also brings back an instance that has failed.
    local: new Set([...STARTING_STATUSES, "available", "backing-up", "rebooting", "modifying", "failed"]),
    "aws-rds": new Set(["available"]),
  },
  parameters: z.object({
    forceFailover: z.boolean(),
    /** Accepts the loss of replication slots that the standby does not have; otherwise such a failover is refused. */
    acceptSlotLoss: z.boolean().optional(),
    /** Set where Postern itself asks because the primary has failed; other operations on the instance are then ended. */
    automatic: z.boolean().optional(),
    /** Why and since when, RFC 3339, where Postern itself asks. */
    cause: z.string().optional(),
    since: z.string().optional(),
  }),
  assess: ({ multiAz, members }, { forceFailover }) =>
    !forceFailover || (multiAz && members.some(({ role }) => role === "STANDBY"))
      ? null
      : failedPrecondition("no standby", "This instance has no standby to fail over to. Reboot without forceFailover."),
  concernsCluster: ({ forceFailover }) => forceFailover,
  prepare: async (_context, _instance, { forceFailover, acceptSlotLoss }) => ({
    forceFailover: forceFailover ?? false,
    ...(acceptSlotLoss && { acceptSlotLoss: true }),
  }),
  plan: {
    local: (_instance, { forceFailover }) =>
      forceFailover
        ? {
            outage: "SECONDS",
            reason: "Clients lose their connections, and come back once the standby has been promoted.",
            calls: [
              ...["local:carry-settings", "local:checkpoint", "local:stop-primary", "local:promote-standby"],
              "local:rebuild-old-primary",
            ],
          }
        : {
            outage: "SECONDS",
            reason: "Clients lose their connections, and come back once the primary has started again.",
            calls: ["local:checkpoint", "local:stop-primary", "local:start-primary"],
          },
    "aws-rds"({ cluster }, { forceFailover }) {
      if (!forceFailover) {
        const reason = "The server restarts, and recovers what its last checkpoint does not have.";
        return { outage: "MINUTES", reason, calls: ["rds:RebootDBInstance"] };
      }
      if (cluster) {
        const reason = "A reader that has the same storage becomes the writer, usually within a minute.";
        return { outage: "SECONDS", reason, calls: ["rds:FailoverDBCluster"] };
      }
      const reason = "The standby takes over, and the endpoint moves to it, usually within one or two minutes.";
      return { outage: "MINUTES", reason, calls: ["rds:RebootDBInstance"] };
    },
  },
  guidance: {
    StandbyUnavailable:
      "The standby does not follow. See the members of the instance, get the standby to stream again, and request it again; or reboot without forceFailover.",
    ReplicationSlotLoss:
      "Whoever follows the instance by these slots has to begin anew after a failover. See that this may be, and request it again with acceptSlotLoss: true; or drop the slots.",
  },
});
