/** Ends operations: one transaction writes the last status, its audit record and the snapshot that was made. */
import { sql } from "drizzle-orm";
import type { AuditService, SecurityService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { Intent, Poll, Provider, ProviderFailure, ProviderSnapshotName } from "../../../providers/provider.js";
import type { OperationStatus } from "../../../values/operations/operation-statuses.js";
import type { InventoryService } from "../inventory/index.js";
import { createEndRefreshes } from "./end-refreshes.service.js";
import { failoverEvent } from "./failover-event.js";
import { guidanceFor } from "./guidance.js";
import { resourceStatusOf } from "./operation-progress.js";
import { requestOf } from "./operation-request.js";
import { CANCEL_REQUESTED, failedRun, missedRunAt, pollAfterCancelling, statusAfterFailure } from "./operation-run.js";
import {
  listUnreconciledOperations,
  reconcileOperation,
  type StoredOperation,
  updateOperation,
} from "./operations.store.js";
import { protectRestored, protectUnseen } from "./snapshot-protection.service.js";
import type { Waiting } from "./waiting.service.js";

type Ended = Extract<Poll, { state: "succeeded" | "failed" }>;

export interface CompletionDeps {
  readonly db: Db;
  readonly log: Log;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly inventory: InventoryService;
  readonly waiting: Pick<Waiting, "whileEnding">;
  /** Is called when an operation has ended that ran, because there is room for others then. */
  readonly onEnded: (operation: StoredOperation) => void;
  /** Is called when the true end of a timed-out operation is known, because others of the instance may begin then. */
  readonly onReconciled: (instanceId: bigint) => void;
}

export type Completion = ReturnType<typeof createCompletion>;

const statusAfter = (poll: Ended): OperationStatus =>
  poll.state === "succeeded" ? "SUCCEEDED" : statusAfterFailure(poll.failure.code);

const DURATION = sql`extract(epoch from clock_timestamp() - started_at)`;

export function createCompletion(deps: CompletionDeps) {
  const { db, log, audit, security, inventory, waiting, onEnded, onReconciled } = deps;
  const refreshes = createEndRefreshes({ db, log, inventory });
  const recordEnd = (db: Db, action: string, operation: StoredOperation, result: Record<string, unknown>) =>
    audit.recordFor(db, {
      actor: operation.requestedBy as Record<string, string>,
      action,
      resourceId: String(operation.id),
      parameters: {
        type: operation.type,
        instanceId: String(operation.instanceId),
        ...(operation.parameters as object),
      },
      result,
      success: result.status === "SUCCEEDED",
      durationSeconds: operation.durationSeconds,
      requestId: operation.requestId,
    });

  /** Records that the instance has become PRODUCTION since the operation was accepted. */
  const recordProtection = (db: Db, { id, instanceId, requestedBy, requestId }: StoredOperation) =>
    security.record(db, {
      eventType: "authz_fail",
      eventStatus: "FAILURE",
      userId: (requestedBy as { id?: string }).id ?? null,
      origin: { ipAddress: null, userAgent: null, requestId: requestId ?? "" },
      metadata: { code: "PRODUCTION_PROTECTED", operationId: String(id), instanceId: String(instanceId) },
    });

  async function recordFailover(db: Db, operation: StoredOperation, end: Record<string, unknown>): Promise<void> {
    const event = failoverEvent(operation, end);
    if (event) await security.record(db, event);
  }

  const errorOf = ({ type }: Pick<StoredOperation, "type">, { code, message }: ProviderFailure) => ({
    code,
    message,
    guidance: guidanceFor(type, code),
  });

  type Changes = (db: Db) => Promise<Record<string, unknown>>;

  const finish = (operation: StoredOperation, worker: string, status: OperationStatus, changes: Changes) =>
    waiting.whileEnding(operation.id, () => writeEnd(operation, worker, status, changes));

  /**
   * Writes the end, unless the operation has passed to another worker. The instance is refreshed before: whoever sees the
   * end sees the instance as it is then, and plans on it.
   */
  async function writeEnd(operation: StoredOperation, worker: string, status: OperationStatus, changes: Changes) {
    await refreshes.beforeEnd(operation);
    const written = await db.transaction(async (db) => {
      const outcome = await changes(db);
      // What a worker has found not to begin has an error that says so; what was cancelled while it ran has none.
      const hasBegun = !(status === "EXPIRED" || (status === "CANCELLED" && outcome.error));
      const last = {
        ...outcome,
        status,
        success: status === "SUCCEEDED",
        endedAt: sql`clock_timestamp()`,
        ...(hasBegun ? { durationSeconds: DURATION } : { startedAt: null }),
        worker: null,
        leaseUntil: null,
      };
      const changed = await updateOperation(db, operation.id, "RUNNING", last, worker);
      if (!changed) return null;
      await recordEnd(db, "operation.ended", changed, { status, result: changed.result, error: changed.error });
      await recordFailover(db, changed, { status, result: changed.result, error: changed.error });
      if ((changed.error as { code?: string } | null)?.code === "PRODUCTION_PROTECTED")
        await recordProtection(db, changed);
      return changed;
    });
    if (!written) return;
    onEnded(written);
    await refreshes.ofRestored(written, written.result);
  }

  /** Ends what has not begun, in the caller's transaction. @returns it, or null where it has begun or ended meanwhile */
  async function endUnbegun(
    db: Db,
    operation: StoredOperation,
    end: { status: "CANCELLED" | "EXPIRED"; error?: ReturnType<typeof errorOf> },
    by: Record<string, unknown> = {},
  ): Promise<StoredOperation | null> {
    const changes = { ...end, ...by, success: false, endedAt: sql`clock_timestamp()` };
    const ended = await updateOperation(db, operation.id, operation.status, changes);
    if (ended) await recordEnd(db, "operation.ended", ended, end);
    return ended;
  }

  async function outcomeOf(db: Db, operation: StoredOperation, poll: Ended): Promise<Record<string, unknown>> {
    const resourceStatus = resourceStatusOf(poll);
    if (poll.state === "failed") {
      const isError = poll.failure.code !== CANCEL_REQUESTED;
      const unseen = await protectUnseen(db, inventory, operation, poll.isNothingMade);
      return { ...unseen, resourceStatus, error: isError ? errorOf(operation, poll.failure) : null };
    }
    if (operation.type === "RESTORE_SNAPSHOT")
      await protectRestored(db, inventory, operation, String(poll.result.providerId));
    if (operation.type === "DELETE_SNAPSHOT")
      await inventory.storeSnapshotDeletion(db, operation.instanceId, operation.parameters as ProviderSnapshotName);
    const snapshotId = poll.snapshot && (await inventory.storeSnapshot(db, operation.instanceId, poll.snapshot));
    return { resourceStatus, result: poll.result, ...(snapshotId && { snapshotId }) };
  }

  async function reconcileOne(provider: Provider, operation: StoredOperation): Promise<void> {
    const instance = await inventory.require(db, String(operation.instanceId));
    const request = requestOf(operation, instance.providerId);
    const isCancelRequested = operation.cancelRequestedAt !== null;
    if (isCancelRequested) await provider.cancel(request);
    const found = await provider.poll(request, operation.intent as Intent | null);
    const isUnasked = found.state === "unknown" && !operation.intent;
    const poll = isCancelRequested
      ? pollAfterCancelling(found)
      : isUnasked
        ? failedRun("NotBegun", "Nobody asked for it.")
        : found;
    if (poll.state !== "succeeded" && poll.state !== "failed") return;
    await refreshes.beforeEnd(operation);
    await db.transaction(async (db) => {
      const { error, ...outcome } = await outcomeOf(db, operation, poll);
      const status = statusAfter(poll);
      const settlement = { status, ...(error ? { error } : {}) };
      const isWritten = await reconcileOperation(db, operation.id, { ...outcome, settlement });
      const result = { ...settlement, result: outcome.result ?? null };
      if (!isWritten) return;
      await recordEnd(db, "operation.settled", operation, result);
      await recordFailover(db, operation, result);
    });
    await refreshes.ofRestored(operation, poll.state === "succeeded" ? poll.result : null);
    onReconciled(operation.instanceId);
  }

  return {
    async end(operation: StoredOperation, worker: string, poll: Ended): Promise<void> {
      await finish(operation, worker, statusAfter(poll), (db) => outcomeOf(db, operation, poll)).catch((error) => {
        log.warn({ err: error, operationId: String(operation.id) }, "the end of an operation is not written yet");
        throw error;
      });
    },

    timeOut: (operation: StoredOperation, worker: string, resourceStatus: string): Promise<void> =>
      finish(operation, worker, "TIMED_OUT", async () => ({
        resourceStatus,
        error: errorOf(operation, {
          code: "TIMED_OUT",
          message: "It did not end within the time that Postern watches.",
        }),
      })),

    /** Asks the provider about timed-out operations, and writes their true end. */
    async reconcile(provider: Provider): Promise<void> {
      for (const operation of await listUnreconciledOperations(db, provider.name)) {
        await reconcileOne(provider, operation).catch((error) => {
          log.warn({ err: error, operationId: String(operation.id) }, "an operation is not settled yet");
        });
      }
    },

    /** Ends an operation that has not begun, in the caller's transaction. @param by who wants that, as an actor is described */
    cancel: (db: Db, operation: StoredOperation, by: unknown) =>
      endUnbegun(
        db,
        operation,
        { status: "CANCELLED" },
        { cancelRequestedAt: sql`clock_timestamp()`, cancelRequestedBy: by },
      ),

    /** Ends an operation that is too late, in the caller's transaction. @returns it, or null where it has begun or ended meanwhile */
    expire: (db: Db, operation: StoredOperation) =>
      endUnbegun(db, operation, { status: "EXPIRED", error: errorOf(operation, missedRunAt(operation.runAt)) }),

    /** Ends a running operation of any worker as failed, in the caller's transaction. */
    async fail(db: Db, operation: StoredOperation, failure: ProviderFailure): Promise<void> {
      const end = { status: "FAILED", success: false, resourceStatus: "failed", error: errorOf(operation, failure) };
      const changes = {
        ...end,
        endedAt: sql`clock_timestamp()`,
        durationSeconds: DURATION,
        worker: null,
        leaseUntil: null,
      };
      const failed = await updateOperation(db, operation.id, "RUNNING", changes);
      if (failed) await recordEnd(db, "operation.ended", failed, { status: "FAILED", result: null, error: end.error });
    },
  };
}
