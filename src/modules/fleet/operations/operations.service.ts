/** Accepts operations: it checks a request and queues it with its audit record in one transaction. It also cancels them. */

import { randomBytes } from "node:crypto";
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { accessOfActor, describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { claimOperation, keyOf } from "../../../engine/write/index.js";
import { conflict, failedPrecondition, forbidden, notFound } from "../../../errors.js";
import type { ProviderCluster } from "../../../providers/provider.js";
import { currentCaller } from "../../../values/caller.js";
import { requireId } from "../../../values/id.js";
import { createSnapshot } from "../../../values/operations/create-snapshot.js";
import type {
  InstanceFacts,
  OperationDeclaration,
  PreparationContext,
} from "../../../values/operations/declaration.js";
import { declarationOfOperation, type OperationType } from "../../../values/operations/declarations.js";
import { assessOperability } from "../../../values/operations/operability.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { findBackupState } from "./backups.store.js";
import type { Completion } from "./completion.service.js";
import {
  findNamedSnapshot,
  isInstanceIdentifierTaken,
  isSnapshotIdentifierTaken,
  lockOperationIdentifiers,
} from "./identifiers.store.js";
import type { OperationRequestInput } from "./operations.inputs.js";
import { countWaitingOperations, findOperation, insertOperation } from "./operations.store.js";
import { hasRunAt, type RunAtInput, requireRunAt } from "./run-at.js";
import { findScheduledNow } from "./scheduled-operations.store.js";
import { requireCancellable } from "./state-machine.js";
import type { Waiting } from "./waiting.service.js";

/** Operations that may wait for one instance. */
const MAX_QUEUED = 20;
/** Operations that may wait for their time on one instance. */
const MAX_SCHEDULED = 100;

export interface OperationsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly inventory: InventoryService;
  readonly clock: { now(): Date };
  /** The key of the hash that is kept of the input of a call with an idempotency key. */
  readonly fingerprintKey: string;
  readonly completion: Pick<Completion, "cancel">;
  readonly waiting: Pick<Waiting, "waitFor" | "wake">;
  /** Sends the job that wakes a worker for an instance. `db` is the transaction that queues the operation. */
  readonly enqueue: (db: Db, instance: StoredInstance) => Promise<void>;
  /** Wakes the worker of this process. Call it after the commit. */
  readonly wake: (instanceId: bigint) => void;
}

export type OperationsService = ReturnType<typeof createOperationsService>;

export function createOperationsService(deps: OperationsDeps) {
  const { db, audit, inventory, clock, fingerprintKey, completion, waiting, enqueue, wake } = deps;

  /** What parameters are made of, in the transaction that has locked the instance. */
  const preparationOf = (db: Db, instance: StoredInstance, now = clock.now()): PreparationContext => ({
    now,
    digits: randomBytes(3).toString("hex"),
    async claimSnapshotIdentifier(identifier) {
      await lockOperationIdentifiers(db);
      if (!(await isSnapshotIdentifierTaken(db, identifier, instance))) return;
      const message = `A snapshot with the identifier ${identifier} exists already, or is being taken. Choose another.`;
      throw conflict(message);
    },
    async claimInstanceIdentifier(identifier) {
      await lockOperationIdentifiers(db);
      if (!(await isInstanceIdentifierTaken(db, identifier, instance))) return;
      const message = `An instance ${identifier} exists already, or is being restored. Choose another identifier.`;
      throw conflict(message);
    },
    findSnapshot: (identifier) => findNamedSnapshot(db, instance.id, identifier),
    requireCopyTags: (identifier, snapshot) => inventory.requireCopyTags(db, instance, identifier, snapshot),
  });

  /** Queues an operation in the caller's transaction. @throws PRODUCTION_PROTECTED, FAILED_PRECONDITION, and what its preparation throws */
  async function queue(
    db: Db,
    { type, lane, assess, concernsCluster, prepare }: OperationDeclaration<OperationType>,
    instance: StoredInstance,
    { id, ...request }: { id: string | undefined; requestedBy: unknown; requestId: string },
    input: RunAtInput,
  ) {
    const facts = instance as unknown as InstanceFacts;
    const fault = assessOperability(facts, type) ?? assess(facts, input);
    if (fault) throw fault;
    const provider = inventory.providerOf(instance);
    if (!provider?.operations.includes(type)) {
      throw failedPrecondition("unsupported", `This instance's provider, ${instance.provider}, cannot do this here.`);
    }
    const isScheduled = hasRunAt(input);
    const waiting = await countWaitingOperations(db, instance.id);
    const [count, max] = isScheduled ? [waiting.scheduled, MAX_SCHEDULED] : [waiting.queued, MAX_QUEUED];
    if (count >= max) {
      throw failedPrecondition(
        isScheduled ? "schedule full" : "queue full",
        `${max} operations ${isScheduled ? "are scheduled" : "wait"} for this instance already. Try again when some have ended.`,
      );
    }
    const window = facts.maintenanceWindow ?? facts.cluster?.maintenanceWindow ?? null;
    const runAt = isScheduled ? requireRunAt(input, window, await findScheduledNow(db)) : null;
    const parameters = await prepare(preparationOf(db, instance, runAt ? new Date(runAt) : undefined), facts, input);
    const cluster = concernsCluster(parameters) ? (instance.cluster as ProviderCluster | null) : null;
    const reserved = id === undefined ? {} : { id: BigInt(id) };
    const queuedId = await insertOperation(db, {
      ...reserved,
      type,
      lane,
      instanceId: instance.id,
      clusterArn: cluster?.arn ?? null,
      clusterResourceId: cluster?.resourceId ?? null,
      parameters,
      ...(runAt && { runAt, status: "SCHEDULED" }),
      ...request,
    });
    if (!isScheduled) await enqueue(db, instance);
    return { id: String(queuedId), parameters: runAt ? { ...parameters, runAt } : parameters };
  }

  /** Accepts an operation, and waits for its end as long as the client asks for. @param input as the type's input has checked it @returns its id */
  async function request(
    call: Call,
    declaration: OperationDeclaration<OperationType>,
    input: OperationRequestInput,
  ): Promise<string> {
    const { type } = declaration;
    if (!accessOfActor(call.actor).permissions.has("operations:run")) throw forbidden("operations:run");
    declaration.check(input);
    const isScheduled = hasRunAt(input);
    // `waitSeconds` is no part of the call that the idempotency key stands for.
    const { waitSeconds, idempotencyKey, ...asked } = input;
    const key = keyOf(fingerprintKey, call, { type, ...asked }, idempotencyKey);
    const accepted = await db.transaction(async (db) => {
      // This comes first: a repeated call is answered even if the instance has changed since.
      const claimed = key && (await claimOperation(db, key));
      if (claimed?.isMade) {
        await audit.record(db, call, { resourceId: claimed.id, result: { replayed: true, ids: [claimed.id] } });
        return { id: claimed.id };
      }
      // The lock keeps the environment from changing between the check and the commit.
      const instance = await inventory.require(db, input.instanceId, true);
      const { requestId } = call.origin;
      const request = { id: claimed?.id, requestedBy: describeActor(call.actor), requestId };
      const { id, parameters } = await queue(db, declaration, instance, request, input);
      const requested = { type, instanceId: String(instance.id), identifier: instance.identifier, ...parameters };
      await audit.record(db, { ...call, parameters: { ...requested, idempotencyKey } }, { resourceId: id });
      return { id, instanceId: instance.id };
    });
    if (accepted.instanceId !== undefined) wake(accepted.instanceId);
    const seconds = isScheduled ? 0 : (waitSeconds ?? 0);
    const wait = () => waiting.waitFor(accepted.id, seconds);
    await (currentCaller().time?.withoutCounting(seconds * 1000, wait) ?? wait());
    return accepted.id;
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
    const id = await insertOperation(db, { type, lane, instanceId, parameters, requestedBy });
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

    /** Cancels an operation that has not begun. @throws NOT_FOUND, FAILED_PRECONDITION */
    async cancel(call: Call, { operationId }: { operationId: string }): Promise<string> {
      const id = requireId(operationId, "operationId");
      const instanceId = await db.transaction(async (db) => {
        const operation = await findOperation(db, id, true);
        if (!operation) throw notFound("operation");
        requireCancellable(operation.status);
        await completion.cancel(db, operation);
        await audit.record(db, call, { resourceId: id });
        return operation.instanceId;
      });
      waiting.wake(BigInt(id));
      wake(instanceId);
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
          ...(await createSnapshot.prepare(preparationOf(db, instance), facts, {})),
          automated: true,
        };
        await queueOwn(db, "CREATE_SNAPSHOT", instance, "schedule", parameters);
      });
      wake(instanceId);
    },
  };
}
