/** Environment variables -> Config: the only reader of process.env. Every fault is reported at once. */
import { z } from "zod";
import { type EnvironmentRules, environmentRulesText } from "./modules/fleet/inventory/environment-rules.js";
import { type LocalInstance, localInstances } from "./modules/fleet/inventory/local-instances.js";
import type { Polling } from "./modules/fleet/operations/index.js";
import { OPERATION_TYPES, type OperationType } from "./providers/provider.js";

const flag = z.enum(["true", "false"], "is true or false").transform((value) => value === "true");
const count = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `is a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean),
);

/** AWS is asked every 30 seconds for 5 minutes; what runs on this host, every second for as long. */
const DEFAULT_POLLING: Readonly<Record<string, Polling>> = {
  "aws-rds": { intervalMs: 30_000, attempts: 10 },
  local: { intervalMs: 1000, attempts: 300 },
};

/** How long what takes long is watched. */
const WATCHED_MS: Partial<Record<OperationType, number>> = { RESTORE_SNAPSHOT: 24 * 3_600_000 };

function defaultPolling(provider: string, type: OperationType): Polling {
  const usual = DEFAULT_POLLING[provider] ?? { intervalMs: 30_000, attempts: 10 };
  const watchedMs = WATCHED_MS[type];
  return watchedMs === undefined ? usual : { ...usual, attempts: Math.ceil(watchedMs / usual.intervalMs) };
}

const jsonText = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue({ code: "custom", message: "is no JSON" });
    return z.NEVER;
  }
});

const pollingText = jsonText.pipe(
  z.record(
    z.string(),
    z.partialRecord(
      z.enum(OPERATION_TYPES),
      z.strictObject({
        intervalMs: z.number().int().min(100).max(600_000),
        attempts: z.number().int().min(1).max(1000),
      }),
    ),
  ),
);

/** Each variable with its check; the description stands in the README's table too, and a test compares the names. */
export const VARIABLES = {
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PORT: count(0, 65_535).prefault("4000").describe("Port to listen on; 0 takes a free one."),
  NODE_ENV: z.string().optional().describe("`production` makes the defaults below safe for it."),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe("Postern's database, TLS by its parameters. Without it an embedded PostgreSQL is started."),
  DATA_DIR: z
    .string()
    .min(1)
    .default(".postern")
    .describe("Where records wait while the database is away, and the embedded PostgreSQL keeps its data."),
  DATABASE_POOL_SIZE: count(1, 500).prefault("10").describe("Connections to the database that requests use, at most."),
  STATEMENT_TIMEOUT_MS: count(100, 600_000)
    .prefault("10000")
    .describe(
      "A statement, or a root field, that takes longer is stopped: TIMEOUT; root fields of a request that has taken three times as long do not begin.",
    ),
  ADMIN_EMAIL: z
    .email()
    .default("admin@postern.example")
    .describe("The first administrator, created when there is none."),
  ADMIN_PASSWORD: z
    .string()
    .min(12)
    .max(128)
    .optional()
    .describe("Its password, 12 to 128 characters; without it one is generated and printed once."),
  DEMO: flag
    .optional()
    .describe("Whether to seed demo data: `true` for an embedded database outside production, else `false`."),
  DEMO_PASSWORD: z
    .string()
    .min(12)
    .max(128)
    .optional()
    .describe("The demo users' password; without it one is generated and printed once."),
  INTROSPECTION: flag.optional().describe("Whether clients may read the schema: `false` in production, else `true`."),
  LANDING_PAGE: flag
    .optional()
    .describe("Whether a browser at /graphql gets Apollo Sandbox: `false` in production, else `true`."),
  TRUSTED_DOCUMENTS: z
    .string()
    .min(1)
    .optional()
    .describe("A folder of `*.graphql` files: only these documents run, and nobody reads the schema."),
  CACHE_MIB: count(1, 65_536)
    .prefault("128")
    .describe(
      "Memory for what may be asked for again, in MiB: documents, plans, statements, tokens and answers about the schema.",
    ),
  CORS_ORIGINS: list.default([]).describe("Origins whose browsers may call, separated by commas."),
  SHUTDOWN_GRACE_MS: count(0, 600_000)
    .optional()
    .describe(
      "How long a stop still answers what comes, so that load balancers can turn away: 5000 in production, else 0.",
    ),
  TRUSTED_PROXIES: count(0, 10)
    .prefault("0")
    .describe("How many proxies in front append to X-Forwarded-For; the client's address is taken from there."),
  ENVIRONMENT_RULES: environmentRulesText
    .prefault("{}")
    .describe("How environments are decided, as JSON: `tagKeys`, `values`, `precedence`, `defaultEnvironment`."),
  LOCAL_INSTANCES: jsonText
    .pipe(localInstances)
    .prefault("[]")
    .describe(
      "PostgreSQL clusters that this host shall run, as JSON; see the README. Beside an embedded database only.",
    ),
  BACKUP_CATCH_UP: flag
    .prefault("true")
    .describe("Whether a backup that was missed in its window is taken after it, as soon as that is possible."),
  OPERATION_POLLING: pollingText
    .prefault("{}")
    .describe("How operations are polled, as JSON: provider, operation type, `intervalMs` and `attempts`."),
  ACCESS_TOKEN_PRIVATE_KEY: z
    .string()
    .startsWith("-----BEGIN PRIVATE KEY-----", "is an Ed25519 key as PKCS #8 PEM")
    .optional()
    .describe("Signs access tokens: an Ed25519 key as PKCS #8 PEM. Without it a key is kept in the database."),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("Least level that is logged, as JSON lines on standard error."),
};

export interface Config {
  readonly host: string;
  readonly port: number;
  /** A URL of Postern's database; undefined starts an embedded one under `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  readonly admin: { readonly email: string; readonly password: string | undefined };
  readonly demo: { readonly seed: boolean; readonly password: string | undefined };
  readonly introspection: boolean;
  readonly landingPage: boolean;
  /** A folder of the only documents that may run. */
  readonly trustedDocuments: string | undefined;
  readonly cacheMib: number;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: number;
  readonly shutdownGraceMs: number;
  readonly environmentRules: EnvironmentRules;
  readonly localInstances: readonly LocalInstance[];
  readonly backupCatchUp: boolean;
  /** How often, and how many times, a provider is asked how an operation goes. */
  readonly polling: (provider: string, type: OperationType) => Polling;
  /** PKCS #8 PEM. */
  readonly accessTokenPrivateKey: string | undefined;
  readonly logLevel: string;
}

/** What is wrong with the environment, one line for each fault. */
export class ConfigError extends Error {}

/**
 * @param environment names to texts; an empty text counts as absent
 * @throws ConfigError with all faults
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = z.object(VARIABLES).safeParse(given);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n"));
  }
  const env = result.data;
  if (env.DATABASE_URL !== undefined && env.LOCAL_INSTANCES.length > 0)
    throw new ConfigError("LOCAL_INSTANCES: needs the embedded database: leave out DATABASE_URL, or this.");
  const production = env.NODE_ENV === "production";
  // Nobody could try anything on the page, nor read the schema for it.
  const open = env.TRUSTED_DOCUMENTS === undefined;
  return {
    host: env.HOST,
    port: env.PORT,
    databaseUrl: env.DATABASE_URL,
    dataDir: env.DATA_DIR,
    poolSize: env.DATABASE_POOL_SIZE,
    statementTimeoutMs: env.STATEMENT_TIMEOUT_MS,
    admin: { email: env.ADMIN_EMAIL, password: env.ADMIN_PASSWORD },
    demo: { seed: env.DEMO ?? (env.DATABASE_URL === undefined && !production), password: env.DEMO_PASSWORD },
    introspection: open && (env.INTROSPECTION ?? !production),
    landingPage: open && (env.LANDING_PAGE ?? !production),
    trustedDocuments: env.TRUSTED_DOCUMENTS,
    cacheMib: env.CACHE_MIB,
    corsOrigins: env.CORS_ORIGINS,
    trustedProxies: env.TRUSTED_PROXIES,
    shutdownGraceMs: env.SHUTDOWN_GRACE_MS ?? (production ? 5000 : 0),
    environmentRules: env.ENVIRONMENT_RULES,
    localInstances: env.LOCAL_INSTANCES,
    backupCatchUp: env.BACKUP_CATCH_UP,
    polling: (provider, type) => env.OPERATION_POLLING[provider]?.[type] ?? defaultPolling(provider, type),
    accessTokenPrivateKey: env.ACCESS_TOKEN_PRIVATE_KEY,
    logLevel: env.LOG_LEVEL,
  };
}

/** @returns the configuration of this process @throws ConfigError */
export const processConfig = (): Config => readConfig(process.env);
