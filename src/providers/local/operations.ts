/** The operations of local instances: begun once each, one at a time on an instance, journaled, and settled after a kill. */
import { unavailable } from "../../errors.js";
import type { OperationRequest, Poll } from "../provider.js";
import { type End, type Entry, ended, INSTANCE_STATUS, newEntry, pollOf } from "./entry.js";
import { clusterOf, type Host } from "./host.js";
import { type LocalInstance, primaryOf } from "./instances.js";
import { pruneEntries, readEntry, unfinishedEntries, writeEntry } from "./journal.js";
import { observe } from "./observe.js";
import { endOfInterrupted, perform } from "./perform.js";
import type { Snapshots } from "./snapshots.js";
import { failureOf, type Task } from "./task.js";

type Running = { entry: Entry; percent: number | null; readonly done: Promise<void> };

export type Operations = ReturnType<typeof createOperations>;

export function createOperations(host: Host, snapshots: Snapshots, afterReboot: (providerId: string) => void) {
  const { instances, log, clock } = host;
  const stopping = new AbortController();
  /** Instances that this process has brought up: before, their journals may still be unsettled. */
  const ready = new Set<string>();
  /** What an instance is busy with, as its status says it. */
  const busy = new Map<string, { readonly status: string; readonly with: "operation" | "upkeep" }>();
  const running = new Map<string, Running>();
  const beginning = new Map<string, Promise<void>>();
  /** Ends that the journal could not take, on a full disk for example. */
  const unwritten = new Map<string, Entry>();

  const now = () => clock.now().toISOString();

  async function begin(request: OperationRequest): Promise<void> {
    const { operationId, providerId } = request;
    const instance = await instances.find(providerId);
    if (!instance) return;
    const journal = instances.journalOf(providerId);
    if (unwritten.has(operationId) || (await readEntry(journal, operationId))) return;
    if (stopping.signal.aborted || !ready.has(providerId)) throw unavailable(`The instance ${instance.identifier}`);

    const other = busy.get(providerId);
    // Over in a moment, and nobody asked for it.
    if (other?.with === "upkeep") throw unavailable(`The instance ${instance.identifier}`);
    const entry = newEntry(request, now());
    if (other || instance.wanted === "stopped") {
      const message = `The instance ${instance.identifier} is ${other?.status ?? "stopped"}. Try again when it is available.`;
      return note(journal, ended(entry, { failure: { code: "InvalidDBInstanceState", message } }, now()));
    }
    busy.set(providerId, { status: INSTANCE_STATUS[request.type], with: "operation" });
    try {
      // Again: until now, others could change it.
      const current = (await instances.find(providerId)) ?? instance;
      await note(journal, entry);
      const state: Running = { entry, percent: null, done: Promise.resolve().then(() => run(state, current)) };
      running.set(operationId, state);
    } catch (error) {
      busy.delete(providerId);
      throw error;
    }
  }

  const note = (journal: string, entry: Entry): Promise<void> =>
    writeEntry(journal, entry).catch((error) => Promise.reject(unavailable("The journal of the instance", error)));

  async function run(state: Running, instance: LocalInstance): Promise<void> {
    const { request } = state.entry;
    const { operationId, providerId } = request;
    const journal = instances.journalOf(providerId);
    const task: Task = {
      host,
      instance,
      request,
      signal: stopping.signal,
      async record(change) {
        state.entry = { ...state.entry, ...change };
        await writeEntry(journal, state.entry);
        log.info({ operationId, instance: instance.identifier }, state.entry.message);
      },
      progress: (percent) => (state.percent = percent),
    };
    const end = await perform(task, snapshots).catch((error) => {
      log.warn({ err: error, operationId, instance: instance.identifier }, "An operation failed");
      return { failure: failureOf(error, stopping.signal) };
    });
    await settle(journal, state.entry, end, instance);
    if ("message" in end) log.info({ operationId, instance: instance.identifier }, end.message);
    // In this order: whoever sees the end finds the instance free.
    busy.delete(providerId);
    running.delete(operationId);
    if (request.type === "REBOOT_INSTANCE") afterReboot(providerId);
  }

  async function settle(journal: string, entry: Entry, end: End, instance: LocalInstance): Promise<void> {
    const asks = "failure" in end && entry.request.type !== "CREATE_SNAPSHOT";
    const last = ended(entry, end, now(), asks ? await statusOf(instance) : undefined);
    await writeEntry(journal, last).catch((error) => {
      log.error({ err: error }, "Could not write the end of an operation to its journal");
      unwritten.set(entry.request.operationId, last);
    });
    await pruneEntries(journal, clock.now()).catch((error) => log.warn({ err: error }, "Could not prune a journal"));
  }

  async function statusOf({ providerId }: LocalInstance): Promise<string> {
    const instance = await instances.find(providerId);
    if (!instance) return "deleted";
    const seen = await observe(clusterOf(host, instance, primaryOf(instance)), host.limits.answerTimeoutMs);
    return seen.is === "answering" ? "available" : "failed";
  }

  return {
    /** The status of an instance that is busy. */
    statusWhileBusy: (providerId: string) => busy.get(providerId)?.status,
    isReady: (providerId: string) => ready.has(providerId),
    /** From now on operations on it may begin. */
    setReady: (providerId: string) => void ready.add(providerId),

    /** As Provider.start. */
    start(request: OperationRequest): Promise<void> {
      const { operationId } = request;
      const found = beginning.get(operationId);
      if (found) return found;
      const done = begin(request).finally(() => beginning.delete(operationId));
      beginning.set(operationId, done);
      return done;
    },

    /** As Provider.poll. */
    async poll({ operationId, providerId }: OperationRequest): Promise<Poll> {
      await beginning.get(operationId)?.catch(() => {});
      const live = running.get(operationId);
      if (live) return pollOf(live.entry, live.percent);
      const entry = unwritten.get(operationId) ?? (await readEntry(instances.journalOf(providerId), operationId));
      if (entry) return pollOf(entry, null);
      if (await instances.find(providerId)) return { state: "unknown" };
      const failure = { code: "DBInstanceNotFound", message: "There is no such instance any more." };
      return { state: "failed", resourceStatus: "deleted", failure };
    },

    /** Makes an instance busy with something that is no operation. @returns false, having done nothing, where it is busy */
    async whileBusy(
      providerId: string,
      status: string,
      work: (instance: LocalInstance) => Promise<void>,
    ): Promise<boolean> {
      if (busy.has(providerId)) return false;
      busy.set(providerId, { status, with: "upkeep" });
      try {
        const instance = await instances.find(providerId);
        if (instance) await work(instance);
      } finally {
        busy.delete(providerId);
      }
      return true;
    },

    /** Settles what a killed process left unfinished, once the instance has been brought up again. */
    async recover(providerId: string): Promise<void> {
      const journal = instances.journalOf(providerId);
      for (const entry of await unfinishedEntries(journal)) {
        const instance = await instances.find(providerId);
        if (!instance || running.has(entry.request.operationId)) continue;
        const end = await endOfInterrupted(host, snapshots, instance, entry).catch((error) => ({
          failure: failureOf(error, stopping.signal),
        }));
        await settle(journal, entry, end, instance);
        const outcome = "failure" in end ? end.failure.message : end.message;
        log.warn(
          { operationId: entry.request.operationId, instance: instance.identifier },
          `Was interrupted: ${outcome}`,
        );
      }
    },

    /** Gives up what can be given up, and resolves when nothing runs any more. Nothing more begins. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.allSettled(beginning.values());
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}
