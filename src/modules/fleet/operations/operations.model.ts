/** The type Operation, with its status, progress and error, as clients read it. */

import type { EmbeddedType, TypeDeclaration } from "../../../engine/declaration.js";
import { declareType, embedded, field, one } from "../../../engine/declare.js";
import type { LiveType } from "../../../engine/types/live-fields.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { checkedJsonObject } from "../../../values/checked.js";
import { actorField, actorJsonField, optionalActorField } from "../../identity/users/index.js";
import { Environment, EnvironmentProposal, Instance, OperationType, Snapshot } from "../inventory/index.js";
import { BulkOperation } from "./bulk-operations.model.js";
import { AcceptedPlan } from "./operation-plan.model.js";
import { operationStatus, operations, operationsOfCluster } from "./operations.table.js";

export const OperationStatus = enumTypeOf(
  "OperationStatus",
  operationStatus.enumValues,
  "The status of an operation.",
  {
    PENDING_APPROVAL: "It waits for an approval. No operation needs one yet.",
    SCHEDULED: "It was accepted, and waits for its time, `runAt`.",
    QUEUED: "The operation was accepted, and waits for its turn on the instance.",
    RUNNING: "The provider works on it.",
    SUCCEEDED: "It has done what was asked.",
    FAILED: "It has not done what was asked; `error` says why.",
    TIMED_OUT: "Postern has stopped watching. The work may still end in the background, and is recorded then.",
    CANCELLED:
      "Somebody cancelled it, and nothing of it is left; or whoever requested it might not do so any more when it was to begin: `error` says so then.",
    REJECTED: "Its approval was denied. No operation needs one yet.",
    EXPIRED: "It had not begun when its time, `runAt`, was too long past, and is not run late; `error` says so.",
  },
);

export const OperationProgress: EmbeddedType = {
  name: "OperationProgress",
  description: "What one poll of the provider has shown.",
  list: true,
  fields: {
    at: { kind: "dateTime", nullable: false, description: "When the provider was asked." },
    resourceStatus: {
      kind: "string",
      nullable: false,
      description: "The status in the provider's words, such as `creating`.",
    },
    message: { kind: "string", nullable: false, description: "A sentence for people." },
    percent: { kind: "int", nullable: true, description: "The progress, 0 to 100; null where it is not known." },
  },
};

export const OperationError: EmbeddedType = {
  name: "OperationError",
  description: "Why an operation has not done what was asked.",
  list: false,
  fields: {
    code: { kind: "string", nullable: false, description: "The provider's code, or Postern's." },
    message: { kind: "string", nullable: false, description: "What happened." },
    guidance: { kind: "string", nullable: false, description: "What to check, and what to do." },
  },
};

export const Operation = declareType({
  name: "Operation",
  plural: "operations",
  description:
    "A requested change to an instance. It is queued, runs in the background, and is recorded in the audit log.",
  table: operations,
  read: ["operations:read"],
  scope: { kind: "staff" },
  newestBy: "requestedAt",
  fields: {
    id: field(operations.id, "Decimal text of the key."),
    type: field(operations.type, "The type of the operation.", { enumeration: OperationType }),
    environment: field(
      operations.environment,
      "What the instance counted as when the operation was accepted; null where a release before has accepted it.",
      { enumeration: Environment },
    ),
    clusterArn: field(
      operations.clusterArn,
      "The ARN of the cluster that it concerns as a whole, with all members; null where it concerns its instance alone.",
    ),
    parameters: field(operations.parameters, "The parameters of the operation.", { contained: checkedJsonObject }),
    plan: embedded(
      operations.plan,
      "What counted when it was accepted. Where any of this but the sentences has changed before the provider is asked, it ends FAILED with the code PlanChanged. Null where Postern itself requested it.",
      AcceptedPlan,
    ),
    status: field(operations.status, "The status of the operation.", { enumeration: OperationStatus }),
    success: field(operations.success, "Whether it succeeded; null until it has ended."),
    resourceStatus: field(operations.resourceStatus, "The last status in the provider's words, such as `creating`."),
    progress: embedded(operations.progress, "One entry for each poll.", OperationProgress),
    result: field(operations.result, "The result of the operation.", { contained: checkedJsonObject }),
    error: embedded(
      operations.error,
      "Why it failed, timed out, expired, or was cancelled by Postern; else null.",
      OperationError,
    ),
    requestedBy: actorJsonField(
      operations.requestedBy,
      "Who requested it: type, id, email and role as they were then.",
    ),
    requestedByInfo: actorField(operations.requestedBy, "Who requested it, as `requestedBy` says it."),
    requestedAt: field(operations.requestedAt, "When the operation was accepted."),
    runAt: field(operations.runAt, "When it is to begin; null where it was to begin at once."),
    startedAt: field(operations.startedAt, "When the operation began."),
    cancelRequestedAt: field(
      operations.cancelRequestedAt,
      "When somebody cancelled it; null where nobody has. It may have ended otherwise before.",
    ),
    cancelRequestedBy: optionalActorField(
      operations.cancelRequestedBy,
      "Who cancelled it first; null where nobody has.",
    ),
    endedAt: field(operations.endedAt, "When the operation ended."),
    durationSeconds: field(operations.durationSeconds, "The time from its start to its end, in seconds."),
    settledAt: field(operations.settledAt, "When the work ended after the operation had timed out."),
    settlement: field(operations.settlement, "How the work ended after the operation had timed out.", {
      contained: checkedJsonObject,
    }),
  },
  relations: {
    instance: one(() => Instance, operations.instanceId, "The instance that it changes.", {
      name: "operations",
      description:
        "The operations that were requested on the instance, and those that concern its cluster as a whole, whichever member they were requested on.",
      nullable: true,
      shared: operationsOfCluster,
    }),
    proposal: one(
      () => EnvironmentProposal,
      operations.proposalId,
      "What two administrators have agreed on before it was accepted; null where it needed no agreement.",
      { name: "operations", description: "The operation that sets the tags, once it is confirmed." },
    ),
    snapshot: one(() => Snapshot, operations.snapshotId, "The snapshot that it has made."),
    bulkOperation: one(
      () => BulkOperation,
      operations.bulkOperationId,
      "The bulk operation that it is a part of; null where it was requested alone.",
    ),
    retryOf: one(
      (): TypeDeclaration => Operation,
      operations.retryOf,
      "The operation that it repeats; null where it repeats none.",
    ),
  },
});

/** How operations are followed. @param underWay lists those that will change by themselves */
export const liveOperation = (underWay: () => Promise<readonly string[]>): LiveType => ({
  type: Operation,
  one: {
    name: "operationUpdated",
    description: "The Operation with this id as it is now, and again whenever it has changed in what you ask for.",
  },
  many: {
    name: "operationsUpdated",
    description:
      "Operations that the filter matches: those that have not come to their end yet, the newest 1000, and then each whenever it has changed in what you ask for.",
  },
  underWay,
});
