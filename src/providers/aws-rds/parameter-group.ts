/** Changes the parameter group of an instance, or of one member of a cluster. Its group, and how far that is applied, tell whether that was done. */
import { DescribeDBParameterGroupsCommand, ModifyDBInstanceCommand } from "@aws-sdk/client-rds";
import type { Poll, ProviderFailure } from "../provider.js";
import { parameterGroupOf } from "./instance-description.js";
import {
  endWithoutSign,
  isGone,
  mayAskAgain,
  noModificationsIsDone,
  type RdsOperation,
  type RequestOf,
  running,
} from "./operation.js";
import { awsCodeBehind } from "./refusals.js";
import { type AwsScope, listPages } from "./scopes.js";

interface GroupSight {
  readonly identifier: string;
  /** Why AWS would refuse it; null where nothing is known against it. */
  readonly refusal: ProviderFailure | null;
}

/** @returns the family of a group; null where there is no such group @throws UNAVAILABLE */
async function familyOf(scope: AwsScope, name: string): Promise<string | null> {
  const found = await listPages(
    scope,
    (client, page, options) =>
      client.send(new DescribeDBParameterGroupsCommand({ ...page, DBParameterGroupName: name }), options),
    ({ DBParameterGroups: groups }) => groups,
  ).catch((error) => {
    if (/^DBParameterGroupNotFound/.test(awsCodeBehind(error) ?? "")) return [];
    throw error;
  });
  return found[0]?.DBParameterGroupFamily ?? null;
}

async function refusalOf(
  scope: AwsScope,
  wanted: string,
  current: string | undefined,
): Promise<ProviderFailure | null> {
  const family = await familyOf(scope, wanted);
  if (family === null)
    return {
      code: "DBParameterGroupNotFound",
      message: `The account has no parameter group ${wanted} in this region.`,
    };
  const own = current === undefined ? null : await familyOf(scope, current);
  if (own === null || own === family) return null;
  const message = `The parameter group ${wanted} is of the family ${family}, and the instance is of ${own}.`;
  return { code: "InvalidParameterCombination", message };
}

export const parameterGroupChange: RdsOperation<RequestOf<"CHANGE_PARAMETER_GROUP">> = {
  async look(scope, { parameterGroup }, { instance }) {
    const saw: GroupSight = {
      identifier: instance.DBInstanceIdentifier ?? "",
      refusal: await refusalOf(scope, parameterGroup, parameterGroupOf(instance)?.name),
    };
    return { ...saw };
  },

  async ask(scope, { parameterGroup }, sight) {
    const { identifier } = sight as unknown as GroupSight;
    // ApplyImmediately would put in force, with an outage, whatever else waits; a group does not need it.
    const wanted = { DBInstanceIdentifier: identifier, DBParameterGroupName: parameterGroup };
    return noModificationsIsDone(scope.change((client) => client.send(new ModifyDBInstanceCommand(wanted))));
  },

  async poll(_scope, { parameterGroup: wanted }, found, facts): Promise<Poll> {
    if (!found) return isGone();
    const status = found.instance.DBInstanceStatus ?? "unknown";
    const parameterGroup = parameterGroupOf(found.instance);
    const has = parameterGroup?.name === wanted;
    if (has && parameterGroup.status !== "applying") {
      const waits =
        parameterGroup.status === "pending-reboot" ? " Its parameters count after a reboot without failover." : "";
      const message = `The parameter group is ${wanted}.${waits}`;
      return { state: "succeeded", resourceStatus: status, message, result: { parameterGroup } };
    }
    const end = endWithoutSign(status, facts);
    if (end) return end;
    if (!has && mayAskAgain(facts)) return { state: "unknown" };
    return running(status, "AWS applies the parameter group.");
  },
};
