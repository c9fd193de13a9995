/** The double's time: what is due happens in its order when somebody looks, so that nothing waits and no timer runs. */

export interface Clock {
  now(): Date;
}

export interface Timeline {
  /** @returns the moment, in milliseconds; while something that was due happens, the moment at which it was due */
  now(): number;
  at(moment: number, act: () => void): void;
  after(milliseconds: number, act: () => void): void;
  /** Lets everything happen that is due. */
  catchUp(): void;
  /** Moves the clock forward, and lets everything happen that is due by then. */
  advance(milliseconds: number): void;
}

/** @param clock the time that passes by itself; `advance` adds to it */
export function createTimeline(clock: Clock): Timeline {
  /** The latest comes first, and of those due at the same moment the last one planned. */
  const due: { readonly moment: number; readonly act: () => void }[] = [];
  let ahead = 0;
  let happening: number | null = null;
  const present = () => clock.now().getTime() + ahead;

  const at = (moment: number, act: () => void) => {
    let low = 0;
    let high = due.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (due[middle]!.moment > moment) low = middle + 1;
      else high = middle;
    }
    due.splice(low, 0, { moment, act });
  };

  const now = () => happening ?? present();

  const catchUp = () => {
    const target = present();
    try {
      for (let next = due.at(-1); next && next.moment <= target; next = due.at(-1)) {
        due.pop();
        happening = next.moment;
        next.act();
      }
    } finally {
      happening = null;
    }
  };

  return {
    now,
    at,
    after: (milliseconds, act) => at(now() + milliseconds, act),
    catchUp,
    advance(milliseconds) {
      ahead += milliseconds;
      catchUp();
    },
  };
}
