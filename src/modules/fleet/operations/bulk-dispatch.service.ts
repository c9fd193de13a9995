/** Requests the operations of bulk operations as there is room for them, and ends what is done. */
import type { AuditService, SecurityService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import { AppError, type ErrorCode } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { Provider } from "../../../providers/provider.js";
import type { Timings } from "../../../timings.js";
import { asCaller, POSTERN_CALLER } from "../../../values/caller.js";
import { declarationOfOperation } from "../../../values/operations/declarations.js";
import type { Acceptance } from "./acceptance.service.js";
import {
  findNextBulkPart,
  lockBulkDispatch,
  type NextBulkPart,
  updateBulkPart,
  updateBulkPartTries,
} from "./bulk-dispatch.store.js";
import { countRunningBulkOperations, endBulkOperations, skipStoppedBulkParts } from "./bulk-operations.store.js";
import type { BulkParallel } from "./bulk-parallel.js";
import type { BulkPartFault } from "./bulk-part.js";

export interface BulkDispatchDeps {
  readonly db: Db;
  readonly log: Log;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly acceptance: Acceptance;
  readonly providers: readonly Provider[];
  readonly bulkParallel: BulkParallel;
  readonly timings: Pick<Timings, "sweepMs">;
  /** Wakes the worker of this process for an instance. */
  readonly wake: (instanceId: bigint) => void;
}

export type BulkDispatch = ReturnType<typeof createBulkDispatch>;

/** The codes with which an instance does not allow an operation. Other errors are faults, after which the part is tried again. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["BAD_USER_INPUT", "NOT_FOUND", "CONFLICT", "FAILED_PRECONDITION"] as const),
  ...(["FORBIDDEN", "PRODUCTION_PROTECTED", "LIMIT_EXCEEDED"] as const),
]);

/** The refusals that are security events, as they are where one instance is asked for. */
const SECURITY_EVENTS: ReadonlySet<string> = new Set<ErrorCode>(["PRODUCTION_PROTECTED", "FORBIDDEN"]);

/** After so many faults a part has failed. The others go on meanwhile. */
const MAX_TRIES = 5;
const UNREQUESTED = {
  status: "FAILED",
  code: "RequestFailed",
  message: `Postern could not request this operation in ${MAX_TRIES} tries; its log says why. Repeat the bulk operation once that is mended.`,
} as const;

const STOPPED = { code: "StoppedAtFailure", message: "Another part has failed, and the rest was to be left out then." };

/**
 * Example: a bulk operation of 200 instances at most 20 of which run at once.
 *  1. A pass requests 20 operations, each in a transaction of its own: the row of its part names it, or it does not exist.
 *  2. An operation ends, on whichever replica, which then makes a pass: it finds room for one more.
 *  3. A replica is killed anywhere: what it has committed counts, and the sweeps of the others go on.
 *  4. Postern cannot request one of them, because of a fault. The others go on, and it is tried again; after some tries the part has failed.
 *  5. The last operation ends, and the pass finds that nothing waits or runs: the bulk operation has ended.
 */
export function createBulkDispatch(deps: BulkDispatchDeps) {
  const { db, log, audit, security, acceptance, providers, bulkParallel, timings, wake } = deps;
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

  /** Ends a part without an operation, and records why. */
  async function endPart(db: Db, part: NextBulkPart, end: BulkPartFault & { status: "REFUSED" | "FAILED" }) {
    const { type, instanceId, bulkOperationId, requestedBy, requestId, input } = part;
    const { code, message } = end;
    await updateBulkPart(db, part.id, end);
    const ids = { instanceId: String(instanceId), bulkOperationId: String(bulkOperationId) };
    await recordPart(db, part, "operation.refused", { type, ...ids, ...input }, { code, message });
    if (!SECURITY_EVENTS.has(code)) return;
    await security.record(db, {
      eventType: "authz_fail",
      eventStatus: "FAILURE",
      userId: requestedBy.id ?? null,
      origin: { ipAddress: null, userAgent: null, requestId: requestId ?? "" },
      metadata: { code, ...ids },
    });
  }

  /** Notes that the operation of a part could not be requested. After the last try the part has failed. */
  async function noteFault(part: NextBulkPart, error: unknown): Promise<void> {
    const { bulkOperationId, instanceId, requestId } = part;
    const ids = { bulkOperationId: String(bulkOperationId), instanceId: String(instanceId), requestId };
    log.warn({ err: error, ...ids }, "the operation of a part is not requested; it is tried again");
    await db.transaction(async (db) => {
      // Another replica may have found the part meanwhile, and request its operation.
      await lockBulkDispatch(db);
      const tries = await updateBulkPartTries(db, part.id);
      if (tries !== null && tries >= MAX_TRIES) await endPart(db, part, UNREQUESTED);
    });
  }

  /** Requests the operation of a part, or refuses the part, in the transaction that has found it. */
  async function requestPart(db: Db, part: NextBulkPart): Promise<void> {
    const { input, requestedBy, requestId, bulkOperationId, retryOf } = part;
    const asked = { declaration: declarationOfOperation(part.type), input };
    const origin = { requestedBy, requestId, bulkOperationId, retryOf: retryOf ?? undefined };
    try {
      const instance = await acceptance.lock(db, asked.declaration, String(part.instanceId));
      const { id, recorded } = await acceptance.accept(db, asked, instance, origin);
      await updateBulkPart(db, part.id, { operationId: BigInt(id) });
      await recordPart(db, part, "operation.requested", recorded, null, id);
    } catch (error) {
      if (!(error instanceof AppError && REFUSALS.has(error.code))) throw error;
      await endPart(db, part, { status: "REFUSED", code: error.code, message: error.message });
    }
  }

  /** Requests the operation of the next part, or refuses the part. @returns whether there was one */
  async function dispatchNext(): Promise<boolean> {
    let part: NextBulkPart | null = null;
    const requested = db.transaction(async (db) => {
      await lockBulkDispatch(db);
      part = await findNextBulkPart(db, bulkParallel, names, timings.sweepMs);
      if (part) await requestPart(db, part);
      return part;
    });
    const next = await requested.catch(async (error) => {
      // Where the database is away, this fails as well, and no try is counted.
      if (part) await noteFault(part, error);
      else throw error;
      return part as NextBulkPart;
    });
    if (next) wake(next.instanceId);
    return next !== null;
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
