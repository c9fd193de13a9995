/** Runs operations in this process: each begins once, is journaled at every step, can be polled, and is ended by a stop. */
import { unavailable } from "../../errors.js";
import { OperationFailureError } from "../errors.js";
import type { OperationRequest, Poll, ProviderFailure } from "../provider.js";
import type { Host } from "./host.js";
import { pruneJournal, readJournalEntry, writeJournalEntry } from "./journal.js";
import {
  type EntryEnd,
  type EntryOutcome,
  endEntry,
  type JournalEntry,
  newJournalEntry,
  pollOfEntry,
} from "./journal-entry.js";
import { type TaskStep, taskFailureOf } from "./task.js";

type Running = {
  entry: JournalEntry;
  percent: number | null;
  /** Ends the operation; its reason becomes the operation's failure. */
  readonly ending: AbortController;
  readonly done: Promise<void>;
};

type Work = {
  /** The instance, for the log. */
  readonly instance: string;
  perform(step: TaskStep): Promise<EntryOutcome>;
  /** @returns the status of the resource after a failure; without it that is `failed` */
  statusAfterFailure?(): Promise<string>;
  /** Is called at the end, before a poll shows it. */
  onEnd?(): void;
};

export type Runs = ReturnType<typeof createRuns>;

/** @param journalOf returns the folder of an operation's journal */
export function createRuns({ log, clock }: Host, journalOf: (request: OperationRequest) => string) {
  const stopping = new AbortController();
  const running = new Map<string, Running>();
  const beginning = new Map<string, Promise<void>>();
  /** The ends of operations that could not be written to the journal, for example on a full disk. */
  const unwritten = new Map<string, JournalEntry>();

  const now = () => clock.now().toISOString();

  const writeNew = (entry: JournalEntry): Promise<void> =>
    writeJournalEntry(journalOf(entry.request), entry).catch((error) =>
      Promise.reject(unavailable("The journal of the instance", error)),
    );

  /** Calls `admit` to begin an operation; two calls at the same time share one. */
  function once(operationId: string, admit: () => Promise<void>): Promise<void> {
    const existing = beginning.get(operationId);
    if (existing) return existing;
    const done = admit().finally(() => beginning.delete(operationId));
    beginning.set(operationId, done);
    return done;
  }

  /** Journals an operation as failed without running it. @throws UNAVAILABLE */
  const refuse = (request: OperationRequest, { code, message }: ProviderFailure): Promise<void> =>
    writeNew(endEntry(newJournalEntry(request, now()), { failure: { code, message } }, now()));

  /** Ends operations as failed for this reason, and resolves when they have ended. */
  async function giveUp(operationIds: readonly string[], reason: OperationFailureError): Promise<void> {
    const ended = operationIds.flatMap((id) => running.get(id) ?? []);
    for (const { ending } of ended) ending.abort(reason);
    await Promise.all(ended.map(({ done }) => done));
  }

  const find = async (request: OperationRequest): Promise<JournalEntry | undefined> =>
    unwritten.get(request.operationId) ?? (await readJournalEntry(journalOf(request), request.operationId));

  async function writeEnd(entry: JournalEntry, end: EntryEnd, resourceStatus?: string): Promise<void> {
    const journal = journalOf(entry.request);
    const finalEntry = endEntry(entry, end, now(), resourceStatus);
    await writeJournalEntry(journal, finalEntry).catch((error) => {
      log.error({ err: error }, "Could not write the end of an operation to its journal");
      unwritten.set(entry.request.operationId, finalEntry);
    });
    await pruneJournal(journal, clock.now()).catch((error) => log.warn({ err: error }, "Could not prune a journal"));
  }

  async function run(state: Running, { instance, perform, statusAfterFailure, onEnd }: Work): Promise<void> {
    const { request } = state.entry;
    const { operationId } = request;
    const step: TaskStep = {
      signal: AbortSignal.any([stopping.signal, state.ending.signal]),
      async record(change) {
        state.entry = { ...state.entry, ...change };
        await writeJournalEntry(journalOf(request), state.entry);
        log.info({ operationId, instance }, state.entry.message);
      },
      progress: (percent) => (state.percent = percent),
    };
    const end: EntryEnd = await Promise.resolve(step)
      .then(perform)
      .catch((error) => {
        log.warn({ err: error, operationId, instance }, "An operation failed");
        // The reason for ending the operation says more than the error that this caused.
        return {
          failure: taskFailureOf(state.ending.signal.aborted ? state.ending.signal.reason : error, stopping.signal),
        };
      });
    await writeEnd(state.entry, end, "failure" in end ? await statusOf(statusAfterFailure) : undefined);
    if ("message" in end) log.info({ operationId, instance }, end.message);
    // onEnd comes first, so that whoever polls the end finds the instance free.
    onEnd?.();
    running.delete(operationId);
  }

  /** @returns the status of the resource after a failure, undefined where it cannot be found out */
  const statusOf = (look: Work["statusAfterFailure"]): Promise<string | undefined> =>
    Promise.resolve(look?.()).catch((error) => {
      log.error({ err: error }, "The status of the resource of a failed operation is not known");
      return undefined;
    });

  return {
    once,

    find,

    isStopping: () => stopping.signal.aborted,

    isRunning: (operationId: string) => running.has(operationId),

    /** @returns the ids of the operations that run on an instance */
    running: (providerId: string): string[] =>
      [...running].flatMap(([id, { entry }]) => (entry.request.providerId === providerId ? [id] : [])),

    giveUp,

    refuse,

    /** Implements Provider.cancel: ends what runs, and journals what was never begun as ended, so that it never begins. @throws UNAVAILABLE */
    async cancel(request: OperationRequest): Promise<void> {
      const { operationId } = request;
      const reason = new OperationFailureError("CancelRequested", "It was cancelled, and nothing of it is left.");
      await once(operationId, async () => {
        if (!running.has(operationId) && !(await find(request))) await refuse(request, reason);
      });
      await giveUp([operationId], reason);
    },

    /** Starts an operation, and resolves once it is in the journal. @throws UNAVAILABLE without starting it */
    async run(request: OperationRequest, work: Work): Promise<void> {
      const entry = newJournalEntry(request, now());
      await writeNew(entry);
      const ending = new AbortController();
      const state: Running = {
        entry,
        percent: null,
        ending,
        done: Promise.resolve().then(() => run(state, work)),
      };
      running.set(request.operationId, state);
    },

    /** @returns how far an operation has come, undefined where it was never begun */
    async poll(request: OperationRequest): Promise<Poll | undefined> {
      await beginning.get(request.operationId)?.catch(() => {});
      const current = running.get(request.operationId);
      if (current) return pollOfEntry(current.entry, current.percent);
      const entry = await find(request);
      return entry && pollOfEntry(entry, null);
    },

    /** Journals the end of an operation of a killed process. */
    async recover(
      entry: JournalEntry,
      instance: string,
      end: Promise<EntryEnd>,
      statusAfterFailure?: () => Promise<string>,
    ) {
      const { operationId } = entry.request;
      const outcome = await end.catch((error) => ({ failure: taskFailureOf(error, stopping.signal) }));
      await writeEnd(entry, outcome, "failure" in outcome ? await statusOf(statusAfterFailure) : undefined);
      const message = "failure" in outcome ? outcome.failure.message : outcome.message;
      log.warn({ operationId, instance }, `Was interrupted: ${message}`);
    },

    /** Ends what can be ended safely, and resolves when nothing runs any more. No operation begins afterwards. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.allSettled(beginning.values());
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}
