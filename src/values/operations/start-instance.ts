/** Starts a stopped instance; of a member, its cluster. */
import { z } from "zod";
import { declareOperation } from "./declaration.js";

const STOPPED_BEFORE = "The instance is stopped before, and takes connections once it has started.";

export const startInstance = declareOperation(
  {},
  {
    type: "START_INSTANCE",
    description: "Starts the servers of a stopped instance.",
    mutation: {
      name: "startInstance",
      description: "Starts a stopped non-production instance; of a member, all of its Aurora cluster.",
      what: "The instance to start.",
      input: { name: "StartInstanceInput", description: "A start." },
    },
    bulk: { name: "startInstances", description: "Starts many stopped non-production instances." },
    lane: "servers",
    minutesByHand: 10,
    insteadOfCancelling: {
      local: "Wait for its end, and stop the instance then.",
      "aws-rds": "Wait for its end, and stop the instance then.",
    },
    statuses: { local: new Set(["stopped"]), "aws-rds": new Set(["stopped"]) },
    remedies: {
      available: "There is nothing to start: stop it first, or reboot it.",
      starting: "There is nothing to start: wait until it is available.",
      creating: "There is nothing to start: wait until it is available.",
      other: "Only a stopped instance is started: when it is available, stop it first, or reboot it.",
    },
    watchedSeconds: { "aws-rds": 3600 },
    parameters: z.object({}),
    concernsCluster: () => true,
    prepare: async () => ({}),
    plan: {
      local: () => ({ outage: "NONE", reason: STOPPED_BEFORE, calls: ["local:start-servers"] }),
      "aws-rds": ({ cluster }) => ({
        outage: "NONE",
        reason: STOPPED_BEFORE,
        calls: [cluster ? "rds:StartDBCluster" : "rds:StartDBInstance"],
      }),
    },
    guidance: {
      InsufficientDBInstanceCapacity:
        "AWS has no server of this class in the zone now. Request it again later, or change the class.",
    },
  },
);
