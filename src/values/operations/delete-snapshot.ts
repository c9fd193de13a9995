/** Deletes a snapshot. */
import { z } from "zod";
import { declareOperation } from "./declaration.js";
import {
  NAMED_SNAPSHOT_GUIDANCE,
  namedSnapshotId,
  namedSnapshotKey,
  namedSnapshotParameters,
  requireNamedSnapshot,
} from "./named-snapshot.js";

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
    statuses: null,
    parameters: z.object(namedSnapshotParameters),
    concernsCluster: () => false,
    prepare: async (context, _instance, { snapshotId }) =>
      namedSnapshotKey(await requireNamedSnapshot(context, snapshotId)),
    guidance: NAMED_SNAPSHOT_GUIDANCE,
  },
);
