/** Makes the provider `aws-rds`, which sees and operates the RDS instances of AWS accounts. */
import { providerUnavailable } from "../errors.js";
import type { Log } from "../log.js";
import { rdsProviderId } from "./aws-rds/instance-description.js";
import { isArnId, parseInstanceId } from "./aws-rds/instance-id.js";
import {
  describeInScope,
  findRdsInstance,
  listRdsInstances,
  type RdsInstance,
  unsureFault,
  withSiblings,
} from "./aws-rds/instances.js";
import { createRdsOperations, RDS_OPERATIONS } from "./aws-rds/operations.js";
import { type AwsScope, type AwsScopesOptions, createAwsScopes } from "./aws-rds/scopes.js";
import { createSnapshotOwners } from "./aws-rds/snapshot-owners.js";
import { isRestoredBy } from "./aws-rds/snapshot-restore.js";
import {
  describeRdsSnapshot,
  listClusterSnapshots,
  listInstanceSnapshots,
  type RdsSnapshot,
} from "./aws-rds/snapshots.js";
import type { Provider, ProviderScope } from "./provider.js";

export interface AwsRdsOptions extends AwsScopesOptions {
  readonly log: Log;
  /** From 0 to 1, for the time until AWS is asked again. */
  readonly random?: () => number;
  readonly discovery?: Provider["discovery"];
}

/** @returns the provider. Nothing is asked yet, and it has nothing to stop */
export function createAwsRdsProvider({
  log,
  random = Math.random,
  discovery = { everySeconds: 300, snapshotsEverySeconds: 3600 },
  ...options
}: AwsRdsOptions): Provider {
  const { clock } = options;
  const scopes = createAwsScopes(options);
  const owners = createSnapshotOwners();
  const scopeFor = ({ accountId, region }: Pick<ProviderScope, "accountId" | "region">): AwsScope => {
    const scope = scopes.find((each) => each.accountId === accountId && each.region === region);
    if (scope) return scope;
    throw providerUnavailable("NotConfigured", `AWS_ACCOUNTS has no account ${accountId} with the region ${region}.`);
  };
  /** @returns null where the id is none of this provider @throws UNAVAILABLE where its account is not configured any more */
  const scopeOf = (providerId: string): AwsScope | null => {
    const parts = parseInstanceId(providerId);
    return parts && scopeFor(parts);
  };
  const operations = createRdsOperations({ scopeOf, clock, log, random });

  async function find(providerId: string): Promise<RdsInstance | null> {
    const [scope, parts] = [scopeOf(providerId), parseInstanceId(providerId)];
    return scope && parts && findRdsInstance(scope, parts.id);
  }

  return {
    name: "aws-rds",
    operations: RDS_OPERATIONS,
    scopes,
    discovery,
    takesAutomatedSnapshots: true,
    // RDS fails over and repairs by itself, and tells nobody.
    reportTo: () => undefined,
    upkeep: async () => undefined,
    watch: async () => [],

    async list(scope, listing) {
      const own = scopeFor(scope);
      const { instances, unsure } = await listRdsInstances(own, listing);
      owners.learn(own, instances);
      if (unsure.length > 0) {
        const { code, message } = unsureFault(own, unsure);
        if (!listing?.onUndescribed) throw providerUnavailable(code, message);
        const ids = unsure.map(({ id }) => rdsProviderId(own, id));
        listing.onUndescribed(ids, { code, message });
      }
      return instances.map((instance) => describeInScope(own, instance));
    },

    isRestoredBy: async (instance, restore) => isRestoredBy(instance, restore),

    async describe(providerId) {
      const found = await find(providerId);
      return found && describeInScope(scopeFor(parseInstanceId(providerId)!), found);
    },

    async describeWithSiblings(providerId) {
      const found = await find(providerId);
      const scope = scopeOf(providerId);
      return found && scope ? withSiblings(found).map((instance) => describeInScope(scope, instance)) : [];
    },

    // The logs of RDS are not read.
    logTail: async () => null,

    // Postern has no account in the databases of RDS.
    figures: async () => null,

    async listSnapshots(providerId) {
      const [scope, parts] = [scopeOf(providerId), parseInstanceId(providerId)];
      if (!scope || !parts) return [];
      const found = await findRdsInstance(scope, parts.id);
      // Nobody knows any more which cluster it was a member of. Its snapshots outlive it.
      if (!found) return null;
      const { DBClusterIdentifier: cluster, DbClusterResourceId: clusterId } = found.group?.cluster ?? {};
      const name = found.instance.DBInstanceIdentifier ?? parts.id.split(":").at(-1)!;
      const listing = cluster
        ? listClusterSnapshots(scope, { DBClusterIdentifier: cluster })
        : listInstanceSnapshots(
            scope,
            isArnId(parts.id) ? { DBInstanceIdentifier: name } : { DbiResourceId: parts.id },
          );
      // One that was made anew under the same name has not taken those of its predecessor.
      const isOfAnother = ({ ofId }: RdsSnapshot) => cluster && clusterId && ofId && ofId !== clusterId;
      const snapshots = (await listing).filter((snapshot) => !isOfAnother(snapshot));
      return snapshots.map(describeRdsSnapshot).filter((snapshot) => snapshot !== null);
    },

    async listScopeSnapshots(scope, listing) {
      const own = scopeFor(scope);
      if (!owners.knows(own)) owners.learn(own, (await listRdsInstances(own, listing)).instances);
      const [ofInstances, ofClusters] = await Promise.all([
        listInstanceSnapshots(own, {}, listing),
        listClusterSnapshots(own, {}, listing),
      ]);
      return [...ofInstances, ...ofClusters].flatMap((each) => {
        const [snapshot, providerId] = [describeRdsSnapshot(each), owners.ownerOf(own, each)];
        return snapshot ? [{ providerId, snapshot }] : [];
      });
    },

    async deleteSnapshot() {
      throw providerUnavailable(
        "NotSupported",
        "A snapshot of RDS is deleted by an operation, and automated ones by AWS.",
      );
    },

    look: operations.look,
    start: operations.start,
    poll: operations.poll,

    async cancel() {
      throw providerUnavailable("NotSupported", "AWS does not cancel what it has begun.");
    },
  };
}
