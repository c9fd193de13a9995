/** Restores a snapshot as a new instance, whole or not at all. */
import { z } from "zod";
import { badUserInput, failedPrecondition } from "../../errors.js";
import { INSTANCE_IDENTIFIER } from "../identifiers.js";
import { tagList } from "../tags.js";
import { declareOperation } from "./declaration.js";
import { namedSnapshotId, namedSnapshotKey, namedSnapshotParameters, requireNamedSnapshot } from "./named-snapshot.js";
import { snapshotTagLimit } from "./snapshot-identifier.js";

const fields = {
  snapshotId: namedSnapshotId,
  identifier: z
    .string()
    .describe(
      "The identifier of the new instance: 1 to 63 letters, digits and hyphens. The instance gets the tags of its source and of the snapshot. An identifier that would make it less protected than these is refused.",
    ),
};

const UNTOUCHED = "A new instance is made, and its source is not touched.";

export const restoreSnapshot = declareOperation(fields, {
  type: "RESTORE_SNAPSHOT",
  description: "Makes a new instance of a snapshot.",
  mutation: {
    name: "restoreSnapshot",
    description:
      "Restores a snapshot of a non-production instance, even of one that has vanished, as a new instance. The source stays as it is. A snapshot is as protected as its source was when it was seen first, or is now: the stricter counts.",
    what: "The snapshot, and the new instance.",
    input: { name: "RestoreSnapshotInput", description: "A snapshot to restore as a new instance." },
  },
  lane: "snapshots",
  minutesByHand: 30,
  insteadOfCancelling: { local: null, "aws-rds": "Wait for its end, and delete the new instance at its provider." },
  statuses: null,
  watchedSeconds: { local: 24 * 3600, "aws-rds": 3600 },
  parameters: z.object({
    ...namedSnapshotParameters,
    /** The identifier of the new instance. */
    identifier: z.string(),
    tags: tagList,
    /** The provider chooses what is null. */
    backupWindow: z.string().nullable(),
    maintenanceWindow: z.string().nullable(),
    backupRetentionDays: z.number().nullable(),
  }),
  concernsCluster: () => false,
  check({ identifier }) {
    if (INSTANCE_IDENTIFIER.test(identifier)) return;
    throw badUserInput(
      "identifier",
      "Give 1 to 63 letters, digits and hyphens: a letter first, no hyphen last, no two hyphens in a row.",
    );
  },
  async prepare(
    context,
    { provider, backupWindow, maintenanceWindow, backupRetentionDays },
    { snapshotId, identifier },
  ) {
    const snapshot = await requireNamedSnapshot(context, snapshotId);
    if (snapshot.status !== "available") {
      throw failedPrecondition(snapshot.status, `This snapshot is ${snapshot.status}. Choose one that is available.`);
    }
    await context.claimInstanceIdentifier(identifier);
    const tags = await context.requireCopyTags(identifier, snapshot);
    if (tags.length > snapshotTagLimit(provider)) {
      const message = `The new instance would have ${tags.length} tags, and ${snapshotTagLimit(provider)} are allowed beside the operation's.`;
      throw failedPrecondition("too many tags", message);
    }
    return {
      ...namedSnapshotKey(snapshot),
      identifier,
      tags,
      backupWindow,
      maintenanceWindow,
      backupRetentionDays,
    };
  },
  plan: {
    local: () => ({
      outage: "NONE",
      reason: UNTOUCHED,
      calls: ["local:copy-files", "local:start-primary"],
    }),
    "aws-rds": ({ engine }) => ({
      outage: "NONE",
      reason: UNTOUCHED,
      // Aurora's cluster is made first, and the instance that it needs afterwards.
      calls: engine.startsWith("aurora")
        ? ["rds:RestoreDBClusterFromSnapshot", "rds:CreateDBInstance"]
        : ["rds:RestoreDBInstanceFromDBSnapshot"],
    }),
  },
  guidance: {
    DBInstanceAlreadyExists: "Choose another identifier for the new instance, and request it again.",
    InstanceQuotaExceeded:
      "Delete instances that are not needed any more, or have the quota raised, and request it again.",
    InsufficientDBInstanceCapacity: "AWS has no capacity of this class there now. Request it again later.",
    LessProtected:
      "The new instance would be less protected than its source, which has changed meanwhile. Choose another identifier, and request it again.",
  },
});
