/** What each operation on RDS is made of: a look before, one call for the change, and polls that find out whether it was done. */
import type { Intent, OperationRequest, Poll, Sight } from "../provider.js";
import type { RdsInstance } from "./instances.js";
import { awsCodeOf } from "./refusals.js";
import type { AwsScope } from "./scopes.js";

/** What this process knows of a change that it asked for; after a restart nothing. */
export interface Asked {
  /** Whether AWS has said that it does it. */
  readonly isAcknowledged: boolean;
  /** When, by this process's clock; 0 where it does not know. */
  readonly askedAtMs: number;
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

/** @typeParam F what its look is given: operations on snapshots need no instance */
export interface RdsOperation<R extends OperationRequest, F extends RdsInstance | null = RdsInstance> {
  /** @throws UNAVAILABLE */
  look(scope: AwsScope, request: R, found: F, nowMs: number): Promise<Sight>;
  /** Asks AWS once. @throws OperationFailureError, or what the SDK throws */
  ask(scope: AwsScope, request: R, saw: Sight): Promise<unknown>;
  /** @param found null where the instance is gone @throws UNAVAILABLE */
  poll(scope: AwsScope, request: R, found: RdsInstance | null, facts: PollFacts): Promise<Poll>;
}

/** So long a change that may have been asked for shows. */
const SHOWN_MS = 120_000;

/** Whether a change that does not show may be asked for again, where that changes nothing twice. */
export const mayAskAgain = ({ intent, asked, nowMs }: PollFacts): boolean =>
  !asked.isAcknowledged && nowMs - Date.parse(intent.askedAt) > SHOWN_MS;

/** @returns the answer of AWS; that there is nothing to change says that it is so already */
export const noModificationsIsDone = (answer: Promise<unknown>): Promise<unknown> =>
  answer.catch((error) => {
    if (awsCodeOf(error) === "InvalidParameterCombination" && /no modifications/i.test(error.message)) return;
    throw error;
  });

const STUCK = /^(failed|incompatible-.+|insufficient-capacity|inaccessible-encryption-credentials.*|restore-error)$/;

/** Whether nothing leads on by itself from a status. */
export const isStuck = (status: string): boolean => STUCK.test(status);

/** A change that nobody has seen after so long is given up. */
const LOST_MS = 60 * 60_000;

const isLost = ({ intent, asked, nowMs }: PollFacts): boolean =>
  nowMs - Math.max(Date.parse(intent.askedAt), asked.askedAtMs) > LOST_MS;

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

/** The end of a change of which AWS shows nothing for so long, whether or not it was asked; before that null. */
export const endWithoutSign = (resourceStatus: string, facts: PollFacts): Poll | null =>
  isLost(facts) ? failed("NoSign", "An hour later AWS shows no sign that it was done.", resourceStatus) : null;

/**
 * The answer where a change may have been asked for, and AWS shows nothing of it: it is not repeated.
 * @param taken what is said where AWS has said that it does it
 */
export const undecided = (resourceStatus: string, facts: PollFacts, taken: string): Poll =>
  endWithoutSign(resourceStatus, facts) ??
  running(
    resourceStatus,
    facts.asked.isAcknowledged
      ? taken
      : "Whether AWS was asked is not known. It is not asked twice: its events are watched.",
  );
