/** Changes the parameter group of an instance, a named set of settings; of a member, its own. */
import { z } from "zod";
import { checkedText } from "../checked.js";
import { declareOperation, STARTING_STATUSES } from "./declaration.js";

const MAX_NAME = 255;
const UNTIL_REBOOT = "No server restarts: what needs a restart waits for the next reboot.";
const INSTEAD = "Wait for its end, and set the group that you want then.";

const fields = {
  parameterGroup: checkedText(MAX_NAME)
    .regex(/^[A-Za-z][A-Za-z0-9.-]*$/, "Give letters, digits, dots and hyphens, a letter first.")
    .describe(
      "The name of the group: on RDS one of the instance's account, region and family; on `local` one of `LOCAL_PARAMETER_GROUPS`, or `default`, which has no settings.",
    ),
};

export const changeParameterGroup = declareOperation(fields, {
  type: "CHANGE_PARAMETER_GROUP",
  description: "Gives the instance another named set of settings.",
  mutation: {
    name: "changeParameterGroup",
    description:
      "Gives a non-production instance another parameter group; of a cluster only this member. The settings of the group before are taken back. `Instance.parameterGroup` says `pending-reboot` where some wait for a restart: `rebootInstance` without failover puts them in force.",
    what: "The instance and its new group.",
    input: { name: "ChangeParameterGroupInput", description: "A new parameter group." },
  },
  bulk: {
    name: "changeParameterGroups",
    description:
      "Gives many non-production instances another parameter group. A group is of one provider and one family of engines: select instances of those.",
  },
  lane: "servers",
  minutesByHand: 15,
  insteadOfCancelling: { local: INSTEAD, "aws-rds": INSTEAD },
  statuses: {
    local: new Set([...STARTING_STATUSES, "available", "backing-up", "rebooting", "modifying"]),
    "aws-rds": new Set(["available"]),
  },
  parameters: z.object({ parameterGroup: z.string() }),
  concernsCluster: () => false,
  prepare: async (_context, { provider }, { parameterGroup }) => ({
    // RDS keeps the names of groups in lower case.
    parameterGroup: provider === "aws-rds" ? parameterGroup.toLowerCase() : parameterGroup,
  }),
  plan: {
    local: () => ({
      outage: "NONE",
      reason: UNTIL_REBOOT,
      calls: ["local:preview-settings", "local:write-settings", "local:reload"],
    }),
    "aws-rds": () => ({ outage: "NONE", reason: UNTIL_REBOOT, calls: ["rds:ModifyDBInstance"] }),
  },
  guidance: {
    DBParameterGroupNotFound:
      "There is no such group. See the groups of the account and region in AWS, or LOCAL_PARAMETER_GROUPS, and request it again.",
    InvalidParameterCombination:
      "The group is for another family of engines. Choose one of the instance's family, and request it again.",
    InvalidConfiguration:
      "PostgreSQL does not take a setting of the group, so nothing was touched. Correct it in LOCAL_PARAMETER_GROUPS, restart Postern, and request it again.",
  },
});
