/** Runs operations: one at a time on an instance, and one on its snapshots, polled until their end or deadline, taken over where a worker died. */

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Db } from "../../../db/client.js";
import { AppError } from "../../../errors.js";
import type { Log } from "../../../log.js";
import type { OperationRequest, Poll, Provider } from "../../../providers/provider.js";
import { asCaller, POSTERN } from "../../../values/caller.js";
import { isOfSnapshot } from "../../../values/operations.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import { assess, COMING, isRescuable } from "../inventory/index.js";
import type { Completion } from "./completion.service.js";
import { hasQueuedReboot } from "./failover.store.js";
import { requestOf } from "./operation-request.js";
import {
  type ClaimedOperation,
  claimAbandoned,
  claimNext,
  type First,
  type Lane,
  listWaitingInstances,
  noteProgress,
  renewLease,
  type StoredOperation,
} from "./operations.store.js";
import type { Polling } from "./operations.variables.js";

type Restore = Extract<OperationRequest, { type: "RESTORE_SNAPSHOT" }>;

/** A worker that gives no sign of life for so long is taken for dead. */
const LEASE_MS = 10_000;

export interface WorkerDeps {
  readonly db: Db;
  readonly log: Log;
  readonly inventory: InventoryService;
  readonly completion: Completion;
  readonly polling: (provider: string, type: OperationRequest["type"]) => Polling;
}

export type Worker = ReturnType<typeof createWorker>;

export function createWorker({ db, log, inventory, completion, polling }: WorkerDeps) {
  const worker = randomUUID();
  const stopping = new AbortController();
  /** The lanes of instances that this worker is busy with. */
  const busy = new Map<string, Promise<void>>();
  /** Those to look at again when they are free. */
  const again = new Set<string>();

  /**
   * Asks how the operation goes, and starts it where the provider has not heard of it. Facts may have changed since it was
   * accepted: production is refused here too.
   */
  async function ask(
    provider: Provider,
    request: OperationRequest,
    instanceId: bigint,
    isLate: boolean,
    isUntouched: boolean,
  ): Promise<Poll> {
    const poll = await provider.poll(request);
    if (poll.state !== "unknown") return poll;
    // A start that was tried before may still land: whether it does, the deadline leaves to be settled.
    if (isLate) return isUntouched ? failure("NotBegun", "There was no time left to begin it.") : poll;
    const seen = await inventory.refreshInstance(provider, request.providerId);
    // A snapshot is there also where its instance is gone.
    const current = seen ?? (isOfSnapshot(request.type) ? await inventory.require(db, String(instanceId)) : null);
    if (!current) return failure("DBInstanceNotFound", "The provider has this instance no more.");
    const fault = assess({ ...current, members: current.members as never }, request.type);
    const isOurs = "automated" in request ? request.automated : "automatic" in request && request.automatic;
    if (fault?.code === "PRODUCTION_PROTECTED" && !isOurs) return failure(fault.code, fault.message);
    const unprotected = request.type === "RESTORE_SNAPSHOT" && (await faultOfCopy(current, request));
    if (unprotected) return failure("LessProtected", unprotected.message);
    await provider.start(request);
    return provider.poll(request);
  }

  const faultOfCopy = (source: StoredInstance, { identifier, tags }: Pick<Restore, "identifier" | "tags">) =>
    inventory.requireCopy(db, { ...source, tags }, identifier, []).then(
      () => null,
      (error) => (error instanceof AppError && error.code === "FAILED_PRECONDITION" ? error : Promise.reject(error)),
    );

  const failure = (code: string, message: string) =>
    ({ state: "failed", resourceStatus: "unknown", failure: { code, message } }) satisfies Poll;

  /** Whether a reboot waits for what runs on an instance that has failed: without its server, nothing of that comes to an end. */
  async function isForsaken({ type, instanceId }: StoredOperation, provider: Provider, providerId: string) {
    if (isOfSnapshot(type) || type === "REBOOT_INSTANCE" || !(await hasQueuedReboot(db, instanceId))) return false;
    const seen = await provider.describe(providerId).catch(() => null);
    return seen?.status === "failed" && isRescuable({ provider: provider.name, status: seen.status });
  }

  /** Drives an operation that is this worker's to its end, its deadline, or the end of this process. */
  async function drive(operation: ClaimedOperation, provider: Provider, providerId: string): Promise<void> {
    const request = requestOf(operation, providerId);
    const { intervalMs, attempts } = polling(provider.name, operation.type);
    // What the database's clock says ran before, and a timer since: the clock of this host may be off.
    const startedMs = performance.now() - operation.ranMs;
    const deadlineMs = startedMs + intervalMs * attempts;
    let isUntouched = (operation.progress as unknown[]).length === 0;
    while (!stopping.signal.aborted) {
      const isLate = performance.now() >= deadlineMs;
      const poll = await ask(provider, request, operation.instanceId, isLate, isUntouched).catch((error): Poll => {
        // Whatever it is, the work may be under way: only the provider, or the deadline, ends an operation.
        log.warn({ err: error, operationId: request.operationId }, "an operation is looked at again");
        return { state: "unknown" };
      });
      isUntouched = false;
      if (poll.state === "succeeded" || poll.state === "failed") return completion.end(operation, worker, poll);
      if (await isForsaken(operation, provider, providerId)) {
        const lost = failure("PrimaryLost", "The primary failed meanwhile, and a reboot was asked for.");
        return completion.end(operation, worker, lost);
      }
      const { resourceStatus, message, percent } =
        poll.state === "running"
          ? poll
          : { resourceStatus: "unknown", message: "The provider does not answer; it is asked again.", percent: null };
      const seen = { resourceStatus, message, percent };
      if (!(await noteProgress(db, { id: operation.id, worker }, seen))) return;
      if (isLate) return completion.timeOut(operation, worker, resourceStatus);
      // What is watched for hours is asked less and less often.
      const ranMs = performance.now() - startedMs;
      await delay(Math.max(intervalMs, ranMs / 300), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await renewLease(db, operation.id, worker, 0);
  }

  /** Gives signs of life while an operation is driven, however long the provider takes to answer. */
  async function alive(operation: StoredOperation, work: Promise<void>): Promise<void> {
    const renew = () =>
      renewLease(db, operation.id, worker, LEASE_MS).catch((error) =>
        log.warn({ err: error, operationId: String(operation.id) }, "the lease of an operation is not renewed"),
      );
    const timer = setInterval(renew, LEASE_MS / 3);
    await work.finally(() => clearInterval(timer));
  }

  /**
   * Begins what is next. The time of an operation counts from when its instance is there: until then it waits for the next look, but
   * for a reboot of what is starting, perhaps for ever.
   */
  async function next(lane: Lane, provider: Provider, instance: StoredInstance): Promise<ClaimedOperation | null> {
    const { id, providerId } = instance;
    const claim = (first: First) => claimNext(db, id, lane, first, worker, LEASE_MS);
    if (lane === "snapshots") return claim("automatic");
    const isComing = ({ status }: StoredInstance) => COMING.includes(status);
    const seen = isComing(instance) ? await inventory.refreshInstance(provider, providerId) : instance;
    if (!seen || !isComing(seen)) return claim(seen && isRescuable(seen) ? "reboots" : "automatic");
    return isRescuable(seen) ? claim("only reboots") : null;
  }

  /** Runs what waits for an instance until nothing does. */
  async function runLane(lane: Lane, instanceId: bigint, key: string): Promise<void> {
    do {
      again.delete(key);
      for (;;) {
        if (stopping.signal.aborted) return;
        const instance = await inventory.require(db, String(instanceId));
        const provider = inventory.providerOf(instance);
        if (!provider) return;
        const operation =
          (await claimAbandoned(db, instanceId, lane, worker, LEASE_MS)) ?? (await next(lane, provider, instance));
        if (!operation) break;
        await alive(operation, drive(operation, provider, instance.providerId));
      }
    } while (again.has(key));
  }

  function wakeLane(lane: Lane, instanceId: bigint): void {
    const key = `${lane} of ${instanceId}`;
    if (busy.has(key)) {
      again.add(key);
      return;
    }
    // It outlives the request that woke it.
    const run = asCaller(POSTERN, () => runLane(lane, instanceId, key))
      // What was claimed stays claimed until its lease ends, and is then taken over.
      .catch((error) => log.warn({ err: error, instanceId: String(instanceId) }, "operations wait for a retry"))
      .finally(() => busy.delete(key));
    busy.set(key, run);
  }

  return {
    /** Looks whether something waits for an instance. Returns at once; asking again while it is busy makes it look again. */
    wake(instanceId: bigint): void {
      if (stopping.signal.aborted) return;
      for (const lane of ["servers", "snapshots"] as const) wakeLane(lane, instanceId);
    },

    /** Looks for everything that waits, or that a dead worker left. */
    async sweep(): Promise<void> {
      for (const instanceId of await listWaitingInstances(db)) this.wake(instanceId);
    },

    /** Begins nothing more, and waits for the step under way; what runs at a provider goes on, and is taken up after the next start. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(busy.values());
    },
  };
}
