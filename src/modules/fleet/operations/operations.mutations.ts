/** The mutations that request and cancel operations. */
import { can, type MutationRule, operable } from "../../../auth/rules.js";
import { type Mutation, type MutationPayload, mutation } from "../../../engine/mutation.js";
import {
  CancelOperationInput,
  CreateSnapshotInput,
  DeleteSnapshotInput,
  ModifyBackupWindowInput,
  RebootInstanceInput,
  RestoreSnapshotInput,
} from "./operations.inputs.js";
import { Operation } from "./operations.model.js";
import type { OperationsService } from "./operations.service.js";

/** The door checks the environment of the instance, and the service checks it again under a lock. */
const operation: MutationRule = { rule: operable, action: "operation.requested", failure: "operation.refused" };

const OperationPayload: MutationPayload = {
  name: "OperationPayload",
  description: "The operation.",
  fields: {
    operation: { row: Operation, description: "The operation as it is now. Poll `operation(id)` to follow it." },
  },
};

export const operationMutations = (operations: OperationsService): Record<string, Mutation> => ({
  createSnapshot: mutation({
    ...operation,
    description: "Takes a snapshot of a non-production instance.",
    input: { schema: CreateSnapshotInput, what: "The instance to copy, and the name of the snapshot." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.createSnapshot(call, input) } }),
  }),

  deleteSnapshot: mutation({
    ...operation,
    description: "Deletes a snapshot of a non-production instance, even of one that has vanished.",
    input: { schema: DeleteSnapshotInput, what: "The snapshot to delete." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.deleteSnapshot(call, input) } }),
  }),

  restoreSnapshot: mutation({
    ...operation,
    description:
      "Restores a snapshot of a non-production instance, even of one that has vanished, as a new instance. The source stays as it is.",
    input: { schema: RestoreSnapshotInput, what: "The snapshot, and the new instance." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.restoreSnapshot(call, input) } }),
  }),

  rebootInstance: mutation({
    ...operation,
    description: "Reboots a non-production instance, or fails over to its standby.",
    input: { schema: RebootInstanceInput, what: "The instance to reboot." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.rebootInstance(call, input) } }),
  }),

  modifyBackupWindow: mutation({
    ...operation,
    description: "Moves the backup window of a non-production instance.",
    input: { schema: ModifyBackupWindowInput, what: "The instance and its new window." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.modifyBackupWindow(call, input) } }),
  }),

  cancelOperation: mutation({
    rule: can("operations:run"),
    action: "operation.cancel",
    description: "Cancels an operation that has not begun.",
    input: { schema: CancelOperationInput, what: "The operation to cancel." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.cancel(call, input) } }),
  }),
});
