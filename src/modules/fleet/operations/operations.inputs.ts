/** What a client sends to request and cancel operations. */
import { z } from "zod";
import { idempotencyKey } from "../../../engine/types/row-inputs.js";
import { text } from "../../../values/checked.js";
import { inputObject, showAs } from "../../../values/inputs.js";

const WAIT = "Wait 0 to 300 seconds.";

/** What every request of an operation says. */
const request = {
  instanceId: showAs({ scalar: "ID" }, text(255)).describe(
    "The instance: its id, or its identifier where that is unique in the fleet.",
  ),
  waitSeconds: z
    .number()
    .int()
    .min(0, WAIT)
    .max(300, WAIT)
    .nullish()
    .describe(
      "Seconds to wait for the end before answering, 0 to 300: the answer comes once the operation has ended and the instance has been looked at. 0 unless given.",
    ),
  idempotencyKey,
};

const snapshotId = text(255).describe(
  "The identifier of a snapshot of the instance, in any case. Where the instance has vanished, name that by its id.",
);

const Tag = inputObject("TagInput", "A label.", {
  key: z.string().describe("1 to 128 characters, not beginning with `aws:` or `rds:`."),
  value: z.string().describe("At most 256 characters."),
});

export const CreateSnapshotInput = inputObject("CreateSnapshotInput", "A snapshot to take.", {
  ...request,
  snapshotId: z.string().nullish().describe("Its identifier; generated unless given. Unique in any case."),
  tags: z.array(Tag).nullish().describe("Its labels, at most 50."),
});

export const DeleteSnapshotInput = inputObject("DeleteSnapshotInput", "A snapshot to delete.", {
  ...request,
  snapshotId,
});

export const RestoreSnapshotInput = inputObject("RestoreSnapshotInput", "A snapshot to make another instance of.", {
  ...request,
  snapshotId,
  identifier: z
    .string()
    .describe(
      "Of the new instance: 1 to 63 letters, digits and hyphens. It takes the tags of its source and of the snapshot, and no identifier that would make it less protected.",
    ),
});

export const RebootInstanceInput = inputObject("RebootInstanceInput", "A reboot.", {
  ...request,
  forceFailover: z.boolean().nullish().describe("Fail over to the standby; only where there is one."),
  acceptSlotLoss: z
    .boolean()
    .nullish()
    .describe(
      "A failover may lose replication slots, which the standby does not have; unless this is true, it is refused and names them.",
    ),
});

export const ModifyBackupWindowInput = inputObject("ModifyBackupWindowInput", "Another backup window.", {
  ...request,
  backupWindow: z
    .string({ error: "Give the window as hh:mm-hh:mm in UTC, such as 03:00-03:30." })
    .describe(
      "`hh:mm-hh:mm`, UTC, at least 30 minutes; it may wrap midnight, and may not overlap the maintenance window.",
    ),
  applyImmediately: z.boolean().nullish().describe("At once; otherwise in the maintenance window."),
});

export const CancelOperationInput = inputObject("CancelOperationInput", "Which operation to cancel.", {
  operationId: showAs({ scalar: "ID" }, z.string()).describe("It must not have begun."),
});

const REQUESTS = {
  createSnapshot: CreateSnapshotInput,
  deleteSnapshot: DeleteSnapshotInput,
  restoreSnapshot: RestoreSnapshotInput,
  rebootInstance: RebootInstanceInput,
  modifyBackupWindow: ModifyBackupWindowInput,
};

/** What a mutation that requests an operation is given, checked. */
export type Requested<M extends keyof typeof REQUESTS> = z.output<(typeof REQUESTS)[M]>;
