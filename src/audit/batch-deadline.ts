/** The deadline of the batch of records that is written now: a second, or less where a caller has less time left. */
import { timeout } from "../errors.js";
import { currentCaller } from "../values/caller.js";

/** A database that takes longer to keep records counts as away. */
const MAX_MS = 1000;
/** A call whose time is over, perhaps because the database did not answer, still gets this for its record. */
const MIN_MS = 50;

export class BatchDeadline {
  private untilMs = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private giveUp: ((error: Error) => void) | undefined;

  /** @returns when the current caller must be answered, by `performance.now()` */
  static ofCaller(): number {
    const leftMs = currentCaller().time?.leftMs ?? MAX_MS;
    return performance.now() + Math.max(MIN_MS, Math.min(MAX_MS, leftMs));
  }

  /** Brings the deadline of the current batch forward, for a caller who waits behind it. */
  shorten(untilMs: number): void {
    if (!this.giveUp || untilMs >= this.untilMs) return;
    this.untilMs = untilMs;
    clearTimeout(this.timer);
    const late = () => this.giveUp?.(timeout());
    // setImmediate lets an answer come first that arrived while this process was busy.
    this.timer = setTimeout(() => setImmediate(late), untilMs - performance.now());
  }

  /** @throws TIMEOUT where the work takes longer; whether it will be done is unknown then */
  async apply<T>(untilMs: number, work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    this.untilMs = Number.POSITIVE_INFINITY;
    this.giveUp = late.reject;
    // Where this process was busy and the deadline has passed, the work is tried all the same.
    this.shorten(Math.max(untilMs, performance.now() + MIN_MS));
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      clearTimeout(this.timer);
      this.giveUp = undefined;
    }
  }
}
