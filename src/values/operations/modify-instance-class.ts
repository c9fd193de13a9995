/** Changes the class of an instance: how much memory its servers use, and how many clients they take. A member has its own. */
import { z } from "zod";
import { checkedText } from "../checked.js";
import { declareOperation, type PlannedWork, STARTING_STATUSES } from "./declaration.js";

const MAX_CLASS = 60;
const WITH_WHATEVER_WAITS =
  "RDS puts in force with it whatever else waits for the maintenance window: see the instance's findings.";

const fields = {
  instanceClass: checkedText(MAX_CLASS)
    .regex(/^[A-Za-z0-9.-]+$/, "Give letters, digits, dots and hyphens, such as db.t4g.large or local.small.")
    .describe(
      "The provider's name of the class, such as `db.t4g.large` on RDS; on `local` it is `local.micro`, `local.small`, `local.medium` or `local.large`.",
    ),
  applyImmediately: z
    .boolean()
    .nullish()
    .describe(
      "Whether to change it at once, with an outage, and not in the maintenance window. On RDS that puts in force whatever else waits for the maintenance window.",
    ),
};

function planOf(
  { maintenanceWindow }: { readonly maintenanceWindow: string | null },
  applyImmediately: boolean,
  atOnce: Pick<PlannedWork, "outage" | "reason">,
): Pick<PlannedWork, "outage" | "reason"> {
  if (applyImmediately) return atOnce;
  const when = maintenanceWindow === null ? "" : `, ${maintenanceWindow}`;
  return { outage: "NONE", reason: `The change waits for the maintenance window${when}. ${atOnce.reason}` };
}

export const modifyInstanceClass = declareOperation(fields, {
  type: "MODIFY_INSTANCE_CLASS",
  description: "Changes how much memory the servers of the instance use, and how many clients they take.",
  mutation: {
    name: "modifyInstanceClass",
    description:
      "Changes the class of a non-production instance, at once or in its maintenance window. Its servers restart then. Of an Aurora cluster only this member changes. On `local` a class with which PostgreSQL does not start is put back.",
    what: "The instance and its new class.",
    input: { name: "ModifyInstanceClassInput", description: "A new class." },
  },
  bulk: {
    name: "modifyInstanceClasses",
    description:
      "Changes the class of many non-production instances. A class is of one provider: select instances of that.",
  },
  lane: "servers",
  insteadOfCancelling: {
    local: "Wait for its end, and set the class that you want then.",
    "aws-rds": "Wait for its end, and set the class that you want then.",
  },
  statuses: {
    local: new Set([...STARTING_STATUSES, "available", "backing-up", "rebooting", "modifying"]),
    "aws-rds": new Set(["available"]),
  },
  watchedSeconds: { "aws-rds": 3600 },
  minutesByHand: 20,
  parameters: z.object({
    instanceClass: z.string(),
    applyImmediately: z.boolean(),
    /** What people should know of it. */
    warnings: z.array(z.string()).readonly().optional(),
  }),
  concernsCluster: () => false,
  async prepare(_context, { provider }, { instanceClass, applyImmediately }) {
    const isWide = provider === "aws-rds" && applyImmediately === true;
    return {
      instanceClass,
      applyImmediately: applyImmediately ?? false,
      ...(isWide && { warnings: [WITH_WHATEVER_WAITS] }),
    };
  },
  plan: {
    local: (instance, { applyImmediately }) => ({
      ...planOf(instance, applyImmediately, {
        outage: "SECONDS",
        reason: "Clients lose their connections, and come back once the primary has started again.",
      }),
      calls: applyImmediately
        ? ["local:write-class", "local:restart-standbys", "local:restart-primary"]
        : ["local:write-pending-class"],
    }),
    "aws-rds": (instance, { applyImmediately }) => ({
      ...planOf(instance, applyImmediately, {
        outage: "MINUTES",
        reason: "RDS moves the instance to another server; a Multi-AZ instance fails over to its standby meanwhile.",
      }),
      calls: ["rds:ModifyDBInstance"],
      ...(applyImmediately && { warnings: [WITH_WHATEVER_WAITS] }),
    }),
  },
  guidance: {
    InsufficientDBInstanceCapacity:
      "There is no room for this class now, at AWS in the zone, or on the host of a local instance. Choose a smaller class, or request it again later.",
    StartFailed:
      "The class was put back where the instance runs. Look at the log of its server, mend what it says or choose another class, and request it again.",
  },
});
