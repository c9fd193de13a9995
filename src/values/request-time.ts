/** Measures the time of a request: each root field has its time-out, and the whole request three times as long. */
import { timeout } from "../errors.js";
import { withTimeout } from "./with-timeout.js";

/** PostgreSQL stops a statement at its time-out. Postern waits so much longer for that answer before it gives up by itself. */
export const REQUEST_GRACE_MS = 250;
const TIMEOUTS_PER_REQUEST = 3;

/** The time that is left to one request and to its root field under way. */
export class RequestTime {
  private endsAtMs: number;
  private fieldEndsAtMs: number;

  /** Starts the time of the request and of a query's root fields. @param timeoutMs the time-out of a statement and of a root field */
  constructor(private readonly timeoutMs: number) {
    const now = performance.now();
    this.endsAtMs = now + TIMEOUTS_PER_REQUEST * timeoutMs;
    this.fieldEndsAtMs = now + timeoutMs;
  }

  /** Whether the root field under way has used its time, so that it may start nothing more. */
  get isOver(): boolean {
    return performance.now() >= this.fieldEndsAtMs;
  }

  /** The milliseconds that are left for a statement of the root field under way. */
  get leftMs(): number {
    return this.fieldEndsAtMs + REQUEST_GRACE_MS - performance.now();
  }

  /** Starts the time of the next root field of a mutation. @throws TIMEOUT where the request has used its time */
  beginField(): void {
    const now = performance.now();
    if (now >= this.endsAtMs) throw timeout();
    this.fieldEndsAtMs = Math.min(now + this.timeoutMs, this.endsAtMs);
  }

  /** Does work that its caller asked to wait for, at most `ms` long. Its time is not counted. */
  async withoutCounting<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const beganMs = performance.now();
    this.fieldEndsAtMs += ms;
    this.endsAtMs += ms;
    try {
      return await work();
    } finally {
      const unusedMs = Math.max(0, ms - (performance.now() - beganMs));
      this.fieldEndsAtMs -= unusedMs;
      this.endsAtMs -= unusedMs;
    }
  }

  /** Waits for the work. @throws TIMEOUT when the time ends first; the work goes on, and nobody looks at its result */
  within<T>(work: Promise<T>): Promise<T> {
    return withTimeout(work, this.leftMs, timeout);
  }
}
