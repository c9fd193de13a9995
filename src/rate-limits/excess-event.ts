/** The security event of a limit that is used up, of which there is one for each key and window. */
import type { CallOrigin } from "../audit/call.js";
import type { RecordedEvent } from "../audit/index.js";
import type { RateLimit } from "../values/rate-state.js";

/** Who asks. */
export interface RateAsker {
  readonly origin: CallOrigin;
  readonly userId?: string | null;
}

/** What is used up. */
export interface RateExcess {
  /** As clients read it in headers, such as `authentication`. */
  readonly tier: string;
  /** What the tier counts by, such as `account` or `address`. */
  readonly by: string;
  readonly limit: RateLimit;
  /** What the event says besides. */
  readonly facts?: Readonly<Record<string, string>> | undefined;
}

export const excessEvent = (
  { tier, by, limit, facts }: RateExcess,
  { origin, userId = null }: RateAsker,
): RecordedEvent => ({
  eventType: "excess_rate_limit_exceeded",
  eventStatus: "WARNING",
  userId,
  origin,
  metadata: { tier, by, ...limit, ...facts },
});
