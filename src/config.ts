/** Turns environment variables into the Config, and reports all faults at once. Nothing else reads process.env. */
import { z } from "zod";
import { keysVariables } from "./auth/keys.variables.js";
import { liveVariables } from "./graphql/live/live.variables.js";
import { discoveryVariables } from "./modules/fleet/discovery/discovery.variables.js";
import { inventoryVariables } from "./modules/fleet/inventory/inventory.variables.js";
import { operationsVariables } from "./modules/fleet/operations/operations.variables.js";
import { awsRdsVariables } from "./providers/aws-rds/aws-rds.variables.js";
import { localVariables } from "./providers/local/local.variables.js";
import { rateLimitsVariables } from "./rate-limits/rate-limits.variables.js";
import { checkedEmail } from "./values/checked.js";
import { readSecretFiles } from "./values/secret-files.js";
import { sum } from "./values/sum.js";
import { countVariable, flagVariable, isSecretVariable, listVariable, secretVariable } from "./values/variables.js";

/** @returns whether a text is an origin as browsers send it */
const isOrigin = (text: string) => /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;

/** The pages of developers on their own machine, on any port. */
const LOCALHOST = /^http:\/\/localhost(:\d{1,5})?$/;

const LANDING_PAGES = { true: "explorer", sandbox: "sandbox", false: "none" } as const;

/** The variables that belong to no module. */
const OWN = {
  CLOUDOPS_URL: z
    .url({ protocol: /^https?$/, error: "is an http or https address" })
    .optional()
    .describe("Where people create a CloudOps request: what production refuses ends with it."),
  COMMIT: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/, "is the hash of a commit, in hexadecimal digits")
    .optional()
    .describe("The commit that this Postern was built from, as its image says; without it a checkout is asked."),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PORT: countVariable(0, 65_535).prefault("4000").describe("Port to listen on; 0 takes a free one."),
  NODE_ENV: z.string().optional().describe("`production` makes the defaults below safe for it."),
  DATABASE_URL: secretVariable(z.url({ protocol: /^postgres(ql)?$/ })).describe(
    "Postern's database, TLS by its parameters. Without it an embedded PostgreSQL is started.",
  ),
  DATA_DIR: z
    .string()
    .min(1)
    .default(".postern")
    .describe("Where records wait while the database is away, and the embedded PostgreSQL keeps its data."),
  DATABASE_POOL_SIZE: countVariable(1, 500)
    .prefault("10")
    .describe("Connections to the database that requests use, at most."),
  STATEMENT_TIMEOUT_MS: countVariable(100, 600_000)
    .prefault("10000")
    .describe(
      "A statement or root field that takes longer is stopped with TIMEOUT. A request that has taken three times as long begins no more root fields.",
    ),
  SLOW_STATEMENT_MS: countVariable(0, 600_000)
    .prefault("500")
    .describe("A statement that takes longer is logged by its hash, with the request that sent it."),
  ADMIN_EMAIL: checkedEmail
    .default("admin@postern.example")
    .describe("The first administrator, created when there is none."),
  ADMIN_PASSWORD: secretVariable(z.string().min(12).max(128)).describe(
    "Its password, 12 to 128 characters; without it one is generated and printed once, but in production the start is refused.",
  ),
  DEMO: flagVariable
    .optional()
    .describe("Whether to seed demo data: `true` for an embedded database outside production, else `false`."),
  DEMO_PASSWORD: secretVariable(z.string().min(12).max(128)).describe("The demo users' password; without it likewise."),
  DEMO_AWS: flagVariable
    .prefault("false")
    .describe(
      "Whether to show two simulated AWS accounts with a dozen instances, which are gone once it is off. Beside an embedded database only, and not in production.",
    ),
  INTROSPECTION: flagVariable
    .optional()
    .describe("Whether clients may read the schema: `false` in production, else `true`."),
  LANDING_PAGE: z
    .enum(["true", "false", "sandbox"], "is true, false or sandbox")
    .optional()
    .describe(
      "What a browser at /graphql gets: `true` is the explorer, `sandbox` Apollo Sandbox, from the internet; `false` in production, else `true`.",
    ),
  TRUSTED_DOCUMENTS: z
    .string()
    .min(1)
    .optional()
    .describe("A folder of `*.graphql` files: only these documents run, and nobody reads the schema."),
  CACHE_MIB: countVariable(1, 65_536)
    .prefault("128")
    .describe(
      "Memory for what may be asked for again, in MiB: documents, plans, statements, tokens and answers about the schema.",
    ),
  CORS_ORIGINS: listVariable
    .superRefine((origins, context) => {
      for (const origin of origins.filter((each) => !isOrigin(each))) {
        const message = `${origin} is no origin: name each as https://app.example.org, without a path and without *`;
        context.addIssue({ code: "custom", message });
      }
    })
    .default([])
    .describe(
      "Origins whose browsers may call, separated by commas; outside production also every `http://localhost:*`.",
    ),
  SHUTDOWN_GRACE_MS: countVariable(0, 600_000)
    .optional()
    .describe(
      "How long a stop still answers new requests, so that load balancers can turn away: 5000 in production, else 0.",
    ),
  TRUSTED_PROXIES: countVariable(0, 10)
    .prefault("0")
    .describe("How many proxies in front append to X-Forwarded-For; the client's address is taken from there."),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("The lowest level that is logged, as JSON lines on standard error."),
};

const VARIABLES_OF_MODULES = [
  keysVariables,
  inventoryVariables,
  discoveryVariables,
  operationsVariables,
  localVariables,
  awsRdsVariables,
  rateLimitsVariables,
  liveVariables,
] as const;

/** Each variable with its check and description. The README's table has them too, and a test compares the names. */
export const VARIABLES = sum<z.ZodType>("variable", [OWN, ...VARIABLES_OF_MODULES.map(({ checks }) => checks)]);

/** The variables that may be given as files, too. */
export const SECRET_VARIABLES = Object.keys(VARIABLES).filter((name) => isSecretVariable(VARIABLES[name]!));

/** The configuration of the modules. */
type ConfigOfModules = ReturnType<typeof keysVariables.toConfig> &
  ReturnType<typeof inventoryVariables.toConfig> &
  ReturnType<typeof discoveryVariables.toConfig> &
  ReturnType<typeof operationsVariables.toConfig> &
  ReturnType<typeof localVariables.toConfig> &
  ReturnType<typeof awsRdsVariables.toConfig> &
  ReturnType<typeof rateLimitsVariables.toConfig> &
  ReturnType<typeof liveVariables.toConfig>;

export interface Config extends ConfigOfModules {
  readonly cloudopsUrl: string | undefined;
  readonly commit: string | undefined;
  readonly host: string;
  readonly port: number;
  /** A URL of Postern's database; undefined starts an embedded one under `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  readonly slowStatementMs: number;
  readonly admin: { readonly email: string; readonly password: string | undefined };
  readonly demo: { readonly seed: boolean; readonly password: string | undefined; readonly aws: boolean };
  /** Whether a password that is missing is generated and printed. In production what is printed is kept in logs. */
  readonly generatePasswords: boolean;
  readonly introspection: boolean;
  /** The page that a browser at /graphql gets. */
  readonly landingPage: "explorer" | "sandbox" | "none";
  /** A folder of the only documents that may run. */
  readonly trustedDocuments: string | undefined;
  readonly cacheMib: number;
  readonly corsOrigins: readonly (string | RegExp)[];
  readonly trustedProxies: number;
  readonly shutdownGraceMs: number;
  readonly logLevel: string;
}

/** The faults of the environment variables, one a line. */
export class ConfigError extends Error {}

/**
 * @param environment texts by variable; an empty text counts as absent
 * @throws ConfigError with all faults
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const files = readSecretFiles(SECRET_VARIABLES, present);
  const result = z.object(VARIABLES).safeParse({ ...present, ...files.values });
  const given = (name: PropertyKey) => (Object.hasOwn(files.values, name) ? `${String(name)}_FILE` : name);
  const faults = result.error?.issues.map(({ path: [name, ...rest], message }) => {
    return `${[given(name!), ...rest].join(".")}: ${message}`;
  });
  if (faults || files.faults.length > 0) throw new ConfigError([...files.faults, ...(faults ?? [])].join("\n"));
  const parsed = <T>() => result.data as T;
  const env = parsed<z.output<z.ZodObject<typeof OWN>>>();
  const keys = keysVariables.toConfig(parsed());
  const local = localVariables.toConfig(parsed());
  const aws = awsRdsVariables.toConfig(parsed());
  // The instances of this process would be others in each replica.
  const embeddedOnly = { LOCAL_INSTANCES: local.localInstances.length > 0, DEMO_AWS: env.DEMO_AWS };
  const misplaced = Object.entries(embeddedOnly).flatMap(([name, isSet]) => (isSet ? [name] : []));
  if (env.DATABASE_URL !== undefined && misplaced.length > 0)
    throw new ConfigError(
      misplaced.map((name) => `${name}: needs the embedded database: leave out DATABASE_URL, or this.`).join("\n"),
    );
  if (env.DEMO_AWS && aws.awsAccounts.length > 0)
    throw new ConfigError("DEMO_AWS: is for those who have no AWS account: leave out AWS_ACCOUNTS, or this.");
  const isProduction = env.NODE_ENV === "production";
  if (env.DEMO_AWS && isProduction)
    throw new ConfigError("DEMO_AWS: shows simulated instances, which production must not: leave it out.");
  // The replicas have no folder in common, and one of them that is lost must not take the secrets along.
  if (isProduction && env.DATABASE_URL !== undefined && keys.secretsKeys === undefined)
    throw new ConfigError(
      "SECRETS_KEY: is needed beside DATABASE_URL in production: let `openssl rand -base64 32` make one, keep it apart from the database, and give it to all replicas, best as SECRETS_KEY_FILE.",
    );
  // With trusted documents the landing page is useless, and the schema is not public.
  const isOpen = env.TRUSTED_DOCUMENTS === undefined;
  return {
    ...keys,
    ...inventoryVariables.toConfig(parsed()),
    ...discoveryVariables.toConfig(parsed()),
    ...operationsVariables.toConfig(parsed()),
    ...local,
    ...aws,
    ...rateLimitsVariables.toConfig(parsed()),
    ...liveVariables.toConfig(parsed()),
    cloudopsUrl: env.CLOUDOPS_URL,
    commit: env.COMMIT,
    host: env.HOST,
    port: env.PORT,
    databaseUrl: env.DATABASE_URL,
    dataDir: env.DATA_DIR,
    poolSize: env.DATABASE_POOL_SIZE,
    statementTimeoutMs: env.STATEMENT_TIMEOUT_MS,
    slowStatementMs: env.SLOW_STATEMENT_MS,
    admin: { email: env.ADMIN_EMAIL, password: env.ADMIN_PASSWORD },
    demo: {
      seed: env.DEMO ?? (env.DATABASE_URL === undefined && !isProduction),
      password: env.DEMO_PASSWORD,
      aws: env.DEMO_AWS,
    },
    generatePasswords: !isProduction,
    introspection: isOpen && (env.INTROSPECTION ?? !isProduction),
    landingPage: isOpen ? LANDING_PAGES[env.LANDING_PAGE ?? (isProduction ? "false" : "true")] : "none",
    trustedDocuments: env.TRUSTED_DOCUMENTS,
    cacheMib: env.CACHE_MIB,
    corsOrigins: isProduction ? env.CORS_ORIGINS : [...env.CORS_ORIGINS, LOCALHOST],
    trustedProxies: env.TRUSTED_PROXIES,
    shutdownGraceMs: env.SHUTDOWN_GRACE_MS ?? (isProduction ? 5000 : 0),
    logLevel: env.LOG_LEVEL,
  };
}

/** @returns the configuration of this process @throws ConfigError */
export const processConfig = (): Config => readConfig(process.env);
