/** When failed attempts lock an account, and for how long. They count for the account, from whatever address they come. */

const MAX_FAILURES = 5;
const WINDOW_MS = 15 * 60_000;
const FIRST_LOCK_MS = 60_000;
const MAX_LOCK_MS = 15 * 60_000;

/** What is counted for an account; moments in milliseconds since the epoch. */
export interface Lockout {
  /** The failures since the window began. Attempts during a lock count on, and change nothing else. */
  readonly failures: number;
  readonly windowBeganAtMs: number | null;
  /** The locks since the last success. Each is twice as long as the one before. */
  readonly locksInARow: number;
  readonly lockedUntilMs: number | null;
}

/** The lockout of an account whose password nobody has got wrong. */
export const NO_LOCKOUT: Lockout = { failures: 0, windowBeganAtMs: null, locksInARow: 0, lockedUntilMs: null };

interface JudgedLockout {
  readonly lockout: Lockout;
  /** Whether the attempt is the right one, and no lock stands before it. */
  readonly passes: boolean;
  /** Whether a lock begins with this attempt. */
  readonly begins: boolean;
}

/**
 * Judges an attempt by what was counted before it. For example, with failures at 12:00, 12:01, 12:02, 12:03 and 12:04:
 *
 *     12:04:00 the fifth failure   -> a lock until 12:05:00
 *     12:04:30 the right password  -> refused, as a wrong one is
 *     12:05:00 a wrong password    -> the first failure of a new window
 *     12:06:00 the right password  -> passes; everything is forgotten
 *     otherwise four more failures until 12:19 -> a lock of two minutes, then of four, eight, and at most fifteen
 */
export function judgeLockout(lockout: Lockout, isRight: boolean, nowMs: number): JudgedLockout {
  const { failures, windowBeganAtMs, locksInARow, lockedUntilMs } = lockout;
  if (lockedUntilMs !== null && lockedUntilMs > nowMs) {
    return { lockout: { ...lockout, failures: failures + 1 }, passes: false, begins: false };
  }
  if (isRight) return { lockout: NO_LOCKOUT, passes: true, begins: false };
  const isInWindow = lockedUntilMs === null && windowBeganAtMs !== null && windowBeganAtMs + WINDOW_MS > nowMs;
  const counted = isInWindow
    ? { ...lockout, failures: failures + 1 }
    : { failures: 1, windowBeganAtMs: nowMs, locksInARow, lockedUntilMs: null };
  if (counted.failures < MAX_FAILURES) return { lockout: counted, passes: false, begins: false };
  const lockMs = Math.min(FIRST_LOCK_MS * 2 ** locksInARow, MAX_LOCK_MS);
  return {
    lockout: { ...counted, locksInARow: locksInARow + 1, lockedUntilMs: nowMs + lockMs },
    passes: false,
    begins: true,
  };
}
