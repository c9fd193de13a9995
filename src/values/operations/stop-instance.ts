/** Stops an instance; of a member, its cluster. */
import { z } from "zod";
import { declareOperation, STARTING_STATUSES } from "./declaration.js";

const UNTIL_STARTED = "The instance takes no connections until it is started.";

export const stopInstance = declareOperation(
  {},
  {
    type: "STOP_INSTANCE",
    description:
      "Stops the servers of the instance, which keeps its data. It stays stopped until it is started; RDS starts it again by itself after 7 days.",
    mutation: {
      name: "stopInstance",
      description:
        "Stops a non-production instance; of a member, all of its Aurora cluster. It keeps its data and stays stopped until it is started, but RDS starts it again by itself after 7 days. Meanwhile no backups are taken. RDS does not stop read replicas and their sources, Multi-AZ instances of SQL Server and clusters other than Aurora's. It drops changes that wait for the maintenance window.",
      what: "The instance to stop.",
      input: { name: "StopInstanceInput", description: "A stop." },
    },
    bulk: { name: "stopInstances", description: "Stops many non-production instances." },
    lane: "servers",
    minutesByHand: 10,
    insteadOfCancelling: {
      local: "Wait for its end, and start the instance then.",
      "aws-rds": "Wait for its end, and start the instance then.",
    },
    statuses: {
      local: new Set([...STARTING_STATUSES, "available", "backing-up", "rebooting", "modifying"]),
      "aws-rds": new Set(["available"]),
    },
    remedies: {
      stopped: "There is nothing to stop: start it when it is needed again.",
      stopping: "There is nothing to stop: wait until it is stopped.",
    },
    watchedSeconds: { "aws-rds": 3600 },
    parameters: z.object({}),
    concernsCluster: () => true,
    prepare: async () => ({}),
    plan: {
      local: () => ({ outage: "MINUTES", reason: UNTIL_STARTED, calls: ["local:checkpoint", "local:stop-servers"] }),
      "aws-rds": ({ cluster }) => ({
        outage: "MINUTES",
        reason: UNTIL_STARTED,
        calls: [cluster ? "rds:StopDBCluster" : "rds:StopDBInstance"],
        warnings: [
          "RDS starts it again by itself after 7 days, and drops changes that wait for the maintenance window.",
        ],
      }),
    },
    guidance: {
      NotStoppable:
        "RDS never stops an instance of this kind. See the message; a smaller class or deletion may save as much.",
      StopFailed:
        "The instance is not stopped, and goes on costing. See its status and its events in AWS, mend what they say, and request the stop again once it is available.",
    },
  },
);
