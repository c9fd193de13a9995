/** Accepts operations: it checks a request and queues it with its audit record in one transaction. It also cancels them. */

import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { accessOfActor, describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { claimOperation, keyOf } from "../../../engine/write/index.js";
import { failedPrecondition, forbidden, notFound, productionProtected } from "../../../errors.js";
import { currentCaller } from "../../../values/caller.js";
import { isOperableEnvironment } from "../../../values/environments.js";
import { isId, requireId } from "../../../values/id.js";
import { createSnapshot } from "../../../values/operations/create-snapshot.js";
import type { InstanceFacts, OperationDeclaration } from "../../../values/operations/declaration.js";
import { declarationOfOperation, type OperationType } from "../../../values/operations/declarations.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import type { Acceptance, AskedOperation } from "./acceptance.service.js";
import { findBackupState } from "./backups.store.js";
import type { Completion } from "./completion.service.js";
import type { CancelOperationInput, OperationRequestInput, RetryOperationInput } from "./operations.inputs.js";
import {
  findOperation,
  findOperationEnvironment,
  insertOperation,
  updateOperationCancelling,
} from "./operations.store.js";
import { hasRunAt, type RunAtInput } from "./run-at.js";
import { isUnbegun, requireCancellable, requireRetryable } from "./state-machine.js";
import type { Waiting } from "./waiting.service.js";

export interface OperationsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly inventory: InventoryService;
  readonly acceptance: Acceptance;
  /** The key of the hash that is kept of the input of a call with an idempotency key. */
  readonly fingerprintKey: string;
  readonly completion: Pick<Completion, "cancel">;
  readonly waiting: Pick<Waiting, "waitFor" | "wake">;
  /** Sends the job that wakes a worker for an instance. `db` is the transaction that queues the operation. */
  readonly enqueue: (db: Db, instance: StoredInstance) => Promise<void>;
  /** Wakes the worker of this process. Call it after the commit. */
  readonly wake: (instanceId: bigint) => void;
  /** Tells the worker of this process that an operation is cancelled which it may run. Call it after the commit. */
  readonly onCancelRequested: (operationId: bigint) => void;
}

/** What a call asks for, and where. The transaction has locked the instance. */
interface FoundRequest {
  readonly asked: AskedOperation;
  readonly instance: StoredInstance;
  /** The operation that it repeats. */
  readonly retryOf?: bigint;
}

/** @throws FORBIDDEN */
export function requireMayRun({ actor }: Call): void {
  if (!accessOfActor(actor).permissions.has("operations:run")) throw forbidden("operations:run");
}

export type OperationsService = ReturnType<typeof createOperationsService>;

export function createOperationsService(deps: OperationsDeps) {
  const { db, audit, inventory, acceptance, fingerprintKey, completion, waiting, enqueue, wake, onCancelRequested } =
    deps;

  /** Waits for the end of an operation as long as the client asks for, beyond the time that its request may take. */
  async function waitForEnd(id: string, seconds: number): Promise<void> {
    const wait = () => waiting.waitFor(id, seconds);
    await (currentCaller().time?.withoutCounting(seconds * 1000, wait) ?? wait());
  }

  /**
   * Accepts what a call asks for, and waits for its end as long as the client asks for.
   * @param key what the idempotency key stands for: neither how long to wait nor the key itself is a part of it
   * @param find finds and locks the instance, in the transaction @returns the id of the operation
   */
  async function acceptCall(
    call: Call,
    key: object,
    { waitSeconds, idempotencyKey }: Pick<OperationRequestInput, "waitSeconds" | "idempotencyKey">,
    find: (db: Db) => Promise<FoundRequest>,
  ): Promise<string> {
    const keyed = keyOf(fingerprintKey, call, key, idempotencyKey);
    const accepted = await db.transaction(async (db) => {
      // This comes first: a repeated call is answered even if the instance has changed since.
      const claimed = keyed && (await claimOperation(db, keyed));
      if (claimed?.isMade) {
        await audit.record(db, call, { resourceId: claimed.id, result: { replayed: true, ids: [claimed.id] } });
        return { id: claimed.id };
      }
      const { asked, instance, retryOf } = await find(db);
      const origin = {
        id: claimed?.id,
        requestedBy: describeActor(call.actor),
        requestId: call.origin.requestId,
        retryOf,
      };
      const { id, recorded } = await acceptance.accept(db, asked, instance, origin);
      await audit.record(db, { ...call, parameters: { ...recorded, idempotencyKey } }, { resourceId: id });
      return { id, instanceId: instance.id };
    });
    if (accepted.instanceId !== undefined) wake(accepted.instanceId);
    await waitForEnd(accepted.id, waitSeconds ?? 0);
    return accepted.id;
  }

  /** Accepts an operation. @param input as the type's input has checked it @returns its id */
  async function request(
    call: Call,
    declaration: OperationDeclaration<OperationType>,
    input: OperationRequestInput,
  ): Promise<string> {
    requireMayRun(call);
    declaration.check(input);
    const { waitSeconds, idempotencyKey, ...key } = input;
    const waited = hasRunAt(input) ? 0 : waitSeconds;
    return acceptCall(
      call,
      { type: declaration.type, ...key },
      { waitSeconds: waited, idempotencyKey },
      async (db) => ({
        asked: { declaration, input },
        instance: await acceptance.lock(db, declaration, input.instanceId),
      }),
    );
  }

  /** Accepts an operation of the same type and input as one that has ended without success. @returns its id */
  async function retry(call: Call, input: RetryOperationInput): Promise<string> {
    requireMayRun(call);
    const operationId = requireId(input.operationId, "operationId");
    return acceptCall(call, { operationId }, input, async (db) => {
      const ended = await findOperation(db, operationId);
      if (!ended) throw notFound("operation");
      requireRetryable(ended);
      if (ended.input === null) {
        const message =
          "Postern itself requested this operation, or an older release did not keep what was asked. Request it anew.";
        throw failedPrecondition("input not kept", message);
      }
      const declaration = declarationOfOperation(ended.type);
      declaration.check(ended.input);
      // Whoever else retries it waits for the lock, and then finds this retry.
      const instance = await acceptance.lock(db, declaration, String(ended.instanceId));
      return { asked: { declaration, input: ended.input as RunAtInput }, instance, retryOf: ended.id };
    });
  }

  /** Queues an operation of Postern itself, in the caller's transaction. @param name the part of Postern that requests it */
  async function queueOwn(
    db: Db,
    type: OperationType,
    instance: StoredInstance,
    name: string,
    parameters: Record<string, unknown>,
  ): Promise<void> {
    const requestedBy = { type: "system", name };
    const instanceId = instance.id;
    const { lane } = declarationOfOperation(type);
    const { environment } = instance;
    const id = await insertOperation(db, { type, lane, instanceId, environment, parameters, requestedBy });
    await enqueue(db, instance);
    await audit.recordFor(db, {
      actor: requestedBy,
      action: "operation.requested",
      resourceId: String(id),
      parameters: { type, instanceId: String(instanceId), identifier: instance.identifier, ...parameters },
      result: null,
      success: true,
      durationSeconds: 0,
      requestId: null,
    });
  }

  return {
    queueOwn,

    request,
    retry,

    /** @returns the environment of an instance by id, ARN or identifier, or of that of an operation; null where there is none */
    async environmentOf(by: "instanceId" | "operationId", name: string): Promise<string | null> {
      if (by === "instanceId") return inventory.environmentOf(name);
      return isId(name) ? findOperationEnvironment(db, name) : null;
    },

    /**
     * Cancels an operation at once, or lets its provider end it where it runs. What people have requested they may cancel wherever it is. What
     * Postern does by itself on PRODUCTION, such as its backups, nobody keeps from it. @throws NOT_FOUND, PRODUCTION_PROTECTED, FAILED_PRECONDITION
     */
    async cancel(call: Call, { operationId, waitSeconds }: CancelOperationInput): Promise<string> {
      const id = requireId(operationId, "operationId");
      const instanceId = await db.transaction(async (db) => {
        const operation = await findOperation(db, id, true);
        if (!operation) throw notFound("operation");
        const by = describeActor(call.actor);
        const { environment, provider } = await inventory.require(db, String(operation.instanceId));
        const isOfPostern = (operation.requestedBy as { readonly type?: string }).type === "system";
        if (isOfPostern && !isOperableEnvironment(environment)) throw productionProtected();
        if (isUnbegun(operation.status)) await completion.cancel(db, operation, by);
        else {
          requireCancellable(operation, provider);
          if (!(await updateOperationCancelling(db, operation.id, by)))
            throw failedPrecondition(
              operation.status,
              "This operation timed out more than a day ago, and its provider is not asked about it any more.",
            );
        }
        await audit.record(db, call, { resourceId: id });
        return operation.instanceId;
      });
      waiting.wake(BigInt(id));
      onCancelRequested(BigInt(id));
      wake(instanceId);
      await waitForEnd(id, waitSeconds ?? 0);
      return id;
    },

    /**
     * Queues an automated snapshot of an instance, unless one was taken since that moment. The environment does not matter, because
     * nobody requests it.
     */
    async automatedSnapshot(instanceId: bigint, since: Date): Promise<void> {
      await db.transaction(async (db) => {
        const instance = await inventory.require(db, String(instanceId), true);
        // This comes after the lock, so that only one replica takes the snapshot.
        const { isTaken, isUnderWay, isTooSoon } = await findBackupState(db, instanceId, since);
        if (isTaken || isUnderWay || isTooSoon) return;
        const facts = instance as unknown as InstanceFacts;
        const parameters = {
          ...(await createSnapshot.prepare(acceptance.preparationOf(db, instance, "claim"), facts, {})),
          automated: true,
        };
        await queueOwn(db, "CREATE_SNAPSHOT", instance, "schedule", parameters);
      });
      wake(instanceId);
    },
  };
}
