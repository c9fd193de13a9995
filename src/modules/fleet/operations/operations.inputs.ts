/** The inputs that request and cancel operations. */
import { z } from "zod";
import { idempotencyKeyInput } from "../../../engine/types/row-inputs.js";
import { checkedText } from "../../../values/checked.js";
import { inputObject, showAs } from "../../../values/inputs.js";
import { TagInput } from "../inventory/index.js";

const WAIT = "Wait 0 to 300 seconds.";

/** The fields that all requests share. */
const request = {
  instanceId: showAs({ scalar: "ID" }, checkedText(255)).describe(
    "The instance: its id, or its identifier where that is unique in the fleet.",
  ),
  waitSeconds: z
    .number()
    .int()
    .min(0, WAIT)
    .max(300, WAIT)
    .nullish()
    .describe(
      "How many seconds to wait for the end before answering, 0 to 300; 0 unless given. The answer comes earlier if the operation has ended and the instance was refreshed.",
    ),
  idempotencyKey: idempotencyKeyInput,
};

const snapshotId = checkedText(255).describe(
  "The identifier of a snapshot of the instance, whatever its case. Give a vanished instance by its id.",
);

export const CreateSnapshotInput = inputObject("CreateSnapshotInput", "A snapshot to take.", {
  ...request,
  snapshotId: z.string().nullish().describe("The identifier, unique whatever its case; generated unless given."),
  tags: z.array(TagInput).nullish().describe("The labels of the snapshot, at most 50."),
});

export const DeleteSnapshotInput = inputObject("DeleteSnapshotInput", "A snapshot to delete.", {
  ...request,
  snapshotId,
});

export const RestoreSnapshotInput = inputObject("RestoreSnapshotInput", "A snapshot to restore as a new instance.", {
  ...request,
  snapshotId,
  identifier: z
    .string()
    .describe(
      "The identifier of the new instance: 1 to 63 letters, digits and hyphens. The instance gets the tags of its source and of the snapshot. An identifier that would make it less protected than these is refused.",
    ),
});

export const RebootInstanceInput = inputObject("RebootInstanceInput", "A reboot.", {
  ...request,
  forceFailover: z.boolean().nullish().describe("Whether to fail over to the standby, which the instance must have."),
  acceptSlotLoss: z
    .boolean()
    .nullish()
    .describe(
      "Whether a failover may lose replication slots that the standby does not have. Otherwise it is refused, and the error names them.",
    ),
});

export const ModifyBackupWindowInput = inputObject("ModifyBackupWindowInput", "A new backup window.", {
  ...request,
  backupWindow: z
    .string({ error: "Give the window as hh:mm-hh:mm in UTC, such as 03:00-03:30." })
    .describe(
      "`hh:mm-hh:mm`, UTC, at least 30 minutes. It may wrap midnight, and must not overlap the maintenance window.",
    ),
  applyImmediately: z.boolean().nullish().describe("Whether to change it at once, and not in the maintenance window."),
});

export const CancelOperationInput = inputObject("CancelOperationInput", "The operation to cancel.", {
  operationId: showAs({ scalar: "ID" }, z.string()).describe("The id of an operation that has not begun."),
});

const REQUESTS = {
  createSnapshot: CreateSnapshotInput,
  deleteSnapshot: DeleteSnapshotInput,
  restoreSnapshot: RestoreSnapshotInput,
  rebootInstance: RebootInstanceInput,
  modifyBackupWindow: ModifyBackupWindowInput,
};

/** The checked input of a mutation that requests an operation. */
export type RequestInput<M extends keyof typeof REQUESTS> = z.output<(typeof REQUESTS)[M]>;
