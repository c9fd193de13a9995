/** Lists and describes the RDS instances of a scope, each with its cluster. */
import {
  type DBCluster,
  type DBInstance,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
} from "@aws-sdk/client-rds";
import { providerUnavailable } from "../../errors.js";
import type { InstanceDescription } from "../provider.js";
import { describeRdsInstance, type RdsCluster } from "./instance-description.js";
import { instanceIdOf, isArnId, isSeenTwice, sharedResourceIds } from "./instance-id.js";
import { awsCodeBehind, notAnAnswer } from "./refusals.js";
import { type AwsScope, listPages } from "./scopes.js";

/** An instance, its cluster if it has one, and the last part of its provider's id. */
export interface RdsInstance {
  readonly id: string;
  readonly instance: DBInstance;
  readonly group: RdsCluster | undefined;
}

type InstanceFilter = { readonly DBInstanceIdentifier: string } | { readonly by: string; readonly value: string };

const listInstances = (scope: AwsScope, filter?: InstanceFilter, onCall?: () => void) =>
  listPages(
    scope,
    (client, page) => {
      const asked = filter && "by" in filter ? { Filters: [{ Name: filter.by, Values: [filter.value] }] } : filter;
      return client.send(new DescribeDBInstancesCommand({ ...page, ...asked }));
    },
    ({ DBInstances: instances }) => instances,
    onCall,
  );

const listClusters = (scope: AwsScope, DBClusterIdentifier?: string, onCall?: () => void) =>
  listPages(
    scope,
    (client, page) =>
      client.send(new DescribeDBClustersCommand({ ...page, ...(DBClusterIdentifier && { DBClusterIdentifier }) })),
    ({ DBClusters: clusters }) => clusters,
    onCall,
  );

/** @returns what `found` finds, or null where AWS says that there is no such thing */
async function orAbsent<T>(found: Promise<T>): Promise<T | null> {
  return found.catch((error) => {
    if (/^DB(Instance|Cluster)NotFound/.test(awsCodeBehind(error) ?? "")) return null;
    throw error;
  });
}

/** @throws UNAVAILABLE where what AWS lists is of another account or region: environments hang on the account */
function requireOwn({ accountId, region }: AwsScope, instances: readonly DBInstance[]): void {
  for (const { DBInstanceIdentifier: identifier, DBInstanceArn: arn = "" } of instances) {
    if (!identifier) throw notAnAnswer(accountId);
    const [, , , ofRegion, ofAccount] = arn.split(":");
    if (arn === "" || (ofAccount === accountId && ofRegion === region)) continue;
    const message = "The credentials lead to another account or region. See AWS_ACCOUNTS and the credentials.";
    throw providerUnavailable("WrongAccount", message);
  }
}

const groupOf = (cluster: DBCluster | undefined, instances: readonly DBInstance[]): RdsCluster | undefined =>
  cluster && {
    cluster,
    members: new Map(instances.map((instance) => [instance.DBInstanceIdentifier ?? "", instance])),
  };

/** Lists a scope to its end: the instances, and then the clusters. @throws UNAVAILABLE */
export async function listRdsInstances(scope: AwsScope, onCall?: () => void): Promise<RdsInstance[]> {
  const [listed, clusters] = await Promise.all([
    listInstances(scope, undefined, onCall),
    listClusters(scope, undefined, onCall),
  ]);
  requireOwn(scope, listed);
  // One on the edge of a page may be listed twice.
  const instances = [...new Map(listed.map((each) => [each.DBInstanceArn ?? each, each])).values()];
  const shared = sharedResourceIds(instances);
  if (isSeenTwice(shared))
    throw providerUnavailable("Renamed", "An instance was renamed while it was listed. It is listed again.");
  const members = Map.groupBy(instances, ({ DBClusterIdentifier: id }) => id);
  const groups = new Map(
    clusters.map((cluster) => {
      const id = cluster.DBClusterIdentifier ?? "";
      return [id, groupOf(cluster, members.get(id) ?? [])] as const;
    }),
  );
  return instances.map((instance) => {
    const id = instanceIdOf(instance, shared);
    if (id === null) throw notAnAnswer(scope.accountId);
    return { id, instance, group: groups.get(instance.DBClusterIdentifier ?? "") };
  });
}

/** @param id the last part of the provider's id @returns null where the instance is gone @throws UNAVAILABLE */
export async function findRdsInstance(scope: AwsScope, id: string): Promise<RdsInstance | null> {
  const filter = isArnId(id) ? { DBInstanceIdentifier: id } : { by: "dbi-resource-id", value: id };
  const found = (await orAbsent(listInstances(scope, filter))) ?? [];
  requireOwn(scope, found);
  const instance = found.find((each) => (isArnId(id) ? each.DBInstanceArn : each.DbiResourceId) === id);
  if (!instance) return null;
  const name = instance.DBClusterIdentifier;
  if (!name) return { id, instance, group: undefined };
  const [clusters, members] = await Promise.all([
    orAbsent(listClusters(scope, name)),
    listInstances(scope, { by: "db-cluster-id", value: name }),
  ]);
  requireOwn(scope, members);
  return { id, instance, group: groupOf(clusters?.[0], members) };
}

/** @returns the instance, and after it the other members of its cluster that AWS names */
export function withSiblings(found: RdsInstance): RdsInstance[] {
  const members = [...(found.group?.members.values() ?? [])];
  const shared = sharedResourceIds(members);
  const siblings = members.flatMap((instance) => {
    const id =
      instance.DBInstanceIdentifier === found.instance.DBInstanceIdentifier ? null : instanceIdOf(instance, shared);
    return id === null ? [] : [{ id, instance, group: found.group }];
  });
  return [found, ...siblings];
}

export const describeInScope = (scope: AwsScope, { id, instance, group }: RdsInstance): InstanceDescription =>
  describeRdsInstance(scope, id, instance, group);
