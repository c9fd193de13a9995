/** Counters in Redis or Valkey, which replicas share. Where it does not answer, nothing is counted. */
import { createHmac } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { unavailable } from "../errors.js";
import type { Log } from "../log.js";
import type { RateLimit } from "../values/rate-state.js";
import { withTimeout } from "../values/with-timeout.js";

/** What a key has taken in its window, this point included, and those that were refused. */
interface RedisCount {
  readonly points: number;
  readonly msLeft: number;
}

export interface RedisCounters {
  readonly isUp: boolean;
  /** Takes a point. @returns null where Redis does not answer */
  take(subject: string, limit: RateLimit): Promise<RedisCount | null>;
  giveBack(subject: string, limit: RateLimit): void;
  /** @returns whether nobody has reported the subject's window before; false where Redis does not answer */
  claimReport(subject: string, msLeft: number): Promise<boolean>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A request waits no longer for its count. */
const ANSWER_MS = 100;
/** After so many commands in a row without an answer it is away. */
const SILENT_COMMANDS = 3;
/** How long a start waits for it, and how long nobody asks it after it did not answer. */
const PATIENCE_MS = 1000;
const MAX_RECONNECT_MS = 2000;
/** Gives a point back of a window that is still open. The library's own way would begin the next window with it. */
const GIVE_BACK = "if redis.call('exists', KEYS[1]) == 1 then return redis.call('decr', KEYS[1]) end return 0";
/** Commands that wait for an answer. More would only be answered too late. */
const MAX_WAITING = 10_000;

const noAnswer = () => unavailable("Redis");

interface RedisCountersDeps {
  readonly url: string;
  readonly log: Log;
  /** The key of the hashes under which counters are kept, so that installations may share a Redis, and addresses cannot be read there. */
  readonly rateKey: string;
}

/** The packages are loaded only where they are needed. */
export async function createRedisCounters({ url, log, rateKey }: RedisCountersDeps): Promise<RedisCounters> {
  const [{ createClient }, { RateLimiterRedis }] = await Promise.all([
    import("redis"),
    import("rate-limiter-flexible"),
  ]);
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    socket: {
      connectTimeout: PATIENCE_MS,
      reconnectStrategy: (tries) => Math.min(100 * 2 ** Math.min(tries, 10), MAX_RECONNECT_MS),
    },
  });
  let isAway = true;
  let askAgainAtMs = 0;
  let silent = 0;
  const limiters = new Map<RateLimit, RateLimiterRedis>();

  const keyOf = (subject: string) => createHmac("sha256", rateKey).update(subject).digest("base64url");

  /** Tells of a change once. The fault may hold the address, so only its code is logged. */
  function note(away: boolean, fault?: unknown): void {
    askAgainAtMs = away ? performance.now() + PATIENCE_MS : 0;
    if (away === isAway) return;
    isAway = away;
    if (away) {
      const { code } = (fault ?? {}) as { code?: string };
      log.warn({ code }, "Redis does not answer: requests are not limited until it does");
    } else log.info("Redis answers: requests are limited");
  }
  client.on("ready", () => note(false));
  client.on("error", (fault) => note(true, fault));

  /** A timer may fire before an answer is read that came while this process was busy. */
  async function inTime<T>(answer: Promise<T>): Promise<T> {
    return withTimeout(answer, ANSWER_MS, noAnswer).catch(async (fault) => {
      await setImmediate();
      return withTimeout(answer, 1, () => fault);
    });
  }

  async function ask<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await inTime(work());
      silent = 0;
      note(false);
      return answer;
    } catch (fault) {
      silent += 1;
      if (silent >= SILENT_COMMANDS || !client.isReady) note(true, fault);
      return null;
    }
  }

  function limiterOf(limit: RateLimit): RateLimiterRedis {
    let limiter = limiters.get(limit);
    if (!limiter) {
      const { points, seconds: duration } = limit;
      const options = { storeClient: client, useRedisPackage: true, rejectIfRedisNotReady: true };
      limiter = new RateLimiterRedis({ ...options, points, duration, keyPrefix: "postern" });
      limiters.set(limit, limiter);
    }
    return limiter;
  }

  /** The library throws a count where there is no point left. */
  const counted = (counting: Promise<RateLimiterRes>): Promise<RateLimiterRes> =>
    counting.catch((thrown: RateLimiterRes | Error) => {
      if (thrown instanceof Error) throw thrown;
      return thrown;
    });

  return {
    get isUp() {
      return !isAway || (client.isReady && performance.now() >= askAgainAtMs);
    },

    async take(subject, limit) {
      const count = await ask(() => counted(limiterOf(limit).consume(keyOf(subject))));
      return count && { points: count.consumedPoints, msLeft: count.msBeforeNext };
    },

    giveBack(subject, limit) {
      void ask(() => client.eval(GIVE_BACK, { keys: [limiterOf(limit).getKey(keyOf(subject))] }));
    },

    async claimReport(subject, msLeft) {
      const expiration = { type: "PX", value: Math.max(1, msLeft) } as const;
      const claim = () => client.set(`postern:reported:${keyOf(subject)}`, "1", { condition: "NX", expiration });
      return (await ask(claim)) === "OK";
    },

    async start() {
      // It goes on to connect where this gives up.
      await withTimeout(client.connect(), PATIENCE_MS, noAnswer).catch((fault) => {
        isAway = false;
        note(true, fault);
      });
    },

    async stop() {
      client.removeAllListeners("ready");
      if (client.isOpen) client.destroy();
    },
  };
}
