/** Defines what a running operation gets: its instance, its request, and where it records how far it has come. */
import { ConnectionUnreachableError } from "../../postgres/connection.js";
import { OperationFailureError } from "../errors.js";
import type { OperationRequest, ProviderFailure } from "../provider.js";
import { failureCauseOf } from "./causes.js";
import type { Host } from "./host.js";
import type { LocalInstance } from "./instance-file.js";
import type { JournalEntry } from "./journal-entry.js";

/** Lets a running operation report what it does, and tells it when it should end. */
export type TaskStep = {
  /** Asks the operation to end, where that is safe. */
  readonly signal: AbortSignal;
  /** Writes a change to the journal, and resolves when it is durable. */
  record(
    change: Partial<
      Pick<JournalEntry, "message" | "awaySince" | "rebootOf" | "failoverTo" | "left" | "isHanded" | "restoredAs">
    >,
  ): Promise<void>;
  /** Reports from 0 to 100 percent; this is not journaled. */
  progress(percent: number): void;
};

export type LocalTask<T extends InstanceTaskRequest = InstanceTaskRequest> = TaskStep & {
  readonly host: Host;
  /** The instance as it was when the operation began. */
  readonly instance: LocalInstance;
  readonly request: T;
};

export type TaskRequestOf<T extends OperationRequest["type"]> = Extract<OperationRequest, { type: T }>;

/** The operations that need an existing instance. */
export type InstanceTaskRequest = Exclude<OperationRequest, TaskRequestOf<"DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT">>;

/** Whether nobody takes an operation's servers from it: it ends by itself, with servers that are up or down as it wants them. */
export const endsByItself = (type: string | undefined): boolean =>
  type === "STOP_INSTANCE" || type === "START_INSTANCE" || type === "MODIFY_INSTANCE_CLASS";

/** Whether an operation takes servers down or up by itself, and waits for that. */
export const isTaskOnServers = (type: string | undefined): boolean => type === "REBOOT_INSTANCE" || endsByItself(type);

/** Turns an error into the failure of an operation. An unexpected error shows no details, which are in the log. */
export function taskFailureOf(error: unknown, signal?: AbortSignal): ProviderFailure {
  if (error instanceof OperationFailureError) return { code: error.code, message: error.message };
  if (signal?.aborted && (error as Error).name === "AbortError") {
    return { code: "Interrupted", message: "Postern was stopped meanwhile, and nothing of it is left. Ask again." };
  }
  const cause = failureCauseOf(error);
  if (cause) return cause;
  if (error instanceof ConnectionUnreachableError) return { code: "InvalidDBInstanceState", message: error.message };
  return {
    code: "InternalFailure",
    message: "The operation failed unexpectedly. Postern's log and the instance's own say more.",
  };
}

/** @returns the seconds since a moment in RFC 3339, with milliseconds */
export const taskSecondsSince = (moment: string, now: Date): number =>
  Math.max(0, now.getTime() - Date.parse(moment)) / 1000;
