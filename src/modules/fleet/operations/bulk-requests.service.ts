/** Accepts bulk operations: it fixes their instances, judges each, and keeps them with the audit record. It also repeats them. */
import type { Call } from "../../../audit/call.js";
import type { AuditService, SecurityService } from "../../../audit/index.js";
import { accessOfActor, describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { claimOperation, keyOf, listMatchingRows } from "../../../engine/write/index.js";
import {
  badUserInput,
  conflict,
  failedPrecondition,
  limitExceeded,
  notFound,
  productionAmongSelected,
  unexpectedCount,
} from "../../../errors.js";
import { LIMITS } from "../../../limits.js";
import { isOperableEnvironment } from "../../../values/environments.js";
import { requireId } from "../../../values/id.js";
import type { OperationDeclaration } from "../../../values/operations/declaration.js";
import { declarationOfOperation, type OperationType } from "../../../values/operations/declarations.js";
import { Instance, type InventoryService, type StoredInstance } from "../inventory/index.js";
import type { Acceptance, AskedOperation } from "./acceptance.service.js";
import type { BulkDispatch } from "./bulk-dispatch.service.js";
import { type BulkRequestInput, MAX_BULK_PARTS, type RetryBulkOperationInput } from "./bulk-operations.inputs.js";
import {
  countRunningBulkOperations,
  endBulkOperations,
  findOpenBulkRetry,
  insertBulkOperation,
  insertBulkParts,
  listFailedBulkInstances,
  lockBulkOperation,
  lockBulkRequests,
} from "./bulk-operations.store.js";
import type { BulkPartFault } from "./bulk-part.js";
import { requireMayRun } from "./operations.service.js";

/** Bulk operations that may run at a time. */
const MAX_RUNNING = 20;

export interface BulkRequestsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly security: Pick<SecurityService, "record">;
  readonly inventory: InventoryService;
  readonly acceptance: Acceptance;
  readonly fingerprintKey: string;
  readonly dispatch: Pick<BulkDispatch, "wake">;
}

export type BulkRequests = ReturnType<typeof createBulkRequests>;

/** What a bulk request asks for, and of which instances. */
interface FoundBulk {
  readonly asked: AskedOperation;
  readonly instances: readonly StoredInstance[];
  readonly filter: object | null;
  readonly retryOf?: bigint;
}

type Shared = Omit<RetryBulkOperationInput, "bulkOperationId"> & Pick<BulkRequestInput, "dryRun">;

/** @returns the filter, for instances that are not gone */
const ofPresent = (filter: Readonly<Record<string, unknown>>) => ({
  ...filter,
  // The filter's own null is refused where it is compiled.
  and: filter.and === null ? null : [...((filter.and as object[] | undefined) ?? []), { gone: { eq: false } }],
});

export function createBulkRequests(deps: BulkRequestsDeps) {
  const { db, audit, security, inventory, acceptance, fingerprintKey, dispatch } = deps;

  /** @returns the instances that a filter selects, in order @throws BAD_USER_INPUT, LIMIT_EXCEEDED */
  async function select(db: Db, call: Call, filter: BulkRequestInput["filter"]): Promise<StoredInstance[]> {
    const rows = { type: Instance, access: accessOfActor(call.actor), limits: LIMITS };
    const ids = await listMatchingRows(db, rows, { filter: ofPresent(filter) });
    if (ids.length === 0) throw badUserInput("filter", "No instance matches that is not gone. Look at the filter.");
    if (ids.length > MAX_BULK_PARTS) {
      const message = `More than ${MAX_BULK_PARTS} instances match. Narrow the filter, and do them in parts.`;
      throw limitExceeded("instances", message);
    }
    return inventory.listByIds(db, ids.map(BigInt));
  }

  /** Judges each instance. @returns why each is refused, in order; null where it is not @throws PRODUCTION_PROTECTED where one is PRODUCTION */
  async function judge(db: Db, { asked, instances }: FoundBulk): Promise<(BulkPartFault | null)[]> {
    const production = instances.filter(({ environment }) => !isOperableEnvironment(environment)).length;
    if (production > 0) throw productionAmongSelected(production);
    return acceptance.foreseeMany(db, asked, instances);
  }

  /** Records each refused part, as the refusal of its operation. */
  async function recordRefusals(db: Db, call: Call, bulkOperationId: string, { asked }: FoundBulk, parts: Judged[]) {
    const refused = parts.flatMap(({ instance, fault }) => (fault ? [{ instance, fault }] : []));
    const { type } = asked.declaration;
    const records = refused.map(({ instance, fault }) => ({
      actor: describeActor(call.actor),
      action: "operation.refused",
      resourceId: null,
      parameters: {
        type,
        instanceId: String(instance.id),
        identifier: instance.identifier,
        bulkOperationId,
        ...asked.input,
      },
      result: fault,
      success: false,
      durationSeconds: 0,
      requestId: call.origin.requestId,
    }));
    if (records.length > 0) await audit.recordFor(db, ...records);
    // They are events, as they are where one instance is asked for.
    const events = refused
      .filter(({ fault }) => fault.code === "FORBIDDEN")
      .map(({ instance, fault }) => ({
        eventType: "authz_fail",
        eventStatus: "FAILURE" as const,
        userId: call.actor.kind === "user" ? call.actor.userId : null,
        origin: call.origin,
        metadata: { code: fault.code, instanceId: String(instance.id), bulkOperationId },
      }));
    if (events.length > 0) await security.record(db, ...events);
  }

  interface Judged {
    readonly instance: StoredInstance;
    readonly fault: BulkPartFault | null;
  }

  /** Accepts a bulk operation. @param key what the idempotency key stands for @returns its id, or what would become of its parts */
  async function accept(
    call: Call,
    key: object,
    { expectedCount, stopAtFirstFailure, dryRun, idempotencyKey }: Shared,
    find: (db: Db) => Promise<FoundBulk>,
  ) {
    const keyed = dryRun ? undefined : keyOf(fingerprintKey, call, key, idempotencyKey);
    const accepted = await db.transaction(async (db) => {
      const claimed = keyed && (await claimOperation(db, keyed, "bulk_operations"));
      if (claimed?.isMade) {
        await audit.record(db, call, { resourceId: claimed.id, result: { replayed: true, ids: [claimed.id] } });
        return { id: claimed.id, preview: null };
      }
      const found = await find(db);
      const { asked, instances, filter, retryOf } = found;
      if (instances.length !== expectedCount) throw unexpectedCount("instances", instances.length, expectedCount);
      const faults = await judge(db, found);
      const parts = instances.map((instance, index) => ({ instance, fault: faults[index]! }));
      const refused = faults.filter(Boolean).length;
      const result = { total: parts.length, refused };
      if (dryRun) {
        await audit.record(db, call, { result });
        return { id: null, preview: parts.map(previewOf) };
      }
      // Of many requests at once, no more are accepted than may run.
      await lockBulkRequests(db);
      if ((await countRunningBulkOperations(db)) >= MAX_RUNNING) {
        const message = `${MAX_RUNNING} bulk operations run already. Try again when one has ended.`;
        throw failedPrecondition("too many", message);
      }
      const bulkId = await insertBulkOperation(db, {
        ...(claimed && { id: BigInt(claimed.id) }),
        type: asked.declaration.type,
        filter,
        input: asked.input,
        stopAtFirstFailure: stopAtFirstFailure ?? false,
        retryOf: retryOf ?? null,
        requestedBy: describeActor(call.actor),
        requestId: call.origin.requestId,
      });
      await insertBulkParts(
        db,
        bulkId,
        parts.map(({ instance, fault }) => ({ instanceId: instance.id, fault })),
      );
      const id = String(bulkId);
      if (refused === parts.length) await endBulkOperations(db);
      await recordRefusals(db, call, id, found, parts);
      await audit.record(db, call, { resourceId: id, result });
      return { id, preview: null };
    });
    if (accepted.id !== null) dispatch.wake();
    return accepted;
  }

  const previewOf = ({ instance, fault }: Judged) => ({
    instanceId: String(instance.id),
    identifier: instance.identifier,
    accepted: fault === null,
    code: fault?.code ?? null,
    reason: fault?.message ?? null,
  });

  return {
    /** Accepts a bulk operation, or tries it. @param input as the type's input has checked it @returns its id, or what would become of its parts */
    async request(call: Call, declaration: OperationDeclaration<OperationType>, input: BulkRequestInput) {
      requireMayRun(call);
      const { filter, expectedCount, dryRun, stopAtFirstFailure, idempotencyKey, ...own } = input;
      declaration.check(own);
      const key = { type: declaration.type, filter, expectedCount, stopAtFirstFailure, ...own };
      return accept(call, key, input, async (db) => ({
        asked: { declaration, input: own },
        instances: await select(db, call, filter),
        filter,
      }));
    },

    /** Accepts a bulk operation of the failed parts of one that has ended. @returns its id */
    async retry(call: Call, input: RetryBulkOperationInput): Promise<string> {
      requireMayRun(call);
      const bulkOperationId = requireId(input.bulkOperationId, "bulkOperationId");
      const { expectedCount, stopAtFirstFailure } = input;
      const { id } = await accept(call, { bulkOperationId, expectedCount, stopAtFirstFailure }, input, async (db) => {
        // Whoever else retries it waits for the lock, and then finds this retry.
        const ended = await lockBulkOperation(db, bulkOperationId);
        if (!ended) throw notFound("bulk operation");
        if (ended.status !== "ENDED") {
          throw failedPrecondition(ended.status, "This bulk operation has not ended. Wait for its end, or cancel it.");
        }
        const open = await findOpenBulkRetry(db, ended.id);
        if (open) throw conflict(`Bulk operation ${open} repeats this one already. Wait for its end.`);
        const failed = await listFailedBulkInstances(db, ended.id);
        if (failed.length === 0) {
          const message = "No part of this bulk operation has failed; one that has timed out may still end.";
          throw failedPrecondition("nothing failed", message);
        }
        const asked = { declaration: declarationOfOperation(ended.type), input: ended.input as object };
        return { asked, instances: await inventory.listByIds(db, failed), filter: null, retryOf: ended.id };
      });
      return id!;
    },
  };
}
