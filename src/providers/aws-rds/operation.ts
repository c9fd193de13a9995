/** What each operation on RDS is made of: a look before, one call for the change, and polls that find out whether it was done. */
import type { Intent, OperationRequest, Poll, Sight } from "../provider.js";
import type { RdsInstance } from "./instances.js";
import type { AwsScope } from "./scopes.js";

/** What this process knows of a change that it asked for; after a restart nothing. */
export interface Asked {
  /** Whether AWS has said that it does it. */
  readonly isAcknowledged: boolean;
  /** Whether a poll has seen the resource busy with it. */
  wasBusy: boolean;
}

export type RequestOf<T extends OperationRequest["type"]> = Extract<OperationRequest, { type: T }>;

/** What a poll goes by. */
export interface PollFacts {
  readonly intent: Intent;
  readonly asked: Asked;
  readonly nowMs: number;
}

export interface RdsOperation<R extends OperationRequest> {
  /** @throws UNAVAILABLE */
  look(scope: AwsScope, request: R, found: RdsInstance): Promise<Sight>;
  /** Asks AWS once. @throws OperationFailureError, or what the SDK throws */
  ask(scope: AwsScope, request: R, saw: Sight): Promise<unknown>;
  /** @param found null where the instance is gone @throws UNAVAILABLE */
  poll(scope: AwsScope, request: R, found: RdsInstance | null, facts: PollFacts): Promise<Poll>;
}

/** A change that nobody has seen after so long is given up. */
const LOST_MS = 60 * 60_000;

export const isLost = ({ intent, nowMs }: PollFacts): boolean => nowMs - Date.parse(intent.askedAt) > LOST_MS;

export const failed = (code: string, message: string, resourceStatus = "unknown"): Poll => ({
  state: "failed",
  resourceStatus,
  failure: { code, message },
});

export const isGone = (): Poll => failed("DBInstanceNotFound", "AWS has this instance no more.", "deleted");

export const running = (resourceStatus: string, message: string, percent: number | null = null): Poll => ({
  state: "running",
  resourceStatus,
  message,
  percent,
});

/** The answer where a change may have been asked for, and AWS shows nothing of it: it is not repeated. */
export const undecided = (resourceStatus: string, facts: PollFacts): Poll =>
  isLost(facts)
    ? failed("NoSign", "An hour later AWS shows no sign that it was done.", resourceStatus)
    : running(resourceStatus, "Whether AWS was asked is not known. It is not asked twice: its events are watched.");
