/** Takes snapshots of instances, and of clusters where the instance is a member. Their name and a tag tell whose they are. */
import { CreateDBClusterSnapshotCommand, CreateDBSnapshotCommand } from "@aws-sdk/client-rds";
import { MAX_SNAPSHOT_IDENTIFIER, SNAPSHOT_IDENTIFIER } from "../../values/identifiers.js";
import { OperationFailureError } from "../errors.js";
import type { Poll } from "../provider.js";
import { listNewerEvents, type RdsEventSource, type SeenEvents, seeEvents } from "./events.js";
import { endWithoutSign, failed, type PollFacts, type RdsOperation, type RequestOf, running } from "./operation.js";
import { isMadeByOperation, tagsWithOperation } from "./operation-tag.js";
import { awsCodeOf } from "./refusals.js";
import type { AwsScope } from "./scopes.js";
import { describeRdsSnapshot, findRdsSnapshot } from "./snapshots.js";

/** A snapshot that is much older than the question is of another operation with this number, of another Postern. */
const OLDEST_MS = 60 * 60_000;
const MAX_OF_CLUSTER = 63;
const IDENTIFIER_FORM =
  "A snapshot identifier has 1 to 255 letters, digits and hyphens, of a cluster's at most 63, begins with a letter, and has no hyphen at " +
  "its end and no two in a row.";
const FAILED = /^(failed|incompatible-.*)$/;
const GONE = /^delet(ing|ed)$/;
const DELETED = /delet/i;

interface SnapshotSight {
  readonly identifier: string;
  readonly cluster: string | null;
  /** Those of an earlier snapshot of the same name. */
  readonly events: SeenEvents;
}

const sightOf = ({ intent }: PollFacts) => intent.saw as unknown as SnapshotSight;

const eventsOf = (snapshotId: string, isOfCluster: boolean): RdsEventSource => ({
  type: isOfCluster ? "db-cluster-snapshot" : "db-snapshot",
  identifier: snapshotId.toLowerCase(),
});

const isName = (snapshotId: string, isOfCluster: boolean) =>
  SNAPSHOT_IDENTIFIER.test(snapshotId) && snapshotId.length <= (isOfCluster ? MAX_OF_CLUSTER : MAX_SNAPSHOT_IDENTIFIER);

/** Where there is no such snapshot, it may be asked for again, as a name is given only once; unless it was there, and was deleted. */
async function pollAbsent(scope: AwsScope, { snapshotId }: RequestOf<"CREATE_SNAPSHOT">, facts: PollFacts) {
  const { cluster, events: seen } = sightOf(facts);
  const events = await listNewerEvents(scope, eventsOf(snapshotId, cluster !== null), facts.intent, seen, facts.nowMs);
  if (events.some(({ text }) => DELETED.test(text)))
    return failed("DBSnapshotNotFound", "The snapshot was deleted meanwhile.", "deleted");
  const end = endWithoutSign("unknown", facts);
  if (end) return end;
  return facts.asked.isAcknowledged ? running("creating", "AWS has begun it.") : ({ state: "unknown" } as const);
}

export const snapshotCreation: RdsOperation<RequestOf<"CREATE_SNAPSHOT">> = {
  look: async (scope, { snapshotId }, { instance, group }) => {
    const cluster = group?.cluster.DBClusterIdentifier ?? null;
    const isOfCluster = cluster !== null;
    const saw: SnapshotSight = {
      identifier: instance.DBInstanceIdentifier ?? "",
      cluster,
      events: isName(snapshotId, isOfCluster)
        ? await seeEvents(scope, eventsOf(snapshotId, isOfCluster))
        : { lookedAtMs: null, newest: null },
    };
    return { ...saw };
  },

  ask(scope, { snapshotId, tags, operationId }, saw) {
    const { identifier, cluster } = saw as unknown as SnapshotSight;
    const Tags = tagsWithOperation(tags, operationId);
    // Otherwise AWS says of some names that something is missing.
    if (!isName(snapshotId, cluster !== null))
      throw new OperationFailureError("InvalidParameterValue", IDENTIFIER_FORM);
    const ofInstance = { DBInstanceIdentifier: identifier, DBSnapshotIdentifier: snapshotId, Tags };
    const ofCluster = { DBClusterIdentifier: cluster ?? "", DBClusterSnapshotIdentifier: snapshotId, Tags };
    const asked: Promise<unknown> =
      cluster === null
        ? scope.change((client) => client.send(new CreateDBSnapshotCommand(ofInstance)))
        : scope.change((client) => client.send(new CreateDBClusterSnapshotCommand(ofCluster)));
    return asked.catch((error) => {
      // It may be the one of an earlier question, of which nobody has heard: the poll looks whose it is.
      if (/^DB(Cluster)?SnapshotAlreadyExists/.test(awsCodeOf(error) ?? "")) return;
      throw error;
    });
  },

  async poll(scope, request, _found, facts): Promise<Poll> {
    const { snapshotId, operationId } = request;
    const snapshot = await findRdsSnapshot(scope, snapshotId, sightOf(facts).cluster !== null);
    if (!snapshot) return pollAbsent(scope, request, facts);
    if (!isMadeByOperation(snapshot, operationId, Date.parse(facts.intent.askedAt) - OLDEST_MS))
      return failed(
        "DBSnapshotAlreadyExists",
        `Another snapshot ${snapshotId} exists in this account and region, whatever its case.`,
      );
    const { status, percent } = snapshot;
    if (FAILED.test(status)) return failed("InvalidDBSnapshotState", `The snapshot is ${status}.`, status);
    if (GONE.test(status)) return failed("DBSnapshotNotFound", "The snapshot was deleted meanwhile.", status);
    const described = status === "available" ? describeRdsSnapshot(snapshot) : null;
    if (!described) return running(status, "AWS takes the snapshot.", percent);
    const result = { ...described };
    return {
      state: "succeeded",
      resourceStatus: status,
      message: "The snapshot is there.",
      result,
      snapshot: described,
    };
  },
};
