/** Counters in memory. Their number is bounded, and they need no timer. */
import type { RateLimit } from "../values/rate-state.js";

/** Some 20 MB. An address or user beyond them takes the place of the counter whose window ends first. */
const MAX_COUNTERS = 100_000;

/** What one key has taken in its window. */
export class MemoryCounter {
  points = 0;
  /** Whether the window's security event is recorded. */
  isReported = false;
  constructor(readonly endsAtMs: number) {}
}

/** The counters of one limit. All of their windows are as long, so that the oldest counter is the first to end. */
export class MemoryCounters {
  readonly #counters = new Map<string, MemoryCounter>();

  constructor(
    readonly limit: RateLimit,
    private readonly max = MAX_COUNTERS,
  ) {}

  /** @returns the counter of the key's window, which begins now where none is under way */
  find(key: string, nowMs: number): MemoryCounter {
    const known = this.#counters.get(key);
    if (known && known.endsAtMs > nowMs) return known;
    this.#counters.delete(key);
    for (const [oldest, { endsAtMs }] of this.#counters) {
      if (endsAtMs > nowMs && this.#counters.size < this.max) break;
      this.#counters.delete(oldest);
    }
    const counter = new MemoryCounter(nowMs + this.limit.seconds * 1000);
    this.#counters.set(key, counter);
    return counter;
  }
}
