/** Cancels bulk operations: what has not been requested is skipped, and what has not begun is cancelled. */
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { failedPrecondition, notFound } from "../../../errors.js";
import { requireId } from "../../../values/id.js";
import type { BulkDispatch } from "./bulk-dispatch.service.js";
import { lockBulkDispatch } from "./bulk-dispatch.store.js";
import {
  endBulkOperations,
  listQueuedBulkOperations,
  lockBulkOperation,
  skipWaitingBulkParts,
} from "./bulk-operations.store.js";
import type { Completion } from "./completion.service.js";
import type { Waiting } from "./waiting.service.js";

const CANCELLED = { code: "Cancelled", message: "The bulk operation was cancelled before this part was requested." };

export interface BulkCancellationDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly completion: Pick<Completion, "cancel">;
  readonly waiting: Pick<Waiting, "wake">;
  readonly dispatch: Pick<BulkDispatch, "wake">;
  /** Wakes the worker of this process for an instance. */
  readonly wake: (instanceId: bigint) => void;
}

export type BulkCancellation = ReturnType<typeof createBulkCancellation>;

export function createBulkCancellation({ db, audit, completion, waiting, dispatch, wake }: BulkCancellationDeps) {
  return {
    /** Skips what has not been requested, and cancels what has not begun. @throws NOT_FOUND, FAILED_PRECONDITION */
    async cancel(call: Call, input: { readonly bulkOperationId: string }): Promise<string> {
      const id = requireId(input.bulkOperationId, "bulkOperationId");
      const cancelled = await db.transaction(async (db) => {
        // Nothing more is requested meanwhile.
        await lockBulkDispatch(db);
        const bulk = await lockBulkOperation(db, id);
        if (!bulk) throw notFound("bulk operation");
        if (bulk.status === "ENDED") throw failedPrecondition("ENDED", "This bulk operation has ended already.");
        const skipped = await skipWaitingBulkParts(db, bulk.id, CANCELLED);
        const ended = [];
        for (const operation of await listQueuedBulkOperations(db, bulk.id)) {
          const end = await completion.cancel(db, operation, describeActor(call.actor));
          if (end) ended.push(end);
        }
        await endBulkOperations(db);
        await audit.record(db, call, { resourceId: id, result: { skipped, cancelled: ended.length } });
        return ended;
      });
      for (const operation of cancelled) {
        waiting.wake(operation.id);
        wake(operation.instanceId);
      }
      dispatch.wake();
      return id;
    },
  };
}
