/** The actions that take, list and delete snapshots. */
import { MAX_SNAPSHOT_IDENTIFIER, SNAPSHOT_IDENTIFIER } from "../../values/identifiers.js";
import { AwsFault, invalidClusterState, invalidInstanceState, invalidValue } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import { describeClusterSnapshot, describeSnapshot } from "./descriptions.js";
import { DURATIONS } from "./durations.js";
import { pageOf } from "./paging.js";
import {
  addRegionEvent,
  clusterInRegion,
  type DbInstance,
  type DbSnapshot,
  identifierInRegion,
  instanceInRegion,
  type RdsAction,
  type Region,
} from "./region.js";
import { readTags } from "./tags.js";
import {
  CLUSTER_SNAPSHOTS,
  INSTANCE_SNAPSHOTS,
  type SnapshotKind,
  takeClusterSnapshot,
  takeSnapshot,
} from "./take-snapshot.js";

/** Manual snapshots of a region, of each kind. */
const QUOTA = 100;
const MAX_CLUSTER_SNAPSHOT_IDENTIFIER = 63;

/** @throws InvalidParameterValue, or that it exists */
function newIdentifier(region: Region, kind: SnapshotKind, parameters: CallParameters): string {
  const { parameter, name } = kind;
  const maxLength = kind === CLUSTER_SNAPSHOTS ? MAX_CLUSTER_SNAPSHOT_IDENTIFIER : MAX_SNAPSHOT_IDENTIFIER;
  const given = parameters.required(parameter);
  if (!SNAPSHOT_IDENTIFIER.test(given) || given.length > maxLength)
    throw invalidValue(
      `The parameter ${parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII ` +
        "letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens." +
        ` At most ${maxLength} characters are allowed.`,
    );
  const identifier = given.toLowerCase();
  if (kind.snapshots(region).has(identifier)) {
    const message = `Cannot create the snapshot because a snapshot with the identifier ${identifier} already exists.`;
    throw new AwsFault(kind === CLUSTER_SNAPSHOTS ? `${name}AlreadyExistsFault` : `${name}AlreadyExists`, message);
  }
  return identifier;
}

function requireQuota(snapshots: ReadonlyMap<string, DbSnapshot>): void {
  if ([...snapshots.values()].filter(({ type }) => type === "manual").length >= QUOTA)
    throw new AwsFault("SnapshotQuotaExceeded", `Cannot create more than ${QUOTA} manual snapshots`);
}

/** Takes a manual snapshot of the instance as the parameters name it. */
export function createSnapshotOf(region: Region, instance: DbInstance, parameters: CallParameters): DbSnapshot {
  const identifier = newIdentifier(region, INSTANCE_SNAPSHOTS, parameters);
  const tags = readTags(parameters);
  if (instance.cluster !== null)
    throw invalidInstanceState(
      "The specified instance is a member of a cluster and a snapshot cannot be created directly. Please use the CreateDBClusterSnapshot API instead.",
    );
  if (instance.status !== "available" && instance.status !== "storage-optimization")
    throw invalidInstanceState(
      `Cannot create a snapshot because the database instance ${instance.identifier} is not currently in the available state.`,
    );
  requireQuota(region.snapshots);
  return takeSnapshot(region, instance, { identifier, type: "manual", tags, takesMs: DURATIONS.snapshot });
}

const createDBSnapshot: RdsAction = (region, parameters) => {
  parameters.required("DBSnapshotIdentifier");
  const instance = instanceInRegion(region, parameters.required("DBInstanceIdentifier"));
  return { DBSnapshot: describeSnapshot(region, createSnapshotOf(region, instance, parameters)) };
};

const createDBClusterSnapshot: RdsAction = (region, parameters) => {
  parameters.required("DBClusterSnapshotIdentifier");
  const cluster = clusterInRegion(region, parameters.required("DBClusterIdentifier"));
  const identifier = newIdentifier(region, CLUSTER_SNAPSHOTS, parameters);
  const tags = readTags(parameters);
  if (cluster.status !== "available")
    throw invalidClusterState(
      `Cannot create a snapshot because the database cluster ${cluster.identifier} is not currently in the available state.`,
    );
  requireQuota(region.clusterSnapshots);
  const takesMs = DURATIONS.clusterSnapshot;
  const snapshot = takeClusterSnapshot(region, cluster, { identifier, type: "manual", tags, takesMs });
  return { DBClusterSnapshot: describeClusterSnapshot(region, snapshot) };
};

const TYPES = ["automated", "manual", "shared", "public", "awsbackup"];

/** @param owner the names of the parameters that name the instance or cluster */
const describeSnapshots =
  (
    kind: SnapshotKind,
    owner: { readonly source: "db-instance" | "db-cluster"; readonly parameter: string; readonly id: string },
  ): RdsAction =>
  (region, parameters) => {
    const type = parameters.text("SnapshotType");
    if (type !== undefined && !TYPES.includes(type))
      throw invalidValue(`Invalid snapshot type: ${type}. Must be one of ${TYPES.join(", ")}.`);
    const named = parameters.text(kind.parameter);
    const identifier = named === undefined ? undefined : identifierInRegion(region, kind.source, named);
    if (identifier !== undefined && !kind.snapshots(region).has(identifier)) throw kind.notFound(named!);
    const given = parameters.text(owner.parameter);
    const source = given === undefined ? undefined : identifierInRegion(region, owner.source, given);
    const resourceId = parameters.text(owner.id);
    const isAsked = (snapshot: DbSnapshot) =>
      // Without a type, an identifier finds any; a list has those of the owner.
      (type === undefined
        ? identifier !== undefined || snapshot.type === "manual" || snapshot.type === "automated"
        : snapshot.type === type) &&
      (identifier === undefined || snapshot.identifier === identifier) &&
      (source === undefined || snapshot.source === source) &&
      (resourceId === undefined || snapshot.sourceResourceId === resourceId);
    const short = owner.source === "db-instance" ? "db-snapshot-id" : "db-cluster-snapshot-id";
    return pageOf(region, parameters, [...kind.snapshots(region).values()].filter(isAsked), {
      list: `${kind.name}s`,
      member: kind.name,
      key: (snapshot) => snapshot.identifier,
      filters: {
        [`${owner.source}-id`]: (snapshot) => snapshot.source,
        [short]: (snapshot) => snapshot.identifier,
        "dbi-resource-id": (snapshot) => snapshot.sourceResourceId,
        "snapshot-type": (snapshot) => snapshot.type,
        engine: (snapshot) => snapshot.engine,
      },
      describe: kind.describe,
    });
  };

const deleteSnapshot =
  (kind: SnapshotKind): RdsAction =>
  (region, parameters) => {
    const given = parameters.required(kind.parameter);
    const snapshot = kind.snapshots(region).get(given.toLowerCase());
    if (!snapshot) throw kind.notFound(given);
    if (snapshot.type !== "manual")
      throw new AwsFault(kind.invalidState, `Only manual snapshots may be deleted, and ${given} is ${snapshot.type}.`);
    if (snapshot.status !== "available" && snapshot.status !== "failed")
      throw new AwsFault(
        kind.invalidState,
        `Cannot delete the snapshot ${given} because it is in the ${snapshot.status} state.`,
      );
    snapshot.status = "deleting";
    region.timeline.after(DURATIONS.snapshotDeletion, () => {
      const snapshots = kind.snapshots(region);
      if (snapshots.get(snapshot.identifier) !== snapshot) return;
      snapshots.delete(snapshot.identifier);
      addRegionEvent(region, kind.source, snapshot.identifier, "deletion", `Deleted manual ${kind.events.subject}`);
    });
    // The answer tells the end of it, as AWS's does.
    return { [kind.name]: { ...kind.describe(region, snapshot), Status: "deleted" } };
  };

export const SNAPSHOT_ACTIONS: Readonly<Record<string, RdsAction>> = {
  CreateDBSnapshot: createDBSnapshot,
  CreateDBClusterSnapshot: createDBClusterSnapshot,
  DescribeDBSnapshots: describeSnapshots(INSTANCE_SNAPSHOTS, {
    source: "db-instance",
    parameter: "DBInstanceIdentifier",
    id: "DbiResourceId",
  }),
  DescribeDBClusterSnapshots: describeSnapshots(CLUSTER_SNAPSHOTS, {
    source: "db-cluster",
    parameter: "DBClusterIdentifier",
    id: "DbClusterResourceId",
  }),
  DeleteDBSnapshot: deleteSnapshot(INSTANCE_SNAPSHOTS),
  DeleteDBClusterSnapshot: deleteSnapshot(CLUSTER_SNAPSHOTS),
};
