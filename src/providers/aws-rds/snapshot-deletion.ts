/** Deletes snapshots of instances and of clusters. A deleted one is known by its absence, so it may be asked for again while it is there. */
import { DeleteDBClusterSnapshotCommand, DeleteDBSnapshotCommand } from "@aws-sdk/client-rds";
import type { Poll } from "../provider.js";
import type { RdsInstance } from "./instances.js";
import { findSeenSnapshot, seeNamedSnapshot, seenSnapshotOf } from "./named-snapshot.js";
import { endWithoutSign, type RdsOperation, type RequestOf, running } from "./operation.js";
import { awsCodeOf } from "./refusals.js";
import type { AwsScope } from "./scopes.js";

const NOT_FOUND = /^DB(Cluster)?SnapshotNotFound/;
const WRONG_STATE = /^InvalidDB(Cluster)?SnapshotState/;
const DELETING = /^delet(ing|ed)$/;
/** So long AWS may show a snapshot as it was, though it has begun. */
const SHOWN_MS = 45_000;

const send = (scope: AwsScope, identifier: string, isOfCluster: boolean): Promise<unknown> =>
  isOfCluster
    ? scope.change((client) =>
        client.send(new DeleteDBClusterSnapshotCommand({ DBClusterSnapshotIdentifier: identifier })),
      )
    : scope.change((client) => client.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: identifier })));

export const snapshotDeletion: RdsOperation<RequestOf<"DELETE_SNAPSHOT">, RdsInstance | null> = {
  look: async (scope, request, found) => ({ snapshot: await seeNamedSnapshot(scope, request, found) }),

  async ask(scope, _request, saw) {
    const seen = seenSnapshotOf(saw)!;
    // AWS deletes by name, and the name may be another one's by now.
    if (!(await findSeenSnapshot(scope, seen))) return;
    await send(scope, seen.identifier, seen.isOfCluster).catch(async (error) => {
      const code = awsCodeOf(error) ?? "";
      if (NOT_FOUND.test(code)) return;
      // An earlier question, of which nobody has heard, may have begun it.
      const now = WRONG_STATE.test(code) ? await findSeenSnapshot(scope, seen).catch(() => null) : null;
      if (now && DELETING.test(now.status)) return;
      throw error;
    });
  },

  async poll(scope, { snapshotId }, _found, facts): Promise<Poll> {
    const snapshot = await findSeenSnapshot(scope, seenSnapshotOf(facts.intent.saw)!);
    if (!snapshot || snapshot.status === "deleted") {
      const message = `The snapshot ${snapshotId} is deleted.`;
      return { state: "succeeded", resourceStatus: "deleted", message, result: { snapshotId } };
    }
    const { status } = snapshot;
    if (DELETING.test(status)) return running(status, "AWS deletes the snapshot.");
    const end = endWithoutSign(status, facts);
    if (end) return end;
    const isShown = facts.nowMs - Date.parse(facts.intent.askedAt) > SHOWN_MS;
    if (!facts.asked.isAcknowledged && isShown) return { state: "unknown" };
    return running(status, "AWS does not show it yet.");
  },
};
