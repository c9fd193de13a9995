/** How long those wait for their records who are to be answered: a second, but hardly longer than their root field may take. */

import { timeout } from "../errors.js";
import { currentCaller } from "../values/caller.js";

/** A database that takes longer to keep records is taken for away. */
const MOST_MS = 1000;
/** Of a call that has had its time, such as one that failed because the database does not answer. */
const LEAST_MS = 50;

export class Patience {
  private untilMs = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private giveUp: ((error: Error) => void) | undefined;

  /** @returns when the caller of now is to be answered, by `performance.now()` */
  static ends(): number {
    const leftMs = currentCaller().time?.leftMs ?? MOST_MS;
    return performance.now() + Math.max(LEAST_MS, Math.min(MOST_MS, leftMs));
  }

  /** Of what is under way somebody waits who has less time. */
  shorten(untilMs: number): void {
    if (!this.giveUp || untilMs >= this.untilMs) return;
    this.untilMs = untilMs;
    clearTimeout(this.timer);
    const late = () => this.giveUp?.(timeout());
    // An answer that came while this process was busy counts as in time.
    this.timer = setTimeout(() => setImmediate(late), untilMs - performance.now());
  }

  /** @throws TIMEOUT where the work takes longer: whether it will be done is not known then */
  async until<T>(untilMs: number, work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    this.untilMs = Number.POSITIVE_INFINITY;
    this.giveUp = late.reject;
    // After a busy moment of this process it is tried nevertheless.
    this.shorten(Math.max(untilMs, performance.now() + LEAST_MS));
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      clearTimeout(this.timer);
      this.giveUp = undefined;
    }
  }
}
