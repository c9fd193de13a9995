/** Operations on instances: requested, decided, queued in one transaction with their audit record, and cancelled. */

import { randomBytes } from "node:crypto";
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { accessOf, describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { claimOperation, keyOf } from "../../../engine/write/index.js";
import { conflict, failedPrecondition, forbidden, notFound } from "../../../errors.js";
import { currentCaller } from "../../../values/caller.js";
import { requireId } from "../../../values/id.js";
import type { OperationType } from "../../../values/operations.js";
import { requireBackupWindow } from "../../../values/windows.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { type Assessed, assess } from "../inventory/index.js";
import { findBackupState } from "./backups.store.js";
import type { Completion } from "./completion.service.js";
import type { Requested } from "./operations.inputs.js";
import {
  countQueued,
  findOperation,
  insertOperation,
  isSnapshotIdentifierTaken,
  lockSnapshotIdentifiers,
} from "./operations.store.js";
import { prepareDeletion, prepareRestore, requireInstanceIdentifier } from "./restores.service.js";
import { generateSnapshotIdentifier, requireSnapshotIdentifier, requireSnapshotTags } from "./snapshot-identifier.js";
import { requireCancellable } from "./state-machine.js";

/** Operations that wait for one instance at most. */
const MAX_QUEUED = 20;

export interface OperationsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly inventory: InventoryService;
  readonly clock: { now(): Date };
  /** Keys what is kept of the input of calls with an idempotency key. */
  readonly fingerprintKey: string;
  readonly completion: Pick<Completion, "cancel" | "waitFor" | "wakeWaiters">;
  /** Sends the job that makes a worker look at an instance; `db` is the transaction that queues the operation. */
  readonly enqueue: (db: Db, instance: StoredInstance) => Promise<void>;
  /** Makes the worker of this process look at once, after the commit. */
  readonly wake: (instanceId: bigint) => void;
}

/** What makes an operation of a request, once the instance is known and locked. */
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
    const fault = assess(instance as unknown as Assessed, type, { forceFailover });
    if (fault) throw fault;
    const provider = inventory.providerOf(instance);
    if (!provider?.operations.includes(type)) {
      throw failedPrecondition("unsupported", `This instance's provider, ${instance.provider}, cannot do this here.`);
    }
    if ((await countQueued(db, instance.id)) >= MAX_QUEUED) {
      throw failedPrecondition(
        "queue full",
        `${MAX_QUEUED} operations wait for this instance already. Try again when some have ended.`,
      );
    }
    const parameters = await prepare(db, instance);
    const drawn = id === undefined ? {} : { id: BigInt(id) };
    const queued = await insertOperation(db, { ...drawn, type, instanceId: instance.id, parameters, ...request });
    await enqueue(db, instance);
    return { id: String(queued), parameters };
  }

  async function request(
    call: Call,
    type: OperationType,
    input: { instanceId: string; waitSeconds?: number | null | undefined; idempotencyKey?: string | undefined },
    prepare: Prepare,
    forceFailover = false,
  ): Promise<string> {
    if (!accessOf(call.actor).permissions.has("operations:run")) throw forbidden("operations:run");
    // How long the caller waits makes it no other call.
    const { waitSeconds, idempotencyKey, ...asked } = input;
    const key = keyOf(fingerprintKey, call, { type, ...asked }, idempotencyKey);
    const accepted = await db.transaction(async (db) => {
      // Before all that may have changed since it was accepted.
      const claimed = key && (await claimOperation(db, key));
      if (claimed?.isMade) {
        await audit.record(db, call, { resourceId: claimed.id, result: { replayed: true, ids: [claimed.id] } });
        return { id: claimed.id };
      }
      // Locked, so that the environment that is looked at is the one that counts until the operation is accepted.
      const instance = await inventory.require(db, input.instanceId, true);
      const { requestId } = call.origin;
      const request = { id: claimed?.id, requestedBy: describeActor(call.actor), requestId };
      const { id, parameters } = await queue(db, type, instance, request, prepare, forceFailover);
      const requested = { type, instanceId: String(instance.id), identifier: instance.identifier, ...parameters };
      await audit.record(db, { ...call, parameters: { ...requested, idempotencyKey } }, { resourceId: id });
      return { id, instanceId: instance.id };
    });
    if (accepted.instanceId !== undefined) wake(accepted.instanceId);
    const waited = () => completion.waitFor(accepted.id, waitSeconds ?? 0);
    await (currentCaller().time?.apart((waitSeconds ?? 0) * 1000, waited) ?? waited());
    return accepted.id;
  }

  /** Queues what Postern itself does, in the caller's transaction. @param name of the part of Postern that does it */
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

  /** @throws CONFLICT where the identifier is taken, in any case */
  const promiseIdentifier = async (db: Db, identifier: string) => {
    await lockSnapshotIdentifiers(db);
    if (await isSnapshotIdentifierTaken(db, identifier)) {
      throw conflict(`A snapshot with the identifier ${identifier} exists already, or is being taken. Choose another.`);
    }
    return identifier;
  };
  const generated = ({ identifier }: StoredInstance) =>
    generateSnapshotIdentifier(identifier, clock.now(), () => randomBytes(3).toString("hex"));

  return {
    queueOwn,

    createSnapshot(call: Call, given: Requested<"createSnapshot">): Promise<string> {
      const identifier =
        given.snapshotId === null || given.snapshotId === undefined
          ? null
          : requireSnapshotIdentifier(given.snapshotId);
      const tags = requireSnapshotTags(given.tags ?? []);
      return request(call, "CREATE_SNAPSHOT", given, async (db, instance) => ({
        snapshotId: await promiseIdentifier(db, identifier ?? generated(instance)),
        tags,
        automated: false,
      }));
    },

    deleteSnapshot(call: Call, given: Requested<"deleteSnapshot">): Promise<string> {
      const prepare: Prepare = (db, instance) => prepareDeletion(db, instance, given.snapshotId);
      return request(call, "DELETE_SNAPSHOT", given, prepare);
    },

    restoreSnapshot(call: Call, given: Requested<"restoreSnapshot">): Promise<string> {
      requireInstanceIdentifier(given.identifier);
      const prepare: Prepare = (db, source) => prepareRestore(db, inventory, source, given);
      return request(call, "RESTORE_SNAPSHOT", given, prepare);
    },

    rebootInstance(call: Call, given: Requested<"rebootInstance">): Promise<string> {
      const forceFailover = given.forceFailover ?? false;
      const parameters = { forceFailover, ...(given.acceptSlotLoss && { acceptSlotLoss: true }) };
      return request(call, "REBOOT_INSTANCE", given, async () => parameters, forceFailover);
    },

    modifyBackupWindow(call: Call, given: Requested<"modifyBackupWindow">): Promise<string> {
      requireBackupWindow(given.backupWindow, null);
      return request(call, "MODIFY_BACKUP_WINDOW", given, async (_db, { maintenanceWindow }) => {
        const { window, warnings } = requireBackupWindow(given.backupWindow, maintenanceWindow);
        return {
          backupWindow: window.text,
          applyImmediately: given.applyImmediately ?? false,
          ...(warnings.length > 0 && { warnings }),
        };
      });
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
     * Queues an automated snapshot of an instance unless one was taken since then, whatever its environment: taking backups is not
     * an operation of people.
     */
    async automatedSnapshot(instanceId: bigint, since: Date): Promise<void> {
      await db.transaction(async (db) => {
        const instance = await inventory.require(db, String(instanceId), true);
        // Behind the lock, so that of two schedules only one takes it.
        const { isTaken, isUnderWay, isTooSoon } = await findBackupState(db, instanceId, since);
        if (isTaken || isUnderWay || isTooSoon) return;
        const parameters = { snapshotId: await promiseIdentifier(db, generated(instance)), tags: [], automated: true };
        await queueOwn(db, "CREATE_SNAPSHOT", instance, "schedule", parameters);
      });
      wake(instanceId);
    },
  };
}
