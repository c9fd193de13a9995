/** Lets only a few subscriptions read at a time, so that many of them never keep requests from the database, nor one user the others. */
const MAX_READING = 4;
const MAX_OF_ONE = 2;

interface WaitingTurn {
  readonly holder: string;
  readonly begin: () => void;
}

export class LiveTurns {
  private readonly waiting: WaitingTurn[] = [];
  private readonly reading = new Map<string, number>();
  private free = MAX_READING;

  private mayBegin(holder: string): boolean {
    return this.free > 0 && (this.reading.get(holder) ?? 0) < MAX_OF_ONE;
  }

  private count(holder: string, change: 1 | -1): void {
    this.free -= change;
    const reading = (this.reading.get(holder) ?? 0) + change;
    if (reading > 0) this.reading.set(holder, reading);
    else this.reading.delete(holder);
  }

  /** Waits for a turn. @param holder the user who reads @returns a function that ends it */
  async take(holder: string): Promise<() => void> {
    if (this.mayBegin(holder)) this.count(holder, 1);
    else await new Promise<void>((begin) => this.waiting.push({ holder, begin }));
    return () => {
      this.count(holder, -1);
      const index = this.waiting.findIndex((turn) => this.mayBegin(turn.holder));
      if (index < 0) return;
      const [next] = this.waiting.splice(index, 1) as [WaitingTurn];
      this.count(next.holder, 1);
      next.begin();
    };
  }
}
