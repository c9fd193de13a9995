/** Runs operations: it begins what is next, polls the provider until the end or the deadline, and takes over from dead workers. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Db } from "../../../db/client.js";
import type { Log } from "../../../log.js";
import type { Intent, OperationRequest, Poll, Provider, Sight } from "../../../providers/provider.js";
import { asCaller, POSTERN_CALLER } from "../../../values/caller.js";
import { type OperationLane, STARTING_STATUSES } from "../../../values/operations/declaration.js";
import { isOfSnapshot } from "../../../values/operations/declarations.js";
import { isOperableForRescue } from "../../../values/operations/operability.js";
import type { InventoryService, StoredInstance } from "../inventory/index.js";
import type { Beginning } from "./beginning.service.js";
import type { Completion } from "./completion.service.js";
import { hasQueuedReboot } from "./failover.store.js";
import {
  type ClaimedOperation,
  claimAbandonedOperation,
  claimNextOperation,
  type OvertakingOperation,
  updateOperationLease,
} from "./operation-claims.store.js";
import { createLeases, LEASE_MS } from "./operation-leases.service.js";
import { progressOf } from "./operation-progress.js";
import { requestOf } from "./operation-request.js";
import { endOfUnaskedRun, failedRun, type OperationRun, pollAfterCancelling, runAfterFault } from "./operation-run.js";
import {
  listWaitingInstances,
  type StoredOperation,
  updateOperationIntent,
  updateOperationProgress,
} from "./operations.store.js";
import type { OperationPolling } from "./operations.variables.js";

export interface WorkerDeps {
  readonly db: Db;
  readonly log: Log;
  readonly inventory: InventoryService;
  readonly completion: Completion;
  readonly beginning: Beginning;
  readonly polling: (provider: string, type: OperationRequest["type"]) => OperationPolling;
}

/**
 * Each instance has two lanes, so that quick work on snapshots does not wait for a long restart. One operation runs in a lane at a time.
 *
 * Example: on instance 7 wait R1 (reboot), S1 (create snapshot), D1 (delete an old snapshot) and D2 (delete another), in that order.
 *  1. `wake(7)` starts both lanes. The lane `servers` claims R1, and the lane `snapshots` claims D1: they run side by side.
 *  2. S1 must wait for R1, because both work on the servers. When D1 has ended, its lane goes on with D2.
 *  3. A failover F1 (automatic) is requested meanwhile: it comes before S1, though S1 is older.
 *  4. `wake(7)` again while a lane is busy only notes that it must look once more. So a request is never lost between
 *     "nothing is queued" and the end of the loop.
 *  5. This process dies. R1's lease ends after 10 seconds, and the sweep of another replica takes R1 over. It polls before
 *     it starts anything, so the reboot that is under way is not begun twice.
 */
export function createWorker({ db, log, inventory, completion, beginning, polling }: WorkerDeps) {
  const worker = randomUUID();
  const stopping = new AbortController();
  const leases = createLeases({ db, log, worker });
  /** The lanes in which this worker runs something. */
  const busyLanes = new Map<string, Promise<void>>();
  /** The busy lanes that were woken again. */
  const wokenLanes = new Set<string>();
  /** When instances that are starting were asked about, by this process's timer. Wake-ups come more often than a provider is asked. */
  const askedAtMs = new Map<bigint, number>();

  /**
   * Polls an operation, and starts it where the provider does not know it, if it may still begin.
   * @param run what this worker knows of the operation, and learns here
   */
  async function pollOrStart(
    provider: Provider,
    request: OperationRequest,
    run: OperationRun,
    isLate: boolean,
  ): Promise<Poll> {
    const { isUntouched } = run;
    const poll = await pollOnce(provider, request, run);
    if (poll.state === "deferred" && isLate) return { ...poll, state: "failed" };
    if (poll.state !== "unknown") return poll;
    // An earlier start may still arrive. Then the operation times out, and its true end is found later.
    if (isLate) return run.intent && !isUntouched ? poll : endOfUnaskedRun(run);
    run.fault = null;
    const refusal = await beginning.refusalOf(provider, request, run);
    if (refusal) return refusal;
    const intent = await writeIntent(run, await provider.look(request));
    // The operation has passed to another worker.
    if (!intent) return poll;
    await provider.start(request, intent);
    return pollOnce(provider, request, run);
  }

  /** Asks the provider to end what somebody has cancelled, and polls how it has ended. */
  async function cancelAndPoll(provider: Provider, request: OperationRequest, run: OperationRun): Promise<Poll> {
    await provider.cancel(request);
    return pollAfterCancelling(await pollOnce(provider, request, run));
  }

  /** Polls. Where the provider has done nothing, this is written, so that whoever takes the operation over may ask again. */
  async function pollOnce(provider: Provider, request: OperationRequest, run: OperationRun): Promise<Poll> {
    const poll = await provider.poll(request, run.intent);
    if (poll.state === "deferred") run.refusal = poll;
    if (poll.state === "deferred" && run.intent) await writeIntent(run, null);
    run.isKnownUnasked ||= !run.intent && (poll.state === "unknown" || poll.state === "deferred");
    return poll;
  }

  /** Writes an intent before the provider is asked. @returns it, or undefined where the operation has passed to another worker */
  async function writeIntent(run: OperationRun, saw: Sight | null): Promise<Intent | null | undefined> {
    const intent = await updateOperationIntent(db, { id: run.operation.id, worker }, saw);
    if (intent !== undefined) run.intent = intent;
    return intent;
  }

  /** Whether an operation must give way to a queued reboot, because on a failed instance it would never end. */
  async function mustGiveWay({ type, instanceId }: StoredOperation, provider: Provider, providerId: string) {
    const isConcerned =
      type !== "REBOOT_INSTANCE" && isOperableForRescue({ provider: provider.name, status: "failed" });
    if (isOfSnapshot(type) || !isConcerned || !(await hasQueuedReboot(db, instanceId))) return false;
    return (await provider.describe(providerId).catch(() => null))?.status === "failed";
  }

  /**
   * Runs a claimed operation until its end, its deadline, or the end of this process.
   * @param cancelling is aborted when somebody cancels it, which does not wait for the next poll
   */
  async function runToEnd(
    operation: ClaimedOperation,
    provider: Provider,
    providerId: string,
    cancelling: AbortSignal,
  ): Promise<void> {
    const request = requestOf(operation, providerId);
    const { intervalMs, attempts } = polling(provider.name, operation.type);
    // The time before comes from the database's clock, the time since from a timer, because this host's clock may be wrong.
    const startedMs = performance.now() - operation.ranMs;
    const deadlineMs = startedMs + intervalMs * attempts;
    const run: OperationRun = {
      operation,
      intent: operation.intent as Intent | null,
      isCancelRequested: operation.cancelRequestedAt !== null,
      isUntouched: (operation.progress as unknown[]).length === 0,
      isKnownUnasked: false,
    };
    while (!stopping.signal.aborted) {
      const isLate = performance.now() >= deadlineMs;
      run.isCancelRequested ||= cancelling.aborted;
      const step = run.isCancelRequested
        ? cancelAndPoll(provider, request, run)
        : pollOrStart(provider, request, run, isLate);
      const poll = await step.catch((error): Poll => {
        log.warn({ err: error, operationId: request.operationId }, "an operation is looked at again");
        return runAfterFault(run, error, isLate);
      });
      run.isUntouched = false;
      if (poll.state === "succeeded" || poll.state === "failed") return completion.end(operation, worker, poll);
      if (await mustGiveWay(operation, provider, providerId)) {
        const lost = failedRun("PrimaryLost", "The primary failed meanwhile, and a reboot was asked for.");
        return completion.end(operation, worker, lost);
      }
      const progress = progressOf(poll, run.fault);
      const kept = await updateOperationProgress(db, { id: operation.id, worker }, progress);
      if (!kept) return;
      if (isLate) return completion.timeOut(operation, worker, progress.resourceStatus);
      if (kept.cancelRequestedAt !== null && !run.isCancelRequested) {
        run.isCancelRequested = true;
        continue;
      }
      // An operation that runs for hours is polled ever less often, until somebody cancels it.
      const ranMs = performance.now() - startedMs;
      const pauseMs = run.isCancelRequested ? intervalMs : Math.max(intervalMs, ranMs / 300);
      const awaited = run.isCancelRequested ? [stopping.signal] : [stopping.signal, cancelling];
      await delay(pauseMs, undefined, { signal: AbortSignal.any(awaited) }).catch(() => undefined);
    }
    await updateOperationLease(db, operation.id, worker, 0);
  }

  /**
   * Claims the next operation. While its instance is starting, an operation waits and its time does not run. Only a reboot may begin, as the
   * start may never end.
   */
  async function claimOperation(lane: OperationLane, provider: Provider, instance: StoredInstance) {
    const { id, providerId } = instance;
    const claim = (overtaking: OvertakingOperation) => claimNextOperation(db, id, lane, overtaking, worker, LEASE_MS);
    if (lane === "snapshots") return claim("automatic");
    const isStarting = ({ status }: StoredInstance) => STARTING_STATUSES.includes(status);
    if (!isStarting(instance)) askedAtMs.delete(id);
    const nowMs = performance.now();
    const isDue = nowMs - (askedAtMs.get(id) ?? -Infinity) >= polling(provider.name, "REBOOT_INSTANCE").intervalMs;
    const mustAsk = isStarting(instance) && isDue;
    if (mustAsk) askedAtMs.set(id, nowMs);
    const current = mustAsk ? await inventory.refreshInstance(provider, providerId) : instance;
    if (!current || !isStarting(current))
      return claim(current && isOperableForRescue(current) ? "reboots" : "automatic");
    return isOperableForRescue(current) ? claim("only reboots") : null;
  }

  /** Runs the operations of a lane until none is left that can begin. */
  async function runLane(lane: OperationLane, instanceId: bigint, key: string): Promise<void> {
    do {
      wokenLanes.delete(key);
      for (;;) {
        if (stopping.signal.aborted) return;
        const instance = await inventory.require(db, String(instanceId));
        const provider = inventory.providerOf(instance);
        if (!provider) return;
        const operation =
          (await claimAbandonedOperation(db, instanceId, lane, worker, LEASE_MS)) ??
          (await claimOperation(lane, provider, instance));
        if (!operation) break;
        await leases.hold(operation, (cancelling) => runToEnd(operation, provider, instance.providerId, cancelling));
      }
    } while (wokenLanes.has(key));
  }

  function wakeLane(lane: OperationLane, instanceId: bigint): void {
    const key = `${lane} of ${instanceId}`;
    if (busyLanes.has(key)) {
      wokenLanes.add(key);
      return;
    }
    // Postern is the caller, because the lane outlives the request that woke it.
    const running = asCaller(POSTERN_CALLER, () => runLane(lane, instanceId, key))
      // A claimed operation is taken over when its lease ends.
      .catch((error) => log.warn({ err: error, instanceId: String(instanceId) }, "operations wait for a retry"))
      .finally(() => busyLanes.delete(key));
    busyLanes.set(key, running);
  }

  return {
    /** Ends what somebody has cancelled, without waiting for its next poll, where this process runs it. */
    cancel: leases.cancel,

    /** Runs the operations that wait for an instance, and returns at once. */
    wake(instanceId: bigint): void {
      if (stopping.signal.aborted) return;
      for (const lane of ["servers", "snapshots"] as const) wakeLane(lane, instanceId);
    },

    /** Runs the operations of all instances that wait, or that a dead worker has left. */
    async sweep(): Promise<void> {
      for (const instanceId of await listWaitingInstances(db)) this.wake(instanceId);
    },

    /** Begins nothing more, and waits for the current step. Work at a provider goes on, and the next start takes it over. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(busyLanes.values());
    },
  };
}
