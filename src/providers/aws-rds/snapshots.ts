/** Lists the snapshots of RDS instances and clusters. A snapshot counts from when AWS says when it was taken. */
import {
  type DBClusterSnapshot,
  type DBSnapshot,
  DescribeDBClusterSnapshotsCommand,
  DescribeDBSnapshotsCommand,
} from "@aws-sdk/client-rds";
import type { ScopeListing, SnapshotDescription } from "../provider.js";
import { rdsTags } from "./instance-description.js";
import { awsCodeBehind } from "./refusals.js";
import { type AwsScope, listPages } from "./scopes.js";

/** What snapshots of instances and of clusters have in common. */
export interface RdsSnapshot {
  readonly identifier: string;
  readonly arn: string;
  readonly type: string;
  readonly status: string;
  readonly createdAt: Date | null;
  readonly percent: number | null;
  readonly engine: string;
  readonly engineVersion: string;
  readonly tags: SnapshotDescription["tags"];
  /** The resource id and identifier of the instance or cluster. */
  readonly ofId: string | null;
  readonly of: string;
}

type Asked<F> = F | Record<never, never>;

const common = (snapshot: DBSnapshot | DBClusterSnapshot) => ({
  type: snapshot.SnapshotType?.toLowerCase() ?? "",
  status: snapshot.Status?.toLowerCase().slice(0, 64) ?? "unknown",
  createdAt: snapshot.SnapshotCreateTime ?? null,
  percent: snapshot.PercentProgress ?? null,
  engine: snapshot.Engine ?? "",
  engineVersion: snapshot.EngineVersion ?? "",
  tags: rdsTags(snapshot.TagList),
});

const ofInstance = (snapshot: DBSnapshot): RdsSnapshot => ({
  ...common(snapshot),
  identifier: snapshot.DBSnapshotIdentifier ?? "",
  arn: snapshot.DBSnapshotArn ?? "",
  ofId: snapshot.DbiResourceId ?? null,
  of: snapshot.DBInstanceIdentifier ?? "",
});

const ofCluster = (snapshot: DBClusterSnapshot): RdsSnapshot => ({
  ...common(snapshot),
  identifier: snapshot.DBClusterSnapshotIdentifier ?? "",
  arn: snapshot.DBClusterSnapshotArn ?? "",
  ofId: snapshot.DbClusterResourceId ?? null,
  of: snapshot.DBClusterIdentifier ?? "",
});

export const listInstanceSnapshots = async (
  scope: AwsScope,
  asked: Asked<{ DBSnapshotIdentifier: string } | { DbiResourceId: string } | { DBInstanceIdentifier: string }> = {},
  listing?: ScopeListing,
): Promise<RdsSnapshot[]> => {
  const snapshots = await listPages(
    scope,
    (client, page, options) => client.send(new DescribeDBSnapshotsCommand({ ...page, ...asked }), options),
    ({ DBSnapshots: items }) => items,
    listing,
  );
  return snapshots.map(ofInstance);
};

export const listClusterSnapshots = async (
  scope: AwsScope,
  asked: Asked<{ DBClusterSnapshotIdentifier: string } | { DBClusterIdentifier: string }> = {},
  listing?: ScopeListing,
): Promise<RdsSnapshot[]> => {
  const snapshots = await listPages(
    scope,
    (client, page, options) => client.send(new DescribeDBClusterSnapshotsCommand({ ...page, ...asked }), options),
    ({ DBClusterSnapshots: items }) => items,
    listing,
  );
  return snapshots.map(ofCluster);
};

/** @returns the snapshot that has this name now, whatever its case, or null @throws UNAVAILABLE */
export async function findRdsSnapshot(
  scope: AwsScope,
  name: string,
  isOfCluster: boolean,
): Promise<RdsSnapshot | null> {
  const listing = isOfCluster
    ? listClusterSnapshots(scope, { DBClusterSnapshotIdentifier: name })
    : listInstanceSnapshots(scope, { DBSnapshotIdentifier: name });
  const snapshots = await listing.catch((error) => {
    if (/^DB(Cluster)?SnapshotNotFound/.test(awsCodeBehind(error) ?? "")) return [];
    throw error;
  });
  return snapshots.find(({ identifier }) => identifier.toLowerCase() === name.toLowerCase()) ?? null;
}

/** @returns null where AWS has not said when it was taken: then it is only being made, or it was never taken */
export function describeRdsSnapshot(snapshot: RdsSnapshot): SnapshotDescription | null {
  const { identifier, arn, status, createdAt, tags, type } = snapshot;
  if (createdAt === null || identifier === "" || arn === "") return null;
  const at = createdAt.toISOString();
  return {
    // The ARN is that of the name; what is made later under the same name has another time.
    uid: at,
    identifier: identifier.slice(0, 255),
    arn,
    status,
    sizeBytes: null,
    createdAt: at,
    tags,
    automated: type === "automated" || identifier.startsWith("rds:"),
  };
}
