/** Lists and describes the RDS instances of a scope, each with its cluster. */
import {
  type DBCluster,
  type DBInstance,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
} from "@aws-sdk/client-rds";
import { providerUnavailable } from "../../errors.js";
import type { InstanceDescription, ScopeListing } from "../provider.js";
import { describeRdsInstance, type RdsCluster } from "./instance-description.js";
import {
  instanceIdOf,
  isArnId,
  isOwnResourceId,
  isSeenTwice,
  parseInstanceId,
  sharedResourceIds,
} from "./instance-id.js";
import { awsCodeBehind, cleanAwsMessage, notAnAnswer } from "./refusals.js";
import { type AwsScope, listPages, PAGE_SIZE } from "./scopes.js";

/** An instance, its cluster if it has one, and the last part of its provider's id. */
export interface RdsInstance {
  readonly id: string;
  readonly instance: DBInstance;
  readonly group: RdsCluster | undefined;
}

type InstanceFilter =
  | { readonly DBInstanceIdentifier: string }
  | { readonly by: "dbi-resource-id" | "db-cluster-id"; readonly values: string[] };

const listInstances = (scope: AwsScope, filter?: InstanceFilter, listing?: ScopeListing) =>
  listPages(
    scope,
    (client, page, options) => {
      const asked = filter && "by" in filter ? { Filters: [{ Name: filter.by, Values: filter.values }] } : filter;
      return client.send(new DescribeDBInstancesCommand({ ...page, ...asked }), options);
    },
    ({ DBInstances: instances }) => instances,
    listing,
  );

const listClusters = (scope: AwsScope, DBClusterIdentifier?: string, listing?: ScopeListing) =>
  listPages(
    scope,
    (client, page, options) => {
      const asked = { ...page, ...(DBClusterIdentifier && { DBClusterIdentifier }) };
      return client.send(new DescribeDBClustersCommand(asked), options);
    },
    ({ DBClusters: clusters }) => clusters,
    listing,
  );

/** @returns those of the known instances that are there, though they were not listed: they were renamed to a page that had been read */
async function listMissed(
  scope: AwsScope,
  listed: readonly DBInstance[],
  listing: ScopeListing,
): Promise<DBInstance[]> {
  const seen = new Set(listed.map(({ DbiResourceId: id }) => id));
  const known = (listing.known ?? []).flatMap((providerId) => parseInstanceId(providerId)?.id ?? []);
  const missing = known.filter((id) => isOwnResourceId(id) && !seen.has(id));
  const missed: DBInstance[] = [];
  for (let from = 0; from < missing.length; from += PAGE_SIZE) {
    const values = missing.slice(from, from + PAGE_SIZE);
    missed.push(...((await orAbsent(listInstances(scope, { by: "dbi-resource-id", values }, listing))) ?? []));
  }
  return missed;
}

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

/** A cluster that has its name from one that was renamed or deleted does not name the members of that one. */
const isMemberOf = ({ DBInstanceIdentifier: name }: DBInstance, group: RdsCluster | undefined): boolean =>
  group?.cluster.DBClusterMembers?.some(({ DBInstanceIdentifier: member }) => member === name) === true;

/** What a scope has. Of `unsure` AWS names the cluster, and does not tell now what it is: without its tags and siblings nothing is production. */
interface RdsListing {
  readonly instances: RdsInstance[];
  readonly unsure: Omit<RdsInstance, "group">[];
}

/** @returns the clusters by identifier: those that have changed while they were listed are left out */
function groupsOf(clusters: readonly DBCluster[], instances: readonly DBInstance[]): Map<string, RdsCluster> {
  const members = Map.groupBy(instances, ({ DBClusterIdentifier: id }) => id);
  const clusterOf = new Map(instances.map((each) => [each.DBInstanceIdentifier, each.DBClusterIdentifier]));
  return new Map(
    clusters.flatMap((cluster) => {
      const { DBClusterIdentifier: id = "", DBClusterMembers: named = [] } = cluster;
      // A member that AWS does not list is being made or deleted. One that names another cluster was listed before that one was renamed.
      const isSure = named.every(
        ({ DBInstanceIdentifier: member }) => !clusterOf.has(member) || clusterOf.get(member) === id,
      );
      const group = isSure ? groupOf(cluster, members.get(id) ?? []) : undefined;
      return group ? [[id, group] as const] : [];
    }),
  );
}

/** Lists a scope to its end: the instances and the clusters. @throws UNAVAILABLE */
export async function listRdsInstances(scope: AwsScope, listing: ScopeListing = {}): Promise<RdsListing> {
  const [paged, clusters] = await Promise.all([
    listInstances(scope, undefined, listing),
    listClusters(scope, undefined, listing),
  ]);
  const listed = [...paged, ...(await listMissed(scope, paged, listing))];
  requireOwn(scope, listed);
  // One on the edge of a page may be listed twice.
  const instances = [...new Map(listed.map((each) => [each.DBInstanceArn ?? each, each])).values()];
  const shared = sharedResourceIds(instances);
  if (isSeenTwice(shared))
    throw providerUnavailable("Renamed", "An instance was renamed while it was listed. It is listed again.");
  const isUnsure = (groups: ReadonlyMap<string, RdsCluster>, instance: DBInstance) => {
    const { DBClusterIdentifier: cluster } = instance;
    return Boolean(cluster) && !isMemberOf(instance, groups.get(cluster as string));
  };
  let groups = groupsOf(clusters, instances);
  // One that was made or renamed between the two answers is in the next.
  if (instances.some((instance) => isUnsure(groups, instance)))
    groups = groupsOf(await listClusters(scope, undefined, listing), instances);
  const found = instances.map((instance) => {
    const id = instanceIdOf(instance, shared);
    if (id === null) throw notAnAnswer(scope.accountId);
    return { id, instance, group: groups.get(instance.DBClusterIdentifier ?? "") };
  });
  const [unsure, sure] = [true, false].map((wanted) =>
    found.filter(({ instance }) => isUnsure(groups, instance) === wanted),
  );
  return { instances: sure!, unsure: unsure! };
}

/** @param id the last part of the provider's id @returns null where the instance is gone @throws UNAVAILABLE */
export async function findRdsInstance(scope: AwsScope, id: string): Promise<RdsInstance | null> {
  const filter = isArnId(id) ? { DBInstanceIdentifier: id } : { by: "dbi-resource-id" as const, values: [id] };
  const found = (await orAbsent(listInstances(scope, filter))) ?? [];
  requireOwn(scope, found);
  const instance = found.find((each) => (isArnId(id) ? each.DBInstanceArn : each.DbiResourceId) === id);
  if (!instance) return null;
  const name = instance.DBClusterIdentifier;
  if (!name) return { id, instance, group: undefined };
  const [clusters, members] = await Promise.all([
    orAbsent(listClusters(scope, name)),
    listInstances(scope, { by: "db-cluster-id", values: [name] }),
  ]);
  requireOwn(scope, members);
  const group = groupOf(clusters?.[0], members);
  // Without its cluster it would look like an instance of its own, which may be no production.
  if (group?.members.has(instance.DBInstanceIdentifier ?? "") && isMemberOf(instance, group))
    return { id, instance, group };
  const { code, message } = unsureFault(scope, [{ instance }]);
  throw providerUnavailable(code, message);
}

/** @returns the instance that has this name now, without its cluster, or null @throws UNAVAILABLE */
export async function findRdsInstanceNamed(scope: AwsScope, name: string): Promise<RdsInstance | null> {
  const found = (await orAbsent(listInstances(scope, { DBInstanceIdentifier: name }))) ?? [];
  requireOwn(scope, found);
  const instance = found.find((each) => each.DBInstanceIdentifier?.toLowerCase() === name.toLowerCase());
  const id = instance && instanceIdOf(instance, new Set());
  return instance && id ? { id, instance, group: undefined } : null;
}

/** @returns the cluster that has this name now, or null @throws UNAVAILABLE */
export async function findRdsCluster(scope: AwsScope, name: string): Promise<DBCluster | null> {
  const found = (await orAbsent(listClusters(scope, name))) ?? [];
  return found.find(({ DBClusterIdentifier: id }) => id?.toLowerCase() === name.toLowerCase()) ?? null;
}

const names = (all: readonly (string | undefined)[]) => {
  const distinct = [...new Set(all)].map((name) => JSON.stringify(name));
  return distinct.length > 3
    ? `${distinct.slice(0, 3).join(", ")} and ${distinct.length - 3} more`
    : distinct.join(", ");
};

/** @returns why instances of clusters that AWS does not tell now cannot be described */
export function unsureFault({ accountId }: AwsScope, unsure: readonly Pick<RdsInstance, "instance">[]) {
  const clusters = names(unsure.map(({ instance }) => instance.DBClusterIdentifier));
  const members = names(unsure.map(({ instance }) => instance.DBInstanceIdentifier));
  const message =
    `AWS does not tell now what the cluster ${clusters} is, with the member ${members}. What is known of them stays, and they are asked for ` +
    "again. If it lasts, look in AWS whether the cluster was renamed or deleted.";
  return { code: "ClusterUnknown", message: cleanAwsMessage(message, accountId) };
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
