/** Runs the operations of local instances: each once, one at a time on an instance, and ended properly after a kill. */

import { unavailable } from "../../errors.js";
import type { OperationType } from "../../values/operations/declarations.js";
import { remedyOf } from "../../values/operations/operability.js";
import { OperationFailureError } from "../errors.js";
import type { OperationRequest, Poll } from "../provider.js";
import { type Host } from "./host.js";
import { type LocalInstance, primaryOf } from "./instance-file.js";
import { listUnfinishedInJournal } from "./journal.js";
import { STATUS_DURING_ENTRY } from "./journal-entry.js";
import { clusterOf } from "./members.js";
import { isObservedFailed, isObservedUp, observe } from "./observe.js";
import { endOfInterruptedPerform, perform } from "./perform.js";
import { createRuns } from "./runs.js";
import type { Snapshots } from "./snapshots.js";
import { endsByItself, type InstanceTaskRequest, isTaskOnServers } from "./task.js";

/** What an instance is busy with, and the status that it shows meanwhile. `upkeep` is work that no operation asked for. */
type Busy = { readonly status: string; readonly with: OperationType | "upkeep" };

/** What is done to an instance that is stopped. */
const WHILE_STOPPED: ReadonlySet<OperationType> = new Set(["START_INSTANCE", "STOP_INSTANCE", "SET_INSTANCE_TAGS"]);

export type Operations = ReturnType<typeof createOperations>;

/** @param faultOf tells why a planned instance could not be made */
export function createOperations(
  host: Host,
  snapshots: Snapshots,
  faultOf: (plan: LocalInstance) => string | undefined,
  standbys: { readonly rebuild: (providerId: string) => void; readonly giveUp: (providerId: string) => Promise<void> },
) {
  const { instances } = host;
  /** Instances that this process has brought up. Before that, their journals may hold operations of a killed process. */
  const ready = new Set<string>();
  const busy = new Map<string, Busy>();
  const runs = createRuns(host, ({ providerId }) => instances.journalOf(providerId));

  async function begin(request: InstanceTaskRequest): Promise<void> {
    const { providerId } = request;
    const instance = await instances.find(providerId);
    const plan = instance ?? (await instances.findPlan(providerId));
    if (plan && !instance) throw unavailable(`The instance ${plan.identifier}`);
    if (!instance) return;
    if (await runs.find(request)) return;
    if (runs.isStopping() || !ready.has(providerId)) throw unavailable(`The instance ${instance.identifier}`);

    const isAutomatic = request.type === "REBOOT_INSTANCE" && request.automatic === true;
    const other = busy.get(providerId);
    // Upkeep is soon over, so the caller tries again instead of failing.
    if (other?.with === "upkeep") throw unavailable(`The instance ${instance.identifier}`);
    const mayBegin =
      !other || (!endsByItself(other.with) && (isAutomatic || (await isRescueFrom(other, request, instance))));
    if (busy.get(providerId) !== other) throw unavailable(`The instance ${instance.identifier}`);
    if (!mayBegin) return refuse(request, instance, other.status);
    const reservation: Busy = { status: STATUS_DURING_ENTRY[request.type], with: request.type };
    busy.set(providerId, reservation);
    try {
      // The instance is read again because others could change it until it was busy.
      const current = (await instances.find(providerId)) ?? instance;
      if (current.wanted === "stopped" && !WHILE_STOPPED.has(request.type)) {
        await refuse(request, current, "stopped");
        return free(providerId, reservation);
      }
      const operationIds = runs.running(providerId);
      await runs.run(request, {
        instance: current.identifier,
        async perform(step) {
          await giveUp(operationIds, request);
          if (request.type === "STOP_INSTANCE") await standbys.giveUp(providerId);
          return perform({ host, instance: current, request, ...step }, snapshots);
        },
        statusAfterFailure: () => statusAfterFailure(request, current),
        onEnd: () => {
          free(providerId, reservation);
          if (isTaskOnServers(request.type)) standbys.rebuild(providerId);
        },
      });
    } catch (error) {
      free(providerId, reservation);
      throw error;
    }
  }

  const refuse = (request: InstanceTaskRequest, { identifier }: LocalInstance, status: string): Promise<void> => {
    const message = `The instance ${identifier} is ${status}. ${remedyOf("local", request.type, status)}`;
    return runs.refuse(request, { code: "InvalidDBInstanceState", message });
  };

  /** Frees an instance, unless another operation has made it busy since. */
  function free(providerId: string, reservation: Busy): void {
    if (busy.get(providerId) === reservation) busy.delete(providerId);
  }

  /** Whether a reboot rescues the primary on which the other operation waits. A reboot that runs already needs no rescue. */
  async function isRescueFrom(other: Busy, { type }: OperationRequest, instance: LocalInstance): Promise<boolean> {
    if (type !== "REBOOT_INSTANCE" || other.with === "REBOOT_INSTANCE") return false;
    return isObservedFailed(await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs));
  }

  /** Ends the operations on a primary that has failed. */
  function giveUp(operationIds: readonly string[], request: InstanceTaskRequest): Promise<void> {
    const isFailover = request.type === "REBOOT_INSTANCE" && request.forceFailover;
    const what = isFailover ? "and its standby takes over" : "and is rebooted";
    return runs.giveUp(
      operationIds,
      new OperationFailureError("PrimaryLost", `The primary failed meanwhile, ${what}.`),
    );
  }

  /** @returns the status of the snapshot that was not taken, or of the instance that was not changed */
  async function statusAfterFailure({ type }: OperationRequest, { providerId }: LocalInstance): Promise<string> {
    if (type === "CREATE_SNAPSHOT") return "failed";
    const instance = await instances.find(providerId);
    if (!instance) return "deleted";
    const seen = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
    if (instance.wanted === "stopped") return isObservedUp(seen) ? "stopping" : "stopped";
    if (seen.is === "starting") return "starting";
    return isObservedUp(seen) ? "available" : "failed";
  }

  return {
    /** @returns the status of a busy instance, undefined where it is not busy */
    statusWhileBusy: (providerId: string) => busy.get(providerId)?.status,
    /** @returns what an instance is busy with, undefined where it is not busy */
    busyWith: (providerId: string) => busy.get(providerId)?.with,
    isReady: (providerId: string) => ready.has(providerId),
    /** Allows operations on an instance. */
    setReady: (providerId: string) => void ready.add(providerId),

    /** Implements Provider.start. */
    start: (request: InstanceTaskRequest): Promise<void> => runs.once(request.operationId, () => begin(request)),

    /** Implements Provider.poll. */
    async poll(request: InstanceTaskRequest): Promise<Poll> {
      const known = await runs.poll(request);
      if (known) return known;
      if (await instances.find(request.providerId)) return { state: "unknown" };
      const plan = await instances.findPlan(request.providerId);
      const fault = plan && faultOf(plan);
      if (plan && fault === undefined) return { state: "unknown" };
      if (plan) {
        const message = `The instance ${plan.identifier} could not be created. ${fault}`;
        return { state: "failed", resourceStatus: "failed", failure: { code: "InvalidDBInstanceState", message } };
      }
      const failure = { code: "DBInstanceNotFound", message: "There is no such instance any more." };
      return { state: "failed", resourceStatus: "deleted", failure };
    },

    /** Implements Provider.cancel. Where there is no instance, there is nothing that could begin. */
    async cancel(request: InstanceTaskRequest): Promise<void> {
      if (await instances.find(request.providerId)) await runs.cancel(request);
    },

    /** Does upkeep on an instance, which is busy meanwhile. @returns false, without doing anything, where it is busy already */
    async whileBusy(
      providerId: string,
      status: string,
      work: (instance: LocalInstance) => Promise<unknown>,
    ): Promise<boolean> {
      if (busy.has(providerId)) return false;
      const reservation: Busy = { status, with: "upkeep" };
      busy.set(providerId, reservation);
      try {
        const instance = await instances.find(providerId);
        if (instance) await work(instance);
      } finally {
        free(providerId, reservation);
      }
      return true;
    },

    /** Ends the operations that a killed process left unfinished, once the instance has been brought up again. */
    async recover(providerId: string): Promise<void> {
      for (const entry of await listUnfinishedInJournal(instances.journalOf(providerId))) {
        const instance = await instances.find(providerId);
        if (!instance || runs.isRunning(entry.request.operationId)) continue;
        await runs.recover(entry, instance.identifier, endOfInterruptedPerform(host, snapshots, instance, entry), () =>
          statusAfterFailure(entry.request, instance),
        );
      }
    },

    /** Ends what can be ended safely, and resolves when nothing runs any more. No operation begins afterwards. */
    stop: runs.stop,
  };
}
