/** Requests the operations of bulk operations as there is room for them, and ends what is done. */
import type { AuditService, SecurityService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import { AppError, type ErrorCode } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Provider } from "../../../providers/provider.js";
import { asCaller, POSTERN_CALLER } from "../../../values/caller.js";
import { declarationOfOperation } from "../../../values/operations/declarations.js";
import type { InventoryService } from "../inventory/index.js";
import type { Acceptance } from "./acceptance.service.js";
import { findNextBulkPart, lockBulkDispatch, type NextBulkPart, updateBulkPart } from "./bulk-dispatch.store.js";
import { countRunningBulkOperations, endBulkOperations, skipStoppedBulkParts } from "./bulk-operations.store.js";
import type { BulkParallel } from "./bulk-parallel.js";

export interface BulkDispatchDeps {
  readonly db: Db;
  readonly log: Log;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly inventory: InventoryService;
  readonly acceptance: Acceptance;
  readonly providers: readonly Provider[];
  readonly bulkParallel: BulkParallel;
  /** Wakes the worker of this process for an instance. */
  readonly wake: (instanceId: bigint) => void;
}

export type BulkDispatch = ReturnType<typeof createBulkDispatch>;

/** The codes with which an instance does not allow an operation. Other errors are faults, and the part waits on. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["BAD_USER_INPUT", "NOT_FOUND", "CONFLICT", "FAILED_PRECONDITION"] as const),
  ...(["FORBIDDEN", "PRODUCTION_PROTECTED", "LIMIT_EXCEEDED"] as const),
]);

const STOPPED = { code: "StoppedAtFailure", message: "Another part has failed, and the rest was to be left out then." };

/**
 * Example: a bulk operation of 200 instances at most 20 of which run at once.
 *  1. A pass requests 20 operations, each in a transaction of its own: the row of its part names it, or it does not exist.
 *  2. An operation ends, on whichever replica, which then makes a pass: it finds room for one more.
 *  3. A replica is killed anywhere: what it has committed counts, and the sweeps of the others go on.
 *  4. The last operation ends, and the pass finds that nothing waits or runs: the bulk operation has ended.
 */
export function createBulkDispatch(deps: BulkDispatchDeps) {
  const { db, log, audit, security, inventory, acceptance, providers, bulkParallel, wake } = deps;
  const names = providers.map(({ name }) => name);
  let passing: Promise<void> | undefined;
  let isWokenAgain = false;
  let isStopping = false;

  const recordPart = (db: Db, part: NextBulkPart, action: string, record: object, result: object | null, id?: string) =>
    audit.recordFor(db, {
      actor: part.requestedBy,
      action,
      resourceId: id ?? null,
      parameters: record,
      result,
      success: result === null,
      durationSeconds: 0,
      requestId: part.requestId,
    });

  async function refuse(db: Db, part: NextBulkPart, { code, message }: AppError): Promise<void> {
    const { type, instanceId, bulkOperationId, requestedBy, requestId, input } = part;
    await updateBulkPart(db, part.id, { code, message });
    const ids = { instanceId: String(instanceId), bulkOperationId: String(bulkOperationId) };
    await recordPart(db, part, "operation.refused", { type, ...ids, ...input }, { code, message });
    if (code !== "PRODUCTION_PROTECTED") return;
    await security.record(db, {
      eventType: "authz_fail",
      eventStatus: "FAILURE",
      userId: requestedBy.id ?? null,
      origin: { ipAddress: null, userAgent: null, requestId: requestId ?? "" },
      metadata: { code, ...ids },
    });
  }

  /** Requests the operation of the next part, or refuses the part. @returns whether there was one */
  async function dispatchNext(): Promise<boolean> {
    const instanceId = await db.transaction(async (db) => {
      await lockBulkDispatch(db);
      const part = await findNextBulkPart(db, bulkParallel, names);
      if (!part) return null;
      const { input, requestedBy, requestId, bulkOperationId, retryOf } = part;
      const instance = await inventory.require(db, String(part.instanceId), true);
      const asked = { declaration: declarationOfOperation(part.type), input };
      const origin = { requestedBy, requestId, bulkOperationId, retryOf: retryOf ?? undefined };
      try {
        const { id, recorded } = await acceptance.accept(db, asked, instance, origin);
        await updateBulkPart(db, part.id, { operationId: BigInt(id) });
        await recordPart(db, part, "operation.requested", recorded, null, id);
      } catch (error) {
        if (!(error instanceof AppError && REFUSALS.has(error.code))) throw error;
        await refuse(db, part, error);
      }
      return part.instanceId;
    });
    if (instanceId !== null) wake(instanceId);
    return instanceId !== null;
  }

  async function pass(): Promise<void> {
    do {
      isWokenAgain = false;
      if ((await countRunningBulkOperations(db)) === 0) continue;
      while (!isStopping && (await dispatchNext()));
      await db.transaction(async (db) => {
        // No other replica requests a part that is skipped here.
        await lockBulkDispatch(db);
        await skipStoppedBulkParts(db, STOPPED);
        await endBulkOperations(db);
      });
    } while (isWokenAgain && !isStopping);
  }

  return {
    /** Requests what there is room for. A pass that is under way begins anew, so that it misses nothing. */
    wake(): void {
      isWokenAgain = true;
      if (isStopping) return;
      passing ??= asCaller(POSTERN_CALLER, pass)
        .catch((error) => log.warn({ err: error }, "parts of bulk operations wait; they are looked at again"))
        .finally(() => (passing = undefined));
    },

    /** Requests nothing more, and waits for what is under way. */
    async stop(): Promise<void> {
      isStopping = true;
      await passing;
    },
  };
}
