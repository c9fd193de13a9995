/** One operation while it runs: what it works on, and where it records how far it has come. */
import { UnreachableError } from "../../postgres/connection.js";
import { OperationFailure } from "../errors.js";
import type { OperationRequest, ProviderFailure } from "../provider.js";
import { causeOf } from "./causes.js";
import type { Host } from "./host.js";
import type { LocalInstance } from "./instances.js";
import type { JournalEntry } from "./journal-entry.js";

/** How an operation that runs tells what it does, and learns that it shall end. */
export type Step = {
  /** Asks the operation to give up, where that is safe. */
  readonly signal: AbortSignal;
  /** Resolves when the journal holds it: what follows may rely on it after a kill. */
  record(
    change: Partial<
      Pick<JournalEntry, "message" | "awaySince" | "rebootOf" | "failoverTo" | "left" | "isHanded" | "restoredAs">
    >,
  ): Promise<void>;
  /** 0 to 100; not recorded. */
  progress(percent: number): void;
};

export type LocalTask<T extends InstanceRequest = InstanceRequest> = Step & {
  readonly host: Host;
  /** As it was when the operation began. */
  readonly instance: LocalInstance;
  readonly request: T;
};

export type RequestOf<T extends OperationRequest["type"]> = Extract<OperationRequest, { type: T }>;

/** What is asked of an instance that is there. */
export type InstanceRequest = Exclude<OperationRequest, RequestOf<"DELETE_SNAPSHOT" | "RESTORE_SNAPSHOT">>;

/** An operation's error as data. What we did not foresee is told without details, which are for the log. */
export function failureOf(error: unknown, signal?: AbortSignal): ProviderFailure {
  if (error instanceof OperationFailure) return { code: error.code, message: error.message };
  if (signal?.aborted && (error as Error).name === "AbortError") {
    return { code: "Interrupted", message: "Postern was stopped meanwhile, and nothing of it is left. Ask again." };
  }
  const cause = causeOf(error);
  if (cause) return cause;
  if (error instanceof UnreachableError) return { code: "InvalidDBInstanceState", message: error.message };
  return {
    code: "InternalFailure",
    message: "The operation failed unexpectedly. Postern's log and the instance's own say more.",
  };
}

/** Seconds since a moment in RFC 3339, to the millisecond. */
export const secondsSince = (moment: string, now: Date): number =>
  Math.max(0, now.getTime() - Date.parse(moment)) / 1000;
