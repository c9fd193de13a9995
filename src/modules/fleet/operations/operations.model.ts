/** What a client reads of operations. */

import { type EmbeddedType } from "../../../engine/declaration.js";
import { declareType, embedded, field, one } from "../../../engine/declare.js";
import { enumOf } from "../../../engine/types/object-type.js";
import { Instance, OperationType, Snapshot } from "../inventory/index.js";
import { operationStatus, operations } from "./operations.table.js";

export const OperationStatus = enumOf("OperationStatus", operationStatus.enumValues, "How far an operation has come.", {
  QUEUED: "Accepted; it waits for its turn on the instance.",
  TIMED_OUT: "Postern stopped watching; the work may still end in the background, and that is recorded then.",
});

export const OperationProgress: EmbeddedType = {
  name: "OperationProgress",
  description: "What one poll saw.",
  list: true,
  fields: {
    at: { kind: "dateTime", nullable: false, description: "When." },
    resourceStatus: { kind: "string", nullable: false, description: "The provider's word, such as `creating`." },
    message: { kind: "string", nullable: false, description: "For people." },
    percent: { kind: "int", nullable: true, description: "0 to 100, where known." },
  },
};

export const OperationError: EmbeddedType = {
  name: "OperationError",
  description: "Why an operation failed.",
  list: false,
  fields: {
    code: { kind: "string", nullable: false, description: "The provider's code, or Postern's." },
    message: { kind: "string", nullable: false, description: "What happened." },
    guidance: { kind: "string", nullable: false, description: "What to look at, and what to do." },
  },
};

export const Operation = declareType({
  name: "Operation",
  plural: "operations",
  description: "A requested change to an instance: durable, queued, polled, cancellable, audited.",
  table: operations,
  read: ["operations:read"],
  scope: { kind: "staff" },
  newestBy: "requestedAt",
  fields: {
    id: field(operations.id, "Decimal text of the key."),
    type: field(operations.type, "What was requested.", { enumeration: OperationType }),
    parameters: field(operations.parameters, "With which parameters."),
    status: field(operations.status, "How far it has come.", { enumeration: OperationStatus }),
    success: field(operations.success, "Whether it did what was asked; null until it ended."),
    resourceStatus: field(operations.resourceStatus, "What the provider last said, such as `creating`."),
    progress: embedded(operations.progress, "One entry for each poll.", OperationProgress),
    result: field(operations.result, "What came of it."),
    error: embedded(operations.error, "Why it failed; null unless it did.", OperationError),
    requestedBy: field(operations.requestedBy, "Who asked: type, id, email and role as they were then."),
    requestedAt: field(operations.requestedAt, "When it was accepted."),
    startedAt: field(operations.startedAt, "When it began."),
    endedAt: field(operations.endedAt, "When it ended."),
    durationSeconds: field(operations.durationSeconds, "From its start to its end, in seconds."),
    settledAt: field(operations.settledAt, "After a time-out: when the work ended after all."),
    settlement: field(operations.settlement, "After a time-out: what became of the work."),
  },
  relations: {
    instance: one(() => Instance, operations.instanceId, "What it changes.", {
      name: "operations",
      description: "What was requested of it.",
      nullable: true,
    }),
    snapshot: one(() => Snapshot, operations.snapshotId, "The snapshot that it made."),
  },
});
