/** How long the runs of a statement take: whoever runs it again and again keeps this with it, so that others are sent behind it only where they hardly wait. */

/** What usually takes less is quick. */
const QUICK_MS = 25;
/** Of what has not yet run: some quick runs must come first. */
const UNKNOWN_MS = 100;
/** What a run adds to what is usual. */
const WEIGHT = 0.2;
/** After others have waited too long: dozens of quick runs must come first. */
const BROKEN_MS = 10_000;

export class Pace {
  /** @param usualMs 0 for what is known to be quick, such as a look-up by a key */
  constructor(private usualMs = UNKNOWN_MS) {}

  get isQuick(): boolean {
    return this.usualMs < QUICK_MS;
  }

  /** @param ms how long a run took, without its wait */
  ran(ms: number): void {
    this.usualMs += WEIGHT * (ms - this.usualMs);
  }

  /** Others had to wait. */
  broke(): void {
    this.usualMs = BROKEN_MS;
  }
}
