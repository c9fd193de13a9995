/** How long the runs of a statement take: whoever runs it again and again keeps this with it, so that others are sent behind it only where they hardly wait. */

/** What usually takes less is quick. */
const QUICK_MS = 10;
/** Of what has not yet run: some quick runs must come first. */
const UNKNOWN_MS = 100;
/** After others have waited too long: many quick runs must come first. */
const BROKEN_MS = 10_000;
/** What a run changes of what is usual. A busy process sees answers late, so that a quick run tells more than a slow one. */
const [QUICKER, SLOWER] = [0.5, 0.02];

export class UsualTime {
  private usualMs: number;

  /** @param ms 0 for what is known to be quick, such as a look-up by a key */
  constructor(ms = UNKNOWN_MS) {
    this.usualMs = ms;
  }

  /** How long a run usually takes, without its wait. */
  get ms(): number {
    return this.usualMs;
  }

  get isQuick(): boolean {
    return this.usualMs < QUICK_MS;
  }

  ran(ms: number): void {
    this.usualMs += (ms < this.usualMs ? QUICKER : SLOWER) * (ms - this.usualMs);
  }

  /** A run that failed, or was stopped, tells only that it may take so long. */
  failed(ms: number): void {
    this.usualMs = Math.max(ms, this.usualMs);
  }

  /** Others had to wait. */
  broke(): void {
    this.usualMs = BROKEN_MS;
  }
}
