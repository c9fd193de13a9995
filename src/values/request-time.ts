/** How long a request may take: each root field its time-out, and all together three times as long. */
import { timeout } from "../errors.js";
import { withTimeout } from "./with-timeout.js";

/** A statement is given up so much later than the server stops it, where the server answers. */
export const GRACE_MS = 250;
const FIELDS = 3;

export class RequestTime {
  private endsAtMs: number;
  private fieldEndsAtMs: number;

  /** Root fields of a query begin with the request. @param timeoutMs of a statement, and of a root field */
  constructor(private readonly timeoutMs: number) {
    const now = performance.now();
    this.endsAtMs = now + FIELDS * timeoutMs;
    this.fieldEndsAtMs = now + timeoutMs;
  }

  /** Whether the root field that is under way begins nothing any more. */
  get isOver(): boolean {
    return performance.now() >= this.fieldEndsAtMs;
  }

  /** What is left for a statement of the root field that is under way. */
  get leftMs(): number {
    return this.fieldEndsAtMs + GRACE_MS - performance.now();
  }

  /** A root field of a mutation begins, after those before it. @throws TIMEOUT where the request has had its time */
  beginField(): void {
    const now = performance.now();
    if (now >= this.endsAtMs) throw timeout();
    this.fieldEndsAtMs = Math.min(now + this.timeoutMs, this.endsAtMs);
  }

  /** Waits for something that its caller asked to wait for so long, which takes nothing of the time. */
  async apart<T>(ms: number, work: () => Promise<T>): Promise<T> {
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

  /** @throws TIMEOUT when no time is left before the work is done, whatever becomes of it then */
  within<T>(work: Promise<T>): Promise<T> {
    return withTimeout(work, this.leftMs, timeout);
  }
}
