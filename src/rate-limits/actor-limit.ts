/** The limit of whoever calls. */
import type { Actor } from "../auth/actor.js";
import type { RateLimit } from "../values/rate-state.js";
import type { ActorRateLimits } from "./rate-limits.variables.js";

export const limitOfActor = ({ signedIn, anonymous, roles }: ActorRateLimits, actor: Actor): RateLimit =>
  actor.kind === "user" ? (roles[actor.role] ?? signedIn) : anonymous;
