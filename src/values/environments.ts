/** The environments that an instance can belong to. */

/** From the nearest to production to the farthest. */
export const ENVIRONMENTS = ["PRODUCTION", "STAGING", "TEST", "DEVELOPMENT", "POC", "SANDBOX"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];
