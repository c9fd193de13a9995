/** Whose the snapshots of a scope are: the instance's, and of a cluster the writer's. It is learnt when the scope is listed. */

import { writerOfCluster } from "./instance-description.js";
import { instanceIdOf } from "./instance-id.js";
import type { RdsInstance } from "./instances.js";
import type { AwsScope } from "./scopes.js";
import type { RdsSnapshot } from "./snapshots.js";

interface Owners {
  /** The last part of the provider's id, by the name of the instance where its resource id is not its own. */
  readonly byName: ReadonlyMap<string, string>;
  readonly shared: ReadonlySet<string>;
  /** Of the member that counts, by the cluster's resource id. */
  readonly byCluster: ReadonlyMap<string, string>;
}

function ownersOf(instances: readonly RdsInstance[]): Owners {
  const byName = new Map<string, string>();
  const shared = new Set<string>();
  const byCluster = new Map<string, string>();
  for (const { id, instance, group } of instances) {
    const { DBInstanceIdentifier: name = "", DbiResourceId: resourceId } = instance;
    if (id !== resourceId) {
      byName.set(name, id);
      if (resourceId) shared.add(resourceId);
    }
    const cluster = group?.cluster.DbClusterResourceId;
    const isWriter = group && writerOfCluster(group.cluster) === name;
    if (cluster && (isWriter || !byCluster.has(cluster))) byCluster.set(cluster, id);
  }
  return { byName, shared, byCluster };
}

export function createSnapshotOwners() {
  const known = new Map<string, Owners>();
  const keyOf = ({ accountId, region }: AwsScope) => `${accountId}/${region}`;
  return {
    learn: (scope: AwsScope, instances: readonly RdsInstance[]) => void known.set(keyOf(scope), ownersOf(instances)),
    knows: (scope: AwsScope): boolean => known.has(keyOf(scope)),
    /** @returns the provider's id of the instance, which may be gone; null where nobody knows it */
    ownerOf(scope: AwsScope, { ofId, of }: RdsSnapshot): string | null {
      const { byName, shared, byCluster } = known.get(keyOf(scope))!;
      const id =
        byCluster.get(ofId ?? "") ??
        byName.get(of) ??
        (ofId?.startsWith("cluster-")
          ? null
          : instanceIdOf({ DbiResourceId: ofId ?? undefined, DBInstanceArn: undefined }, shared));
      return id && `${keyOf(scope)}/${id}`;
    },
  };
}
