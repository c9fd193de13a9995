/** The calls that restore a snapshot: one for an instance; for Aurora one for the cluster, and one for the instance that it needs. */
import {
  CreateDBInstanceCommand,
  RestoreDBClusterFromSnapshotCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
} from "@aws-sdk/client-rds";
import type { RdsInstance } from "./instances.js";
import type { SeenSnapshot } from "./named-snapshot.js";
import type { RequestOf } from "./operation.js";
import { tagsWithOperation } from "./operation-tag.js";
import type { AwsScope } from "./scopes.js";

/** What the copy has of its source, as that is now. AWS chooses what is not known. */
export interface SourceFacts {
  readonly instanceClass: string | null;
  readonly subnetGroup: string | null;
  readonly securityGroups: readonly string[];
  readonly isPublic: boolean;
  /** The smallest and largest capacity of a serverless cluster. */
  readonly capacity: { readonly MinCapacity?: number; readonly MaxCapacity?: number } | null;
}

type Restore = RequestOf<"RESTORE_SNAPSHOT">;

/** The instance of an Aurora cluster whose source is gone gets the smallest class that all engines have. */
const SMALLEST_CLASS = "db.t4g.medium";

export function sourceFactsOf(found: RdsInstance | null): SourceFacts {
  const { DBInstanceClass, DBSubnetGroup, VpcSecurityGroups = [], PubliclyAccessible } = found?.instance ?? {};
  const { MinCapacity: min, MaxCapacity: max } = found?.group?.cluster.ServerlessV2ScalingConfiguration ?? {};
  return {
    instanceClass: DBInstanceClass ?? null,
    subnetGroup: DBSubnetGroup?.DBSubnetGroupName ?? null,
    securityGroups: VpcSecurityGroups.flatMap(({ VpcSecurityGroupId: id }) => (id ? [id] : [])),
    isPublic: PubliclyAccessible ?? false,
    capacity: min === undefined || max === undefined ? null : { MinCapacity: min, MaxCapacity: max },
  };
}

const networkOf = ({ subnetGroup, securityGroups }: SourceFacts) => ({
  ...(subnetGroup !== null && { DBSubnetGroupName: subnetGroup }),
  ...(securityGroups.length > 0 && { VpcSecurityGroupIds: [...securityGroups] }),
});

const backupsOf = ({ backupWindow, backupRetentionDays }: Restore) => ({
  ...(backupWindow !== null && { PreferredBackupWindow: backupWindow }),
  ...(backupRetentionDays !== null && { BackupRetentionPeriod: backupRetentionDays }),
});

/** Makes an instance of its own: also of the snapshot of a Multi-AZ cluster. */
export const restoreInstance = (scope: AwsScope, request: Restore, seen: SeenSnapshot, source: SourceFacts) =>
  scope.change((client) =>
    client.send(
      new RestoreDBInstanceFromDBSnapshotCommand({
        DBInstanceIdentifier: request.identifier,
        ...(seen.isOfCluster
          ? { DBClusterSnapshotIdentifier: seen.identifier }
          : { DBSnapshotIdentifier: seen.identifier }),
        ...(source.instanceClass !== null && { DBInstanceClass: source.instanceClass }),
        ...networkOf(source),
        ...backupsOf(request),
        MultiAZ: false,
        PubliclyAccessible: source.isPublic,
        Tags: tagsWithOperation(request.tags, request.operationId),
      }),
    ),
  );

/** Makes an Aurora cluster, which has no instance yet. Of clusters AWS keeps backups for at least a day. */
export const restoreCluster = (
  scope: AwsScope,
  request: Restore,
  seen: SeenSnapshot,
  source: SourceFacts,
  cluster: string,
) => {
  const { BackupRetentionPeriod: days, ...backups } = backupsOf(request);
  return scope.change((client) =>
    client.send(
      new RestoreDBClusterFromSnapshotCommand({
        DBClusterIdentifier: cluster,
        SnapshotIdentifier: seen.identifier,
        Engine: seen.engine,
        EngineVersion: seen.engineVersion,
        ...networkOf(source),
        ...backups,
        ...(days !== undefined && { BackupRetentionPeriod: Math.max(1, days) }),
        ...(source.capacity && { ServerlessV2ScalingConfiguration: source.capacity }),
        Tags: tagsWithOperation(request.tags, request.operationId),
      }),
    ),
  );
};

/** Makes the instance of a cluster that was restored. */
export const createMember = (scope: AwsScope, request: Restore, engine: string, source: SourceFacts, cluster: string) =>
  scope.change((client) =>
    client.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: request.identifier,
        DBClusterIdentifier: cluster,
        Engine: engine,
        DBInstanceClass: source.instanceClass ?? SMALLEST_CLASS,
        PubliclyAccessible: source.isPublic,
        ...(request.maintenanceWindow !== null && { PreferredMaintenanceWindow: request.maintenanceWindow }),
        Tags: tagsWithOperation(request.tags, request.operationId),
      }),
    ),
  );
