/** The environments that an instance can belong to, from production to the one that is farthest from it, and the methods that find them. */
export const ENVIRONMENTS = ["PRODUCTION", "STAGING", "TEST", "DEVELOPMENT", "POC", "SANDBOX"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** @returns whether the first environment is nearer to production than the second */
export const isStricterEnvironment = (first: Environment, second: Environment): boolean =>
  ENVIRONMENTS.indexOf(first) < ENVIRONMENTS.indexOf(second);

/** An environment that only a newer replica knows is not among them, and so not operable. */
const OPERABLE = new Set<string>(ENVIRONMENTS.filter((environment) => environment !== "PRODUCTION"));

/** @returns whether operations are allowed in an environment at all */
export const isOperableEnvironment = (environment: string): boolean => OPERABLE.has(environment);

/** @returns the one of these environments that is nearest to production, or null where there is none */
export const strictestEnvironment = (environments: readonly Environment[]): Environment | null =>
  ENVIRONMENTS.find((environment) => environments.includes(environment)) ?? null;

/** The methods that find an environment, in the default precedence. */
export const ENVIRONMENT_METHODS = ["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"] as const;

export type EnvironmentMethod = (typeof ENVIRONMENT_METHODS)[number];

/** What decides an environment: a method, or that the instance holds data of production, which stands beside the precedence. */
export const ENVIRONMENT_DECIDERS = [...ENVIRONMENT_METHODS, "ORIGIN"] as const;

export type EnvironmentDecider = (typeof ENVIRONMENT_DECIDERS)[number];
