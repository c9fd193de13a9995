/** The type BulkOperationPart, as clients read it. */
import { declareType, field, one } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { Instance } from "../inventory/index.js";
import { BulkOperation } from "./bulk-operations.model.js";
import { bulkPartStatus, bulkParts, statusOfBulkPart } from "./bulk-parts.table.js";
import { Operation } from "./operations.model.js";

const BulkPartStatus = enumTypeOf("BulkPartStatus", bulkPartStatus.enumValues, "The status of a part.", {
  WAITING: "It waits for room and until its instance has no other operation, or its operation for its turn.",
  RUNNING: "The provider works on its operation.",
  SUCCEEDED: "Its operation has done what was asked.",
  FAILED: "Its operation has failed, or could not be requested; `code` and `message` say so then.",
  TIMED_OUT: "Postern has stopped watching its operation. The work may still end in the background.",
  CANCELLED: "Its operation was cancelled before it began.",
  REFUSED: "It has no operation, as the instance does not allow it; `code` and `message` say why.",
  SKIPPED: "It has no operation, as the bulk operation was cancelled, or stopped at a failure; `code` says which.",
});

export const BulkOperationPart = declareType({
  name: "BulkOperationPart",
  plural: "bulkOperationParts",
  description: "One instance of a bulk operation.",
  table: bulkParts,
  read: ["operations:read"],
  scope: { kind: "staff" },
  newestBy: "id",
  fields: {
    id: field(bulkParts.id, "Decimal text of the key."),
    status: field(bulkParts.status, "What has become of it: the status of its operation, where it has one.", {
      enumeration: BulkPartStatus,
      value: statusOfBulkPart,
    }),
    code: field(bulkParts.code, "Why it has no operation, as the code of an error; null where it has one, or waits."),
    message: field(bulkParts.message, "Why it has no operation, and what to do; null where it has one, or waits."),
  },
  relations: {
    bulkOperation: one(() => BulkOperation, bulkParts.bulkOperationId, "The bulk operation that it is a part of.", {
      name: "parts",
      description: "Its parts, one for each instance.",
    }),
    instance: one(() => Instance, bulkParts.instanceId, "The instance."),
    operation: one(() => Operation, bulkParts.operationId, "Its operation; null where none was requested."),
  },
});
