/** Runs the operations on snapshots, deletion and restore. Their instance may be gone, so they have a journal of their own. */

import { AppError, unavailable } from "../../errors.js";
import { isOfSnapshot } from "../../values/operations/declarations.js";
import { OperationFailureError } from "../errors.js";
import type { AskedRestore, InstanceDescription, OperationRequest, Poll } from "../provider.js";
import type { NewInstance } from "./create.js";
import type { Host } from "./host.js";
import { makeIndependentAfterStart, makeIndependentBeforeStart } from "./independent.js";
import { listUnfinishedInJournal, readJournalEntry } from "./journal.js";
import type { EntryEnd, EntryOutcome, JournalEntry } from "./journal-entry.js";
import { createRuns } from "./runs.js";
import type { Snapshots } from "./snapshots.js";
import type { TaskRequestOf, TaskStep } from "./task.js";

type Deletion = TaskRequestOf<"DELETE_SNAPSHOT">;
type Restore = TaskRequestOf<"RESTORE_SNAPSHOT">;

export const isSnapshotRequest = (request: OperationRequest): request is Deletion | Restore =>
  isOfSnapshot(request.type);

/** The defaults for a restored instance of whose source nothing is known. */
const DEFAULTS = { backupWindow: "03:00-03:30", maintenanceWindow: "sun:05:00-sun:06:00", backupRetentionDays: 7 };

/**
 * @param journal the folder of the journal
 * @param create makes an instance, whole or not at all
 */
export function createSnapshotOperations(
  host: Host,
  snapshots: Snapshots,
  journal: string,
  create: (wanted: NewInstance) => Promise<void>,
) {
  const runs = createRuns(host, () => journal);

  async function begin(request: Deletion | Restore): Promise<void> {
    if (await runs.find(request)) return;
    if (runs.isStopping()) throw unavailable("The provider");
    await runs.run(request, {
      instance: request.type === "RESTORE_SNAPSHOT" ? request.identifier : request.providerId,
      perform: (step) => (request.type === "RESTORE_SNAPSHOT" ? restore(request, step) : remove(request, step)),
      statusAfterFailure: () => statusAfterFailure(request),
    });
  }

  async function remove(request: Deletion, step: TaskStep): Promise<EntryOutcome> {
    const { providerId, snapshotId } = request;
    if (await snapshots.find(providerId, request)) {
      // Once this is recorded, a successor of a killed process that finds no snapshot reports it as deleted.
      await step.record({ message: `Deleting the snapshot ${snapshotId}.` });
      await snapshots.remove(providerId, request);
      return deleted(snapshotId);
    }
    throw new OperationFailureError("DBSnapshotNotFound", `The instance has no snapshot ${snapshotId}.`);
  }

  async function restore(request: Restore, step: TaskStep): Promise<EntryOutcome> {
    const { snapshotId, identifier } = request;
    const providerId = host.instances.newId();
    await step.record({ message: `Restoring the snapshot ${snapshotId} as ${identifier}.`, restoredAs: providerId });
    await create({
      identifier,
      tags: request.tags,
      backupWindow: request.backupWindow ?? DEFAULTS.backupWindow,
      maintenanceWindow: request.maintenanceWindow ?? DEFAULTS.maintenanceWindow,
      backupRetentionDays: request.backupRetentionDays ?? DEFAULTS.backupRetentionDays,
      standby: false,
      copy: {
        providerId,
        signal: step.signal,
        async make(dataDir) {
          await snapshots.copy(request.providerId, request, dataDir, step);
          await makeIndependentBeforeStart(dataDir);
        },
        started: makeIndependentAfterStart,
      },
    }).catch((error) => Promise.reject(error instanceof AppError ? refusalOf(error) : error));
    return restored(request, providerId);
  }

  async function statusAfterFailure(request: Deletion | Restore): Promise<string> {
    if (request.type === "RESTORE_SNAPSHOT") return "failed";
    return (await snapshots.find(request.providerId, request)) ? "available" : "deleted";
  }

  /** Whether a restore has made its instance. One that cannot be read exists. */
  const exists = async (restoredAs: string | null = null): Promise<boolean> =>
    restoredAs !== null && (await host.instances.find(restoredAs).catch(() => true)) !== null;

  /** Finds the real end of an operation of a killed process. */
  async function endOfInterrupted({ request, restoredAs }: JournalEntry): Promise<EntryEnd> {
    if (request.type === "DELETE_SNAPSHOT") {
      await snapshots.remove(request.providerId, request);
      return deleted(request.snapshotId);
    }
    if (restoredAs !== null && (await exists(restoredAs))) return restored(request as Restore, restoredAs);
    const message = "Postern was stopped meanwhile. Nothing of the new instance is left. Ask again.";
    return { failure: { code: "Interrupted", message } };
  }

  return {
    /** Implements Provider.start. */
    start: (request: Deletion | Restore): Promise<void> => runs.once(request.operationId, () => begin(request)),

    /** Implements Provider.poll. */
    async poll(request: Deletion | Restore): Promise<Poll> {
      const poll = (await runs.poll(request)) ?? ({ state: "unknown" } as const);
      if (poll.state !== "failed" || request.type !== "RESTORE_SNAPSHOT") return poll;
      return { ...poll, isNothingMade: !(await exists((await runs.find(request))?.restoredAs)) };
    },

    /** Implements Provider.isRestoredBy. */
    async isRestoredBy({ providerId }: InstanceDescription, { operationId }: AskedRestore): Promise<boolean> {
      return (await readJournalEntry(journal, operationId))?.restoredAs === providerId;
    },

    /** Implements Provider.cancel. */
    cancel: (request: Deletion | Restore): Promise<void> => runs.cancel(request),

    /** Ends the operations that a killed process left unfinished; called before any other begins. */
    async recover(): Promise<void> {
      for (const entry of await listUnfinishedInJournal(journal)) {
        await runs.recover(entry, entry.request.providerId, endOfInterrupted(entry));
      }
    },

    stop: runs.stop,
  };
}

const deleted = (snapshotId: string): EntryOutcome => ({
  message: `The snapshot ${snapshotId} is deleted.`,
  result: { snapshotId },
  resourceStatus: "deleted",
});

const restored = ({ snapshotId, identifier }: Restore, providerId: string): EntryOutcome => ({
  message: `The snapshot ${snapshotId} is restored as ${identifier}.`,
  result: { snapshotId, identifier, providerId },
});

/** Turns a refusal of the creation into a failure of the operation. */
function refusalOf({ code, message, extensions }: AppError): OperationFailureError {
  if (code === "CONFLICT") return new OperationFailureError("DBInstanceAlreadyExists", message);
  return new OperationFailureError("InvalidParameterValue", `${String(extensions.field ?? "A parameter")}: ${message}`);
}
