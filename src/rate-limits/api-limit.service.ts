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
  /** Undefined where nothing is counted. */
  readonly state: RateState | undefined;
  /** Whether the request is refused, and whether others of its key were before it in the window. */
  readonly refusal: "first" | "repeated" | undefined;
  /** Gives the point back of a request that was not refused. */
  giveBack(): void;
}

class MemoryTurn implements ApiTurn {
  constructor(
    readonly state: RateState,
    readonly refusal: ApiTurn["refusal"],
    private readonly counter: MemoryCounter,
  ) {}

  giveBack(): void {
    this.counter.points -= 1;
  }
}

/** While Redis is away nobody is turned away for it. */
const UNCOUNTED: ApiTurn = { state: undefined, refusal: undefined, giveBack: () => undefined };

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
    const refusal = isRefused ? (counter.isReported ? "repeated" : "first") : undefined;
    if (!isRefused) counter.points += 1;
    if (refusal === "first") {
      counter.isReported = true;
      report(actor, origin, limit);
    }
    return new MemoryTurn(stateOf(limit, counter.points, counter.endsAtMs - nowMs), refusal, counter);
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
    if (!count) return UNCOUNTED;
    const { points, msLeft } = count;
    const state = stateOf(limit, points, msLeft);
    const giveBack = () => redis.giveBack(subject, limit);
    if (points <= limit.points) return { state, refusal: undefined, giveBack };
    // What is refused takes nothing, so that a point that somebody gives back is there for the next.
    giveBack();
    if (!(await redis.claimReport(subject, msLeft))) return { state, refusal: "repeated", giveBack };
    report(actor, origin, limit);
    return { state, refusal: "first", giveBack };
  }

  return {
    /** Takes a point for a request. In memory it waits for nothing, and a refused request costs next to nothing. */
    take(actor: Actor, origin: CallOrigin): ApiTurn | Promise<ApiTurn> {
      const limit = limitOfActor(limits, actor);
      const key = actor.kind === "user" ? actor.userId : networkOf(origin.ipAddress);
      if (!redis) return takeHere(actor, origin, limit, key);
      return redis.isUp ? takeThere(redis, actor, origin, limit, key) : UNCOUNTED;
    },

    /** @returns what readiness reports of it */
    state: () => (redis ? { rateLimits: { redis: redis.isUp ? "up" : "down" } } : {}),
    start: async () => redis?.start(),
    stop: async () => redis?.stop(),
  };
}
