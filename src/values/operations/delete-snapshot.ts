/** Deletes a snapshot. */
import { z } from "zod";
import { failedPrecondition } from "../../errors.js";
import { declareOperation } from "./declaration.js";
import { namedSnapshotId, namedSnapshotKey, namedSnapshotParameters, requireNamedSnapshot } from "./named-snapshot.js";

const UNTOUCHED = "The instance itself is not touched.";

export const deleteSnapshot = declareOperation(
  { snapshotId: namedSnapshotId },
  {
    type: "DELETE_SNAPSHOT",
    description: "Deletes a snapshot of the instance.",
    mutation: {
      name: "deleteSnapshot",
      description:
        "Deletes a snapshot of a non-production instance, even of one that has vanished. A snapshot is as protected as its instance was when it was seen first, or is now: the stricter counts.",
      what: "The snapshot to delete.",
      input: { name: "DeleteSnapshotInput", description: "A snapshot to delete." },
    },
    lane: "snapshots",
    minutesByHand: 5,
    insteadOfCancelling: {
      local: "A snapshot that is being deleted cannot be kept.",
      "aws-rds": "A snapshot that is being deleted cannot be kept.",
    },
    statuses: null,
    parameters: z.object(namedSnapshotParameters),
    concernsCluster: () => false,
    async prepare(context, { provider }, { snapshotId }) {
      const snapshot = await requireNamedSnapshot(context, snapshotId);
      if (provider === "aws-rds" && snapshot.automated) {
        const message =
          "AWS deletes automated snapshots itself, when their retention is over. Delete manual ones only.";
        throw failedPrecondition("automated", message);
      }
      return namedSnapshotKey(snapshot);
    },
    plan: {
      local: () => ({ outage: "NONE", reason: UNTOUCHED, calls: ["local:remove-files"] }),
      "aws-rds": ({ cluster }) => ({
        outage: "NONE",
        reason: UNTOUCHED,
        calls: [cluster ? "rds:DeleteDBClusterSnapshot" : "rds:DeleteDBSnapshot"],
      }),
    },
    guidance: {},
  },
);
