/** The face of this folder: who may ask how often. */
import type { SecurityService } from "../audit/index.js";
import { createApiLimit } from "./api-limit.service.js";
import { createAttempts } from "./attempts.service.js";
import { createMutationTurns } from "./mutation-turns.service.js";
import type { RateLimits } from "./rate-limits.variables.js";
import { createRedisCounters } from "./redis-counters.js";
import { createSharedLimits, type SharedLimitsDeps } from "./shared-limits.service.js";

export type { ApiLimit } from "./api-limit.service.js";
export type { Attempts } from "./attempts.service.js";
export type { MutationTurns } from "./mutation-turns.service.js";
export { deleteEndedRateLimits } from "./rate-limits.store.js";

interface RateLimitsDeps extends SharedLimitsDeps {
  readonly rateLimits: RateLimits;
  readonly redisUrl: string | undefined;
  readonly security: SecurityService;
}

/** Makes the limits of all tiers. */
export async function createRateLimits({ rateLimits, redisUrl: url, ...deps }: RateLimitsDeps) {
  const shared = createSharedLimits(deps);
  const redis = url === undefined ? undefined : await createRedisCounters({ ...deps, url });
  return {
    attempts: createAttempts(shared, rateLimits.authentication),
    mutationTurns: createMutationTurns(shared, rateLimits),
    apiLimit: createApiLimit(rateLimits.api, { ...deps, redis }),
  };
}
