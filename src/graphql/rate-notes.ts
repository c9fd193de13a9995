/** What limits of the rate say about a request, and the headers that tell it: those of draft-ietf-httpapi-ratelimit-headers. */
import type { Actor } from "../auth/actor.js";
import type { AppError } from "../errors.js";
import { type RateLimit, RateState } from "../values/rate-state.js";

/** The texts of policies, which are few. */
const policies = new WeakMap<RateLimit, string>();

function policyOf({ name, limit }: RateState): string {
  let text = policies.get(limit);
  if (text === undefined) {
    text = `"${name}";q=${limit.points};w=${limit.seconds}`;
    policies.set(limit, text);
  }
  return text;
}

const leftOf = ({ name, left, resetSeconds }: RateState): string => `"${name}";r=${left};t=${resetSeconds}`;

export class RateNotes {
  /** Each limit that counts for the request, once. */
  private readonly states: RateState[] = [];
  private retryAfterSeconds: number | undefined;
  /** Who has signed in, or stayed signed in, by the request. */
  signedIn: Actor | undefined;

  add(state: RateState): void {
    if (!this.states.some(({ name }) => name === state.name)) this.states.push(state);
  }

  /** Notes that a limit has refused something. @param error RATE_LIMITED */
  note({ extensions, cause }: AppError): void {
    this.retryAfterSeconds = Math.max(this.retryAfterSeconds ?? 0, Number(extensions.retryAfterSeconds));
    if (cause instanceof RateState) this.add(cause);
  }

  headers(): Record<string, string> {
    const headers: Record<string, string> = {};
    if (this.states.length > 0) {
      headers["ratelimit-policy"] = this.states.map(policyOf).join(", ");
      headers.ratelimit = this.states.map(leftOf).join(", ");
    }
    if (this.retryAfterSeconds !== undefined) headers["retry-after"] = String(this.retryAfterSeconds);
    return headers;
  }
}
