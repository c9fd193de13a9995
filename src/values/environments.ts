/** The environments that an instance can belong to, from production to the one that is farthest from it, and the methods that find them. */
export const ENVIRONMENTS = ["PRODUCTION", "STAGING", "TEST", "DEVELOPMENT", "POC", "SANDBOX"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** The methods that find an environment, in the default precedence. */
export const ENVIRONMENT_METHODS = ["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"] as const;

export type EnvironmentMethod = (typeof ENVIRONMENT_METHODS)[number];
