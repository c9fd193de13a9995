/** The type BulkOperation, with its sums, as clients read it. */
import type { EmbeddedType, TypeDeclaration } from "../../../engine/declaration.js";
import { declareType, embedded, field, one } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { checkedJsonObject } from "../../../values/checked.js";
import { actorField, actorJsonField } from "../../identity/users/index.js";
import { OperationType } from "../inventory/index.js";
import { bulkOperationStatus, bulkOperations } from "./bulk-operations.table.js";
import { summaryOfBulk } from "./bulk-parts.table.js";

const BulkOperationStatus = enumTypeOf(
  "BulkOperationStatus",
  bulkOperationStatus.enumValues,
  "The status of a bulk operation.",
  { RUNNING: "Some of its parts wait or run.", ENDED: "All of its parts have come to an end." },
);

const count = (description: string) => ({ kind: "int", nullable: false, description }) as const;

const BulkOperationSummary: EmbeddedType = {
  name: "BulkOperationSummary",
  description: "How many parts of a bulk operation have each status now.",
  list: false,
  fields: {
    total: count("All parts: the instances that were selected."),
    waiting: count("Those that wait."),
    running: count("Those that run."),
    succeeded: count("Those that have succeeded."),
    failed: count("Those that have failed."),
    timedOut: count("Those that have timed out."),
    cancelled: count("Those whose operation was cancelled before it began."),
    refused: count("Those that their instances did not allow."),
    skipped: count("Those that were left out after a failure or a cancellation."),
  },
};

/** What a part would be, where a request is only a trial. */
export const BulkPreviewPart: EmbeddedType = {
  name: "BulkPreviewPart",
  description: "What would become of an instance in a bulk operation that was only tried.",
  list: true,
  fields: {
    instanceId: { kind: "id", nullable: false, description: "The id of the instance." },
    identifier: { kind: "string", nullable: false, description: "The name of the instance." },
    accepted: { kind: "boolean", nullable: false, description: "Whether an operation would be requested on it now." },
    code: { kind: "string", nullable: true, description: "The code of the error otherwise." },
    reason: { kind: "string", nullable: true, description: "Why not, and what to do." },
  },
};

export const BulkOperation = declareType({
  name: "BulkOperation",
  plural: "bulkOperations",
  description:
    "One operation on each of many instances, which are fixed when it is requested. As many parts run at once as `BULK_PARALLEL` (configuration) allows; bulk operations take turns, and a part waits while its instance has other operations.",
  table: bulkOperations,
  read: ["operations:read"],
  scope: { kind: "staff" },
  newestBy: "requestedAt",
  fields: {
    id: field(bulkOperations.id, "Decimal text of the key."),
    type: field(bulkOperations.type, "The type of its operations.", { enumeration: OperationType }),
    status: field(bulkOperations.status, "Whether parts wait or run.", { enumeration: BulkOperationStatus }),
    filter: field(
      bulkOperations.filter,
      "The InstanceFilter that selected its instances; null where it repeats the failed parts of another.",
      { contained: checkedJsonObject },
    ),
    input: field(bulkOperations.input, "What was asked for each instance.", { contained: checkedJsonObject }),
    stopAtFirstFailure: field(
      bulkOperations.stopAtFirstFailure,
      "Whether parts that have not been requested are skipped once one has failed or timed out.",
    ),
    summary: {
      ...embedded(bulkOperations.input, "How many of its parts have each status.", BulkOperationSummary),
      value: summaryOfBulk,
    },
    requestedBy: actorJsonField(
      bulkOperations.requestedBy,
      "Who requested it: type, id, email and role as they were then.",
    ),
    requestedByInfo: actorField(bulkOperations.requestedBy, "Who requested it, as `requestedBy` says it."),
    requestedAt: field(bulkOperations.requestedAt, "When it was accepted."),
    endedAt: field(bulkOperations.endedAt, "When its last part had come to an end."),
  },
  relations: {
    retryOf: one(
      (): TypeDeclaration => BulkOperation,
      bulkOperations.retryOf,
      "The bulk operation whose failed parts it repeats; null where it repeats none.",
    ),
  },
});
