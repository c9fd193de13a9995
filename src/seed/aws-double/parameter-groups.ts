/** The parameter groups of a region: the family of each, and the action that lists them. */
import { AwsFault } from "./aws-fault.js";
import { familyOfDefaultGroup } from "./engines.js";
import { pageOf } from "./paging.js";
import type { RdsAction, Region } from "./region.js";

/** @returns the family of a group @throws DBParameterGroupNotFound */
export function familyOfGroup({ parameterGroups }: Region, name: string): string {
  const family = parameterGroups.get(name) ?? familyOfDefaultGroup(name);
  if (family === undefined) throw new AwsFault("DBParameterGroupNotFound", `DBParameterGroup not found: ${name}`, 404);
  return family;
}

const describeDBParameterGroups: RdsAction = (region, parameters) => {
  const name = parameters.text("DBParameterGroupName");
  const groups: Iterable<readonly [string, string]> =
    name === undefined ? region.parameterGroups : [[name, familyOfGroup(region, name)]];
  return pageOf(region, parameters, groups, {
    list: "DBParameterGroups",
    member: "DBParameterGroup",
    key: ([group]) => group,
    filters: {},
    describe: ({ name: regionName, account }, [group, family]) => ({
      DBParameterGroupName: group,
      DBParameterGroupFamily: family,
      Description: group,
      DBParameterGroupArn: `arn:aws:rds:${regionName}:${account}:pg:${group}`,
    }),
  });
};

export const PARAMETER_GROUP_ACTIONS: Readonly<Record<string, RdsAction>> = {
  DescribeDBParameterGroups: describeDBParameterGroups,
};
