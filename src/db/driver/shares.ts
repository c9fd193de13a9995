/** Counts what each caller uses of the pool, and gives each waiting caller its turn. */

import { timeout, unavailable } from "../../errors.js";
import { type Caller, callerShare, mayCallerHaveMore } from "../../values/caller.js";
import type { Turn } from "./turn.js";

/** Statements and transactions that may run or wait at a time. */
const MAX_TURNS = 1000;

/** What one caller uses of the pool. */
export interface Share {
  readonly name: string;
  /** Statements and transactions that run or wait. */
  turns: number;
  /** Connections that it uses. */
  connections: number;
  readonly waiting: Turn[];
}

export class Shares {
  private running = 0;
  private readonly shares = new Map<string, Share>();
  private readonly rotation = new Set<Share>();
  private onDrained = () => {};

  of(caller: Caller): Share {
    const name = callerShare(caller);
    let share = this.shares.get(name);
    if (!share) {
      share = { name, turns: 0, connections: 0, waiting: [] };
      this.shares.set(name, share);
    }
    return share;
  }

  /** @returns the reason why it may not even wait, or undefined */
  refusal({ caller }: Turn, isRead: boolean): Error | undefined {
    const turns = this.shares.get(callerShare(caller))?.turns ?? 0;
    if (!mayCallerHaveMore(turns, MAX_TURNS - this.running)) return unavailable("The database");
    return caller.time?.isOver || (isRead && caller.hasLeft) ? timeout() : undefined;
  }

  count(share: Share, change: 1 | -1): void {
    this.running += change;
    share.turns += change;
    this.dropIfUnused(share);
    if (this.running === 0) this.onDrained();
  }

  /** Drops a share that nothing uses any more. */
  dropIfUnused(share: Share): void {
    if (share.turns === 0 && share.connections === 0) this.shares.delete(share.name);
  }

  /** Resolves when nothing runs or waits any more. */
  drained(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onDrained = resolve;
    });
  }

  wait(turn: Turn, share: Share): void {
    share.waiting.push(turn);
    this.rotation.add(share);
  }

  /** Puts a turn before everything that its caller waits for. */
  waitFirst(turn: Turn): void {
    const share = this.of(turn.caller);
    share.waiting.unshift(turn);
    this.rotation.add(share);
  }

  /** @returns whether it waited */
  withdraw(turn: Turn): boolean {
    const share = this.of(turn.caller);
    const index = share.waiting.indexOf(turn);
    if (index >= 0) share.waiting.splice(index, 1);
    if (share.waiting.length === 0) this.rotation.delete(share);
    return index >= 0;
  }

  /** The callers who wait, the next one first. */
  get queue(): Share[] {
    return [...this.rotation];
  }

  /** Takes the caller's next turn, and puts the caller behind all others who wait. */
  takeNext(share: Share): Turn {
    const turn = share.waiting.shift() as Turn;
    this.rotation.delete(share);
    if (share.waiting.length > 0) this.rotation.add(share);
    return turn;
  }

  /** @returns the turns of a caller that wait */
  waitingOf(caller: Caller): readonly Turn[] {
    return this.shares.get(callerShare(caller))?.waiting ?? [];
  }
}
