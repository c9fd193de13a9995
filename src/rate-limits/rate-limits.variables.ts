/** The environment variables of rate limits: who may ask how often, tier by tier. */
import { z } from "zod";
import { ROLES, type Role } from "../auth/permissions.js";
import type { RateLimit } from "../values/rate-state.js";
import { jsonVariable, secretVariable, variables } from "../values/variables.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const MAX_POINTS = 1_000_000_000;
const MAX_SECONDS = 7 * 24 * HOUR;

const count = (max: number) =>
  z.int(`is a whole number from 1 to ${max}`).min(1, `is at least 1`).max(max, `is at most ${max}`);

/** One limit. What is left out stays as it is. */
const limitOf = (points: number, seconds: number) =>
  z
    .strictObject({ points: count(MAX_POINTS).default(points), seconds: count(MAX_SECONDS).default(seconds) })
    .prefault({});

/** The limit of a role, which has no default. */
const roleLimit = z.strictObject({ points: count(MAX_POINTS), seconds: count(MAX_SECONDS) });

const ofActors = (signedIn: ReturnType<typeof limitOf>, anonymous: ReturnType<typeof limitOf>) =>
  z.strictObject({ signedIn, anonymous, roles: z.partialRecord(z.enum(ROLES), roleLimit).default({}) }).prefault({});

const rateLimitsText = jsonVariable.pipe(
  z.strictObject({
    authentication: z
      .strictObject({ account: limitOf(5, 15 * MINUTE), address: limitOf(100, 15 * MINUTE) })
      .prefault({}),
    registration: z.strictObject({ address: limitOf(3, HOUR) }).prefault({}),
    bulk: ofActors(limitOf(600, HOUR), limitOf(10, HOUR)),
    api: ofActors(limitOf(6000, MINUTE), limitOf(100, MINUTE)),
  }),
);

/** The limits of a tier by who calls: a user, with the role's own limit where it has one, or an address. */
export interface ActorRateLimits {
  readonly signedIn: RateLimit;
  readonly anonymous: RateLimit;
  readonly roles: Readonly<Partial<Record<Role, RateLimit>>>;
}

export interface RateLimits {
  /** Of attempts on one account from one address, and of all attempts from one address. */
  readonly authentication: { readonly account: RateLimit; readonly address: RateLimit };
  readonly registration: { readonly address: RateLimit };
  readonly bulk: ActorRateLimits;
  readonly api: ActorRateLimits;
}

export const rateLimitsVariables = variables(
  {
    RATE_LIMITS: rateLimitsText
      .prefault("{}")
      .describe("Who may ask how often, as JSON: `authentication`, `registration`, `bulk`, `api`."),
    REDIS_URL: secretVariable(
      z.url({ protocol: /^rediss?$/, error: "is the address of a Redis or Valkey, such as redis://127.0.0.1:6379" }),
    ).describe(
      "A Redis or Valkey in which replicas count requests together. Without it each replica counts for itself.",
    ),
  },
  ({ RATE_LIMITS, REDIS_URL }): { rateLimits: RateLimits; redisUrl: string | undefined } => ({
    rateLimits: RATE_LIMITS as RateLimits,
    redisUrl: REDIS_URL,
  }),
);
