/** The mutations that request and cancel operations. */
import { can, type MutationRule, operable } from "../../../auth/rules.js";
import { type Mutation, mutation, type Payload } from "../../../engine/mutation.js";
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

/** A change to an instance: its environment decides too, before the service does again. */
const operation: MutationRule = { rule: operable, action: "operation.requested", failure: "operation.refused" };

const OperationPayload: Payload = {
  name: "OperationPayload",
  description: "The operation.",
  fields: {
    operation: { row: Operation, description: "As it is now; poll `operation(id)` for how it goes on." },
  },
};

export const operationMutations = (operations: OperationsService): Record<string, Mutation> => ({
  createSnapshot: mutation({
    ...operation,
    description: "Takes a snapshot of a non-production instance.",
    input: { schema: CreateSnapshotInput, what: "What to copy, and how to name it." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.createSnapshot(call, input) } }),
  }),

  deleteSnapshot: mutation({
    ...operation,
    description: "Deletes a snapshot of a non-production instance, also of one that has vanished.",
    input: { schema: DeleteSnapshotInput, what: "Which snapshot." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.deleteSnapshot(call, input) } }),
  }),

  restoreSnapshot: mutation({
    ...operation,
    description:
      "Makes another instance of a snapshot of a non-production instance, also of one that has vanished. The source stays as it is.",
    input: { schema: RestoreSnapshotInput, what: "Which snapshot, and what it becomes." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.restoreSnapshot(call, input) } }),
  }),

  rebootInstance: mutation({
    ...operation,
    description: "Reboots a non-production instance, or fails over to its standby.",
    input: { schema: RebootInstanceInput, what: "What to reboot." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.rebootInstance(call, input) } }),
  }),

  modifyBackupWindow: mutation({
    ...operation,
    description: "Moves the backup window of a non-production instance.",
    input: { schema: ModifyBackupWindowInput, what: "Whose window, and which." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.modifyBackupWindow(call, input) } }),
  }),

  cancelOperation: mutation({
    rule: can("operations:run"),
    action: "operation.cancel",
    description: "Cancels an operation that has not begun.",
    input: { schema: CancelOperationInput, what: "Which operation." },
    payload: OperationPayload,
    run: async (call, input) => ({ operation: { id: await operations.cancel(call, input) } }),
  }),
});
