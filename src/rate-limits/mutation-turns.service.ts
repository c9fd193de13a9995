/** Limits how often mutations of a tier may be called: each field counts, and all replicas together. */
import type { CallOrigin } from "../audit/call.js";
import type { Actor } from "../auth/actor.js";
import { networkOf } from "../values/caller.js";
import type { MutationTier } from "../values/rate-state.js";
import { limitOfActor } from "./actor-limit.js";
import type { RateLimits } from "./rate-limits.variables.js";
import type { RateSubject, SharedLimits } from "./shared-limits.service.js";

export type MutationTurns = ReturnType<typeof createMutationTurns>;

export function createMutationTurns(shared: SharedLimits, { bulk, registration }: RateLimits) {
  function subjectOf(tier: MutationTier, actor: Actor, { ipAddress }: CallOrigin): RateSubject {
    const isByUser = tier === "bulk" && actor.kind === "user";
    return {
      tier,
      limit: tier === "bulk" ? limitOfActor(bulk, actor) : registration.address,
      ...(isByUser ? { by: "user", parts: [actor.userId] } : { by: "address", parts: [networkOf(ipAddress)] }),
    };
  }
  return {
    /** Takes a point for one call. @throws RATE_LIMITED, UNAVAILABLE */
    async take(tier: MutationTier, actor: Actor, origin: CallOrigin): Promise<void> {
      const userId = actor.kind === "user" ? actor.userId : null;
      await shared.take([subjectOf(tier, actor, origin)], { origin, userId });
    },
  };
}
