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
import type { RedisCounters } from "./redis-counters.js";

const TIER = "api";

/** A request's turn. */
export interface ApiTurn {
  readonly state: RateState;
  readonly isRefused: boolean;
  /** Gives the point back of a request that was not refused. */
  giveBack(): void;
}

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

interface ApiLimitDeps {
  readonly clock: { now(): Date };
  readonly security: Pick<SecurityService, "recordNow">;
  readonly log: Log;
  /** Where replicas count together; without it each counts for itself. */
  readonly redis: RedisCounters | undefined;
}

export type ApiLimit = ReturnType<typeof createApiLimit>;

export function createApiLimit(limits: ActorRateLimits, { clock, security, log, redis }: ApiLimitDeps) {
  const { signedIn, anonymous, roles } = limits;
  const counters = new Map<RateLimit, MemoryCounters>(
    [signedIn, anonymous, ...Object.values(roles)].map((limit) => [limit, new MemoryCounters(limit)]),
  );

  function report(actor: Actor, origin: CallOrigin, limit: RateLimit): void {
    const isUser = actor.kind === "user";
    const excess = { tier: TIER, by: isUser ? "user" : "address", limit };
    const event = excessEvent(excess, { origin, userId: isUser ? actor.userId : null });
    // The refusal does not wait for its record.
    security.recordNow(event).catch((err) => log.warn({ err }, "the event of a rate limit could not be recorded"));
  }

  const stateOf = (limit: RateLimit, points: number, msLeft: number) =>
    new RateState(TIER, limit, Math.max(0, limit.points - points), Math.ceil(msLeft / 1000));

  function takeHere(actor: Actor, origin: CallOrigin, limit: RateLimit, key: string): ApiTurn {
    const nowMs = clock.now().getTime();
    const counter = (counters.get(limit) as MemoryCounters).find(key, nowMs);
    const isRefused = counter.points >= limit.points;
    if (!isRefused) counter.points += 1;
    else if (!counter.isReported) {
      counter.isReported = true;
      report(actor, origin, limit);
    }
    return new MemoryTurn(stateOf(limit, counter.points, counter.endsAtMs - nowMs), isRefused, counter);
  }

  async function takeThere(
    redis: RedisCounters,
    actor: Actor,
    origin: CallOrigin,
    limit: RateLimit,
    key: string,
  ): Promise<ApiTurn> {
    const subject = `${TIER} ${actor.kind} ${key}`;
    const count = await redis.take(subject, limit);
    if (!count) return takeHere(actor, origin, limit, key);
    const { points, msLeft } = count;
    // A point that is given back lets the count come here twice.
    if (points === limit.points + 1 && (await redis.claimReport(subject, msLeft))) report(actor, origin, limit);
    const giveBack = () => redis.giveBack(subject, limit);
    const isRefused = points > limit.points;
    // What is refused takes nothing, so that a point that somebody gives back is there for the next.
    if (isRefused) giveBack();
    return { state: stateOf(limit, points, msLeft), isRefused, giveBack };
  }

  return {
    /** Takes a point for a request. In memory it waits for nothing, and a refused request costs next to nothing. */
    take(actor: Actor, origin: CallOrigin): ApiTurn | Promise<ApiTurn> {
      const limit = limitOfActor(limits, actor);
      const key = actor.kind === "user" ? actor.userId : networkOf(origin.ipAddress);
      return redis?.isUp ? takeThere(redis, actor, origin, limit, key) : takeHere(actor, origin, limit, key);
    },

    /** @returns what readiness reports of it */
    state: () => (redis ? { rateLimits: { redis: redis.isUp ? "up" : "down" } } : {}),
    start: async () => redis?.start(),
    stop: async () => redis?.stop(),
  };
}
