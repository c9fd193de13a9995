/** How long a statement usually takes. It is kept with each statement that repeats, so that others go only behind quick ones. */

/** A statement that usually takes less is quick. */
const QUICK_MS = 10;
/** The start value: a few quick runs make a statement quick. */
const UNKNOWN_MS = 100;
/** The value after others had to wait: only many quick runs make it quick again. */
const SLOW_MS = 10_000;
/** The weight of a new run. A busy process sees answers late, so a quick run says more than a slow one. */
const [QUICKER, SLOWER] = [0.5, 0.02];

export class UsualTime {
  private usualMs: number;

  /** @param ms 0 for a statement that is known to be quick, such as a look-up by key */
  constructor(ms = UNKNOWN_MS) {
    this.usualMs = ms;
  }

  /** The usual time of a run, waiting excluded. */
  get ms(): number {
    return this.usualMs;
  }

  get isQuick(): boolean {
    return this.usualMs < QUICK_MS;
  }

  recordRun(ms: number): void {
    this.usualMs += (ms < this.usualMs ? QUICKER : SLOWER) * (ms - this.usualMs);
  }

  /** A failed or stopped run proves only that the statement can take that long. */
  recordFailure(ms: number): void {
    this.usualMs = Math.max(ms, this.usualMs);
  }

  /** Others had to wait for it. */
  markSlow(): void {
    this.usualMs = SLOW_MS;
  }
}
