/** The face of this folder: who may ask how often. */
import { createAttempts } from "./attempts.service.js";
import type { RateLimits } from "./rate-limits.variables.js";
import { createSharedLimits, type SharedLimitsDeps } from "./shared-limits.service.js";

export type { Attempts } from "./attempts.service.js";
export { deleteEndedRateLimits } from "./rate-limits.store.js";

/** Makes the limits of all tiers. */
export function createRateLimits({ rateLimits, ...deps }: SharedLimitsDeps & { readonly rateLimits: RateLimits }) {
  const shared = createSharedLimits(deps);
  return { attempts: createAttempts(shared, rateLimits.authentication) };
}
