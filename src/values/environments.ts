/** The environments that an instance can belong to, from production to the one that is farthest from it. */
export const ENVIRONMENTS = ["PRODUCTION", "STAGING", "TEST", "DEVELOPMENT", "POC", "SANDBOX"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];
