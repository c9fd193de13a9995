/** Limits the requests of everybody: a user's, wherever they come from, and those of an address where nobody has signed in. */
import type { CallOrigin } from "../audit/call.js";
import type { SecurityService } from "../audit/index.js";
import type { Actor } from "../auth/actor.js";
import type { Log } from "../log.js";
import { networkOf } from "../values/caller.js";
import { type RateLimit, RateState } from "../values/rate-state.js";
import { limitOfActor } from "./actor-limit.js";
import { excessEvent } from "./excess-event.js";
import { type MemoryCounter, MemoryCounters } from "./memory-counters.js";
import type { ActorRateLimits } from "./rate-limits.variables.js";

const TIER = "api";

/** A request's turn. */
export interface ApiTurn {
  readonly state: RateState;
  readonly isRefused: boolean;
  /** Gives its point back, where the request has signed somebody in. */
  giveBack(): void;
}

interface ApiLimitDeps {
  readonly clock: { now(): Date };
  readonly security: Pick<SecurityService, "recordNow">;
  readonly log: Log;
}

export type ApiLimit = ReturnType<typeof createApiLimit>;

export function createApiLimit(limits: ActorRateLimits, { clock, security, log }: ApiLimitDeps) {
  const { signedIn, anonymous, roles } = limits;
  const counters = new Map<RateLimit, MemoryCounters>(
    [signedIn, anonymous, ...Object.values(roles)].map((limit) => [limit, new MemoryCounters(limit)]),
  );

  class MemoryTurn implements ApiTurn {
    constructor(
      readonly state: RateState,
      readonly isRefused: boolean,
      private readonly counter: MemoryCounter,
    ) {}

    giveBack(): void {
      this.counter.points -= 1;
    }
  }

  function report(actor: Actor, origin: CallOrigin, limit: RateLimit): void {
    const isUser = actor.kind === "user";
    const excess = { tier: TIER, by: isUser ? "user" : "address", limit };
    const event = excessEvent(excess, { origin, userId: isUser ? actor.userId : null });
    // The refusal does not wait for its record.
    security.recordNow(event).catch((err) => log.warn({ err }, "the event of a rate limit could not be recorded"));
  }

  return {
    /** Takes a point for a request. It touches no database, and a refused request costs next to nothing. */
    take(actor: Actor, origin: CallOrigin): ApiTurn {
      const limit = limitOfActor(limits, actor);
      const nowMs = clock.now().getTime();
      const key = actor.kind === "user" ? actor.userId : networkOf(origin.ipAddress);
      const counter = (counters.get(limit) as MemoryCounters).find(key, nowMs);
      const isRefused = counter.points >= limit.points;
      if (!isRefused) counter.points += 1;
      else if (!counter.isReported) {
        counter.isReported = true;
        report(actor, origin, limit);
      }
      const resetSeconds = Math.ceil((counter.endsAtMs - nowMs) / 1000);
      return new MemoryTurn(
        new RateState(TIER, limit, limit.points - counter.points, resetSeconds),
        isRefused,
        counter,
      );
    },
  };
}
