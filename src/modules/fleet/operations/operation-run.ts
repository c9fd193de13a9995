/** What a worker knows of an operation that it runs, and what becomes of one that the provider was certainly never asked for. */
import { isFinalProviderError, providerErrorOf } from "../../../errors.js";
import type { Intent, Poll, ProviderFailure } from "../../../providers/provider.js";
import type { OperationStatus } from "../../../values/operations/operation-statuses.js";

type FailedPoll = Extract<Poll, { state: "failed" }>;

export interface OperationRun {
  readonly operation: {
    readonly id: bigint;
    readonly instanceId: bigint;
    readonly requestedBy: unknown;
    readonly runAt: string | null;
    readonly plan: unknown;
  };
  /** What was written before the provider was asked; null where it was not asked. */
  intent: Intent | null;
  /** Why the provider has refused it for now; it counts while there is no intent. */
  refusal?: Extract<Poll, { state: "deferred" }>;
  /** Why the last try has found out nothing, where the provider says it in words for people. */
  fault?: ProviderFailure | null;
  /** Whether somebody wants it to end. */
  isCancelRequested: boolean;
  /** Whether nothing was tried yet. */
  isUntouched: boolean;
  /** Whether the provider was heard while there was no intent, and knew nothing of it. A release before wrote no intents. */
  isKnownUnasked: boolean;
}

export const failedRun = (code: string, message: string): FailedPoll => ({
  state: "failed",
  resourceStatus: "unknown",
  failure: { code, message },
});

/** @returns the end of a run whose time is over, and that was never asked for: with the last reason */
export function endOfUnaskedRun({ fault, refusal }: OperationRun): FailedPoll {
  if (fault) return failedRun(fault.code, fault.message);
  if (refusal) return { ...refusal, state: "failed" };
  return failedRun("NotBegun", "There was no time left to begin it.");
}

/** Notes a fault. @returns the end of a run that was never asked for and will not be; else the work may be under way all the same */
export function runAfterFault(run: OperationRun, error: unknown, isLate: boolean): Poll {
  run.fault = providerErrorOf(error);
  const isUnasked = run.isKnownUnasked && !run.intent;
  return isUnasked && (isLate || isFinalProviderError(error)) ? endOfUnaskedRun(run) : { state: "unknown" };
}

/** The code of an operation that was ended because somebody cancelled it. That is no error. */
export const CANCEL_REQUESTED = "CancelRequested";

/** @returns what a poll means once its provider was asked to cancel: what has not begun does not begin, and what a kill has ended is undone */
export function pollAfterCancelling(poll: Poll): Poll {
  const isUndone = poll.state === "failed" && poll.failure.code === "Interrupted";
  const isUnbegun = poll.state === "unknown" || poll.state === "deferred";
  const cancelled = failedRun(CANCEL_REQUESTED, "It was cancelled.");
  if (isUndone) return { ...poll, failure: cancelled.failure };
  return isUnbegun ? cancelled : poll;
}

const STATUSES: Readonly<Record<string, OperationStatus>> = {
  [CANCEL_REQUESTED]: "CANCELLED",
  RequesterRevoked: "CANCELLED",
  RunAtMissed: "EXPIRED",
};

/** @returns the status in which a run ends that has failed: what was cancelled, or never to begin, has not failed */
export const statusAfterFailure = (code: string): OperationStatus => STATUSES[code] ?? "FAILED";

/** Why a run is not begun after its time. */
export const missedRunAt = (runAt: string | null): ProviderFailure => ({
  code: "RunAtMissed",
  message: `It was to begin at ${runAt && new Date(runAt).toISOString()}, and it is too late for that now.`,
});
