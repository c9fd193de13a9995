/** Accepts operations: it checks a request and queues it with its audit record in one transaction. It also cancels them. */

import { randomBytes } from "node:crypto";
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { accessOfActor, describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { claimOperation, keyOf } from "../../../engine/write/index.js";
import { conflict, failedPrecondition, forbidden, notFound } from "../../../errors.js";
import { currentCaller } from "../../../values/caller.js";
import { requireId } from "../../../values/id.js";
import type { OperationType } from "../../../values/operations.js";
import { requireBackupWindow } from "../../../values/windows.js";
import { type AssessedInstance, assess, type InventoryService, type StoredInstance } from "../inventory/index.js";
import { findBackupState } from "./backups.store.js";
import { clusterOfOperation } from "./cluster-operation.js";
import type { Completion } from "./completion.service.js";
import type { RequestInput } from "./operations.inputs.js";
import {
  countQueuedOperations,
  findOperation,
  insertOperation,
  isSnapshotIdentifierTaken,
  lockOperationSnapshotIdentifiers,
} from "./operations.store.js";
import { prepareRestore, prepareSnapshotDeletion, requireRestoreIdentifier } from "./restores.service.js";
import {
  generateSnapshotIdentifier,
  requireSnapshotIdentifier,
  requireSnapshotTags,
  snapshotIdentifierLimit,
  snapshotTagLimit,
} from "./snapshot-identifier.js";
import { requireCancellable } from "./state-machine.js";
import { windowParameters } from "./window-parameters.js";

/** Operations that may wait for one instance. */
const MAX_QUEUED = 20;

export interface OperationsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly inventory: InventoryService;
  readonly clock: { now(): Date };
  /** The key of the hash that is kept of the input of a call with an idempotency key. */
  readonly fingerprintKey: string;
  readonly completion: Pick<Completion, "cancel" | "waitFor" | "wakeWaiters">;
  /** Sends the job that wakes a worker for an instance. `db` is the transaction that queues the operation. */
  readonly enqueue: (db: Db, instance: StoredInstance) => Promise<void>;
  /** Wakes the worker of this process. Call it after the commit. */
  readonly wake: (instanceId: bigint) => void;
}

/** Makes the parameters of an operation, once its instance is locked. */
type Prepare = (db: Db, instance: StoredInstance) => Promise<Record<string, unknown>>;

export type OperationsService = ReturnType<typeof createOperationsService>;

export function createOperationsService(deps: OperationsDeps) {
  const { db, audit, inventory, clock, fingerprintKey, completion, enqueue, wake } = deps;

  /** Queues an operation in the caller's transaction. @throws PRODUCTION_PROTECTED, FAILED_PRECONDITION, and what `prepare` throws */
  async function queue(
    db: Db,
    type: OperationType,
    instance: StoredInstance,
    { id, ...request }: { id: string | undefined; requestedBy: unknown; requestId: string },
    prepare: Prepare,
    forceFailover: boolean,
  ) {
    const fault = assess(instance as unknown as AssessedInstance, type, { forceFailover });
    if (fault) throw fault;
    const provider = inventory.providerOf(instance);
    if (!provider?.operations.includes(type)) {
      throw failedPrecondition("unsupported", `This instance's provider, ${instance.provider}, cannot do this here.`);
    }
    if ((await countQueuedOperations(db, instance.id)) >= MAX_QUEUED) {
      throw failedPrecondition(
        "queue full",
        `${MAX_QUEUED} operations wait for this instance already. Try again when some have ended.`,
      );
    }
    const parameters = await prepare(db, instance);
    const cluster = clusterOfOperation(instance, type, forceFailover);
    const reserved = id === undefined ? {} : { id: BigInt(id) };
    const queuedId = await insertOperation(db, {
      ...reserved,
      type,
      instanceId: instance.id,
      clusterArn: cluster?.arn ?? null,
      clusterResourceId: cluster?.resourceId ?? null,
      parameters,
      ...request,
    });
    await enqueue(db, instance);
    return { id: String(queuedId), parameters };
  }

  async function request(
    call: Call,
    type: OperationType,
    input: { instanceId: string; waitSeconds?: number | null | undefined; idempotencyKey?: string | undefined },
    prepare: Prepare,
    forceFailover = false,
  ): Promise<string> {
    if (!accessOfActor(call.actor).permissions.has("operations:run")) throw forbidden("operations:run");
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
      const { id, parameters } = await queue(db, type, instance, request, prepare, forceFailover);
      const requested = { type, instanceId: String(instance.id), identifier: instance.identifier, ...parameters };
      await audit.record(db, { ...call, parameters: { ...requested, idempotencyKey } }, { resourceId: id });
      return { id, instanceId: instance.id };
    });
    if (accepted.instanceId !== undefined) wake(accepted.instanceId);
    const wait = () => completion.waitFor(accepted.id, waitSeconds ?? 0);
    await (currentCaller().time?.withoutCounting((waitSeconds ?? 0) * 1000, wait) ?? wait());
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
    const id = await insertOperation(db, { type, instanceId, parameters, requestedBy });
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

  /** @throws CONFLICT where the identifier is taken, whatever its case */
  const claimIdentifier = async (db: Db, identifier: string, instance: StoredInstance) => {
    await lockOperationSnapshotIdentifiers(db);
    if (await isSnapshotIdentifierTaken(db, identifier, instance)) {
      throw conflict(`A snapshot with the identifier ${identifier} exists already, or is being taken. Choose another.`);
    }
    return identifier;
  };
  const generateIdentifier = (instance: StoredInstance) =>
    generateSnapshotIdentifier(
      instance.identifier,
      clock.now(),
      () => randomBytes(3).toString("hex"),
      snapshotIdentifierLimit(instance),
    );

  return {
    queueOwn,

    createSnapshot(call: Call, input: RequestInput<"createSnapshot">): Promise<string> {
      const identifier =
        input.snapshotId === null || input.snapshotId === undefined
          ? null
          : requireSnapshotIdentifier(input.snapshotId);
      const tags = requireSnapshotTags(input.tags ?? []);
      return request(call, "CREATE_SNAPSHOT", input, async (db, instance) => {
        requireSnapshotTags(tags, snapshotTagLimit(instance.provider));
        const checked = identifier && requireSnapshotIdentifier(identifier, snapshotIdentifierLimit(instance));
        const snapshotId = await claimIdentifier(db, checked ?? generateIdentifier(instance), instance);
        return { snapshotId, tags, automated: false };
      });
    },

    deleteSnapshot(call: Call, input: RequestInput<"deleteSnapshot">): Promise<string> {
      const prepare: Prepare = (db, instance) => prepareSnapshotDeletion(db, instance, input.snapshotId);
      return request(call, "DELETE_SNAPSHOT", input, prepare);
    },

    restoreSnapshot(call: Call, input: RequestInput<"restoreSnapshot">): Promise<string> {
      requireRestoreIdentifier(input.identifier);
      const prepare: Prepare = (db, source) => prepareRestore(db, inventory, source, input);
      return request(call, "RESTORE_SNAPSHOT", input, prepare);
    },

    rebootInstance(call: Call, input: RequestInput<"rebootInstance">): Promise<string> {
      const forceFailover = input.forceFailover ?? false;
      const parameters = { forceFailover, ...(input.acceptSlotLoss && { acceptSlotLoss: true }) };
      return request(call, "REBOOT_INSTANCE", input, async () => parameters, forceFailover);
    },

    modifyBackupWindow(call: Call, input: RequestInput<"modifyBackupWindow">): Promise<string> {
      // It checks the form before anything is read, and the overlap once the instance is known.
      requireBackupWindow(input.backupWindow, null);
      return request(call, "MODIFY_BACKUP_WINDOW", input, async (_db, instance) => windowParameters(input, instance));
    },

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
      completion.wakeWaiters(BigInt(id));
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
        const parameters = {
          snapshotId: await claimIdentifier(db, generateIdentifier(instance), instance),
          tags: [],
          automated: true,
        };
        await queueOwn(db, "CREATE_SNAPSHOT", instance, "schedule", parameters);
      });
      wake(instanceId);
    },
  };
}
