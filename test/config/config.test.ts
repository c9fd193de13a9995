/** Configuration: defaults, what production changes, and every fault at once. */
import { expect, it } from "vitest";
import { ConfigError, readConfig, VARIABLES } from "../../src/config.js";
import { makeSecretsKey } from "../../src/values/secrets-key.js";

const [NEW_KEY, OLD_KEY] = [makeSecretsKey(), makeSecretsKey()];

const DEFAULTS = {
  host: "127.0.0.1",
  port: 4000,
  databaseUrl: undefined,
  dataDir: ".postern",
  poolSize: 10,
  statementTimeoutMs: 10_000,
  slowStatementMs: 500,
  admin: { email: "admin@postern.example", password: undefined },
  demo: { seed: true, password: undefined, aws: false },
  introspection: true,
  landingPage: "explorer",
  corsOrigins: [/^http:\/\/localhost(:\d{1,5})?$/],
  trustedProxies: 0,
  accessTokenPrivateKey: undefined,
  secretsKeys: undefined,
  logLevel: "info",
};

const GIVEN = {
  HOST: "::",
  PORT: "0",
  DATABASE_URL: "postgresql://postern@db.example/postern?sslmode=require",
  DATA_DIR: "/data",
  DATABASE_POOL_SIZE: "500",
  STATEMENT_TIMEOUT_MS: "100",
  SLOW_STATEMENT_MS: "0",
  ADMIN_EMAIL: "root@example.org",
  ADMIN_PASSWORD: "four-random-words",
  DEMO: "true",
  DEMO_PASSWORD: "other-random-words",
  INTROSPECTION: "false",
  LANDING_PAGE: "false",
  CORS_ORIGINS: " https://a.example , https://b.example:8443,,",
  TRUSTED_PROXIES: "2",
  ACCESS_TOKEN_PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
  SECRETS_KEY: `${NEW_KEY}, ${OLD_KEY}`,
  LOG_LEVEL: "debug",
};

const faultsOf = (environment: Record<string, string>) => {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split("\n");
  }
  throw new Error("accepted");
};

it("has a default for everything", () => {
  expect(readConfig({})).toMatchObject(DEFAULTS);
});

it("takes an empty text for absence", () => {
  const empty = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, ""]));
  expect(readConfig(empty)).toMatchObject(DEFAULTS);
});

it("ignores what is not its own", () => {
  expect(readConfig({ PATH: "/bin", POSTERN_PORT: "1" })).toMatchObject(DEFAULTS);
});

it("takes what is given", () => {
  expect(readConfig(GIVEN)).toMatchObject({
    host: "::",
    port: 0,
    databaseUrl: GIVEN.DATABASE_URL,
    dataDir: "/data",
    poolSize: 500,
    statementTimeoutMs: 100,
    slowStatementMs: 0,
    admin: { email: "root@example.org", password: "four-random-words" },
    demo: { seed: true, password: "other-random-words", aws: false },
    introspection: false,
    landingPage: "none",
    corsOrigins: ["https://a.example", "https://b.example:8443", expect.any(RegExp)],
    trustedProxies: 2,
    accessTokenPrivateKey: GIVEN.ACCESS_TOKEN_PRIVATE_KEY,
    secretsKeys: [NEW_KEY, OLD_KEY],
    logLevel: "debug",
  });
});

it("seeds no demo into a database that it was given, unless asked to", () => {
  const DATABASE_URL = "postgres://localhost/x";
  expect(readConfig({ DATABASE_URL }).demo.seed).toBe(false);
  expect(readConfig({ DATABASE_URL, DEMO: "true" }).demo.seed).toBe(true);
  expect(readConfig({ DEMO: "false" }).demo.seed).toBe(false);
});

it("shows simulated AWS accounts beside an embedded database only, and beside no real account", () => {
  expect(readConfig({ DEMO_AWS: "true" }).demo.aws).toBe(true);
  expect(faultsOf({ DEMO_AWS: "true", DATABASE_URL: "postgres://localhost/x" })).toEqual([
    expect.stringMatching(/^DEMO_AWS: needs the embedded database/),
  ]);
  const AWS_ACCOUNTS = JSON.stringify([{ accountId: "111122223333", regions: ["eu-central-1"] }]);
  expect(faultsOf({ DEMO_AWS: "true", NODE_ENV: "production" })).toEqual([
    "DEMO_AWS: shows simulated instances, which production must not: leave it out.",
  ]);
  expect(readConfig({ DEMO_AWS: "false", NODE_ENV: "production" }).demo.aws).toBe(false);
  expect(faultsOf({ DEMO_AWS: "true", AWS_ACCOUNTS })).toEqual([
    expect.stringMatching(/^DEMO_AWS: .* leave out AWS_ACCOUNTS/),
  ]);
});

it("hides the schema and the explorer in production, unless told otherwise", () => {
  const production = readConfig({ NODE_ENV: "production" });
  expect([production.introspection, production.landingPage]).toEqual([false, "none"]);
  const open = readConfig({ NODE_ENV: "production", INTROSPECTION: "true", LANDING_PAGE: "sandbox" });
  expect([open.introspection, open.landingPage]).toEqual([true, "sandbox"]);
  expect(readConfig({ NODE_ENV: "test" }).introspection).toBe(true);
  expect(production.corsOrigins).toEqual([]);
});

it("wants a key for secrets in production beside a database that others share", () => {
  const environment = { NODE_ENV: "production", DATABASE_URL: "postgres://localhost/x" };
  expect(faultsOf(environment)).toEqual([
    expect.stringMatching(/^SECRETS_KEY: is needed beside DATABASE_URL in production: /),
  ]);
  expect(readConfig({ ...environment, SECRETS_KEY: NEW_KEY }).secretsKeys).toEqual([NEW_KEY]);
  expect(readConfig({ NODE_ENV: "production" }).secretsKeys).toBeUndefined();
});

it.each([
  ["PORT", ["-1", "65536", "1.5", "http", " ", "0x10"]],
  ["DATABASE_URL", ["mysql://a/b", "localhost:5432", "postgres"]],
  ["DATABASE_POOL_SIZE", ["0", "501", "ten", " "]],
  ["STATEMENT_TIMEOUT_MS", ["99", "600001", "10s"]],
  ["ADMIN_EMAIL", ["root", "root@"]],
  ["ADMIN_PASSWORD", ["short", "x".repeat(129)]],
  ["DEMO", ["yes", "1", "TRUE"]],
  ["DEMO_PASSWORD", ["short"]],
  ["DEMO_AWS", ["yes", "1"]],
  ["INTROSPECTION", ["on"]],
  ["LANDING_PAGE", ["0", "explorer"]],
  [
    "CORS_ORIGINS",
    ["*", "https://*.example", "https://a.example/", "https://a.example/x", "a.example", "null", "ftp://a.example"],
  ],
  ["TRUSTED_PROXIES", ["-1", "11", "1.5", " "]],
  ["ACCESS_TOKEN_PRIVATE_KEY", ["abc", "-----BEGIN RSA PRIVATE KEY-----"]],
  ["SECRETS_KEY", ["abc", `${NEW_KEY},`.repeat(11), `${NEW_KEY},abc`, NEW_KEY.slice(0, -1), NEW_KEY.slice(4)]],
  ["REDIS_URL", ["localhost:6379", "http://user:secret@a.example", "postgres://a"]],
  ["LOG_LEVEL", ["verbose"]],
])("%s: names the variable, and gives its value away in no case", (name, values) => {
  for (const value of values) {
    const faults = faultsOf({ [name]: value });
    expect(faults, value).toEqual([expect.stringMatching(`^${name}: .+`)]);
    if (/PASSWORD|KEY|URL/.test(name)) expect(faults[0]).not.toContain(value);
  }
});

it("reports all faults at once", () => {
  const faults = faultsOf({ PORT: "x", DEMO: "x", LOG_LEVEL: "x", ADMIN_PASSWORD: "x", HOST: "0.0.0.0" });
  expect(faults.map((line) => line.split(":")[0]).sort()).toEqual(["ADMIN_PASSWORD", "DEMO", "LOG_LEVEL", "PORT"]);
});

it("generates no password in production, where what is printed is kept", () => {
  expect(readConfig({ NODE_ENV: "production" }).generatePasswords).toBe(false);
  expect(readConfig({}).generatePasswords).toBe(true);
});

it("limits attempts as it is told, and as is usual otherwise", () => {
  const window = { seconds: 900 };
  expect(readConfig({}).rateLimits.authentication).toEqual({
    account: { points: 5, ...window },
    address: { points: 100, ...window },
  });
  const RATE_LIMITS = JSON.stringify({ authentication: { account: { points: 3 } } });
  expect(readConfig({ RATE_LIMITS }).rateLimits.authentication).toEqual({
    account: { points: 3, ...window },
    address: { points: 100, ...window },
  });
});

it.each([
  ["{", "RATE_LIMITS: is no JSON"],
  ['{"sign-in":{}}', 'RATE_LIMITS: Unrecognized key: "sign-in"'],
  ['{"authentication":{"account":{"points":0}}}', "RATE_LIMITS.authentication.account.points: is at least 1"],
  [
    '{"authentication":{"address":{"points":"many"}}}',
    "RATE_LIMITS.authentication.address.points: is a whole number from 1 to 1000000000",
  ],
  [
    '{"authentication":{"address":{"seconds":604801}}}',
    "RATE_LIMITS.authentication.address.seconds: is at most 604800",
  ],
])("RATE_LIMITS=%s says where it is wrong", (text, fault) => {
  expect(faultsOf({ RATE_LIMITS: text })).toEqual([fault]);
});

it("polls as it is told, and as is usual otherwise", () => {
  const text = JSON.stringify({ local: { CREATE_SNAPSHOT: { intervalMs: 200, attempts: 3 } } });
  const { polling } = readConfig({ OPERATION_POLLING: text });
  expect(polling("local", "CREATE_SNAPSHOT")).toEqual({ intervalMs: 200, attempts: 3 });
  expect(polling("local", "REBOOT_INSTANCE")).toEqual({ intervalMs: 1000, attempts: 300 });
  expect(polling("aws-rds", "REBOOT_INSTANCE")).toEqual({ intervalMs: 30_000, attempts: 10 });
  // An hour there, the usual here.
  expect(polling("aws-rds", "STOP_INSTANCE")).toEqual({ intervalMs: 30_000, attempts: 120 });
  expect(polling("local", "START_INSTANCE")).toEqual({ intervalMs: 1000, attempts: 300 });
});

it("estimates the minutes by hand as it is told, and as is usual otherwise", () => {
  const { minutesByHand } = readConfig({ OPERATION_MINUTES_BY_HAND: '{"REBOOT_INSTANCE":0}' });
  expect([minutesByHand("REBOOT_INSTANCE"), minutesByHand("RESTORE_SNAPSHOT")]).toEqual([0, 30]);
});

it.each([
  ["OPERATION_MINUTES_BY_HAND", ["{", "[]", '{"DROP":1}', '{"REBOOT_INSTANCE":-1}', '{"REBOOT_INSTANCE":"1"}']],
  [
    "OPERATION_POLLING",
    ["{", "[]", '{"local":{"CREATE_SNAPSHOT":{"intervalMs":1,"attempts":3}}}', '{"local":{"DROP":{}}}'],
  ],
  [
    "LOCAL_INSTANCES",
    ["{}", '[{"identifier":"A B"}]', '[{"identifier":"a","maintenanceWindow":"x","backupWindow":"y"}]'],
  ],
  [
    "AWS_ACCOUNTS",
    [
      "{}",
      '[{"accountId":"1","regions":["eu-central-1"]}]',
      '[{"accountId":"111122223333","regions":[]}]',
      '[{"accountId":"111122223333","regions":["Frankfurt"]}]',
      '[{"accountId":"111122223333","regions":["eu-central-1"],"roleArn":"arn:aws:iam::444455556666:role/postern"}]',
      '[{"accountId":"111122223333","regions":["eu-central-1"],"externalId":"abc"}]',
      '[{"accountId":"111122223333","regions":["eu-central-1"]},{"accountId":"444455556666","regions":["eu-central-1"]}]',
    ],
  ],
  ["ENVIRONMENT_RULES", ["{", '{"tagKeys":"x"}', '{"unknown":1}']],
])("%s: says what is wrong with it", (name, values) => {
  for (const value of values) {
    const faults = faultsOf({ [name]: value });
    expect(faults.length, value).toBeGreaterThan(0);
    for (const fault of faults) expect(fault).toMatch(new RegExp(`^${name}`));
  }
});

it("reads AWS accounts", () => {
  const account = {
    accountId: "111122223333",
    name: "shop",
    regions: ["eu-central-1", "us-gov-west-1"],
    roleArn: "arn:aws:iam::111122223333:role/path/postern",
    externalId: "a-b:c/d",
  };
  const own = { accountId: "444455556666", regions: ["us-east-1"] };
  expect(readConfig({ AWS_ACCOUNTS: JSON.stringify([account, own]) }).awsAccounts).toEqual([
    account,
    { ...own, name: null },
  ]);
  expect(readConfig({}).awsAccounts).toEqual([]);
  expect(readConfig({}).awsDiscovery).toEqual({ everySeconds: 300, snapshotsEverySeconds: 3600 });
  expect(readConfig({ AWS_DISCOVERY_MINUTES: "15", AWS_SNAPSHOTS_MINUTES: "120" }).awsDiscovery).toEqual({
    everySeconds: 900,
    snapshotsEverySeconds: 7200,
  });
});

it("reads local instances, with what is usual where they say nothing", () => {
  const text =
    '[{"identifier":"orders-dev","tags":{"Environment":"Dev"},"maintenanceWindow":"sun:05:00-sun:06:00","backupWindow":"02:00-02:30"}]';
  expect(readConfig({ LOCAL_INSTANCES: text }).localInstances).toEqual([
    {
      identifier: "orders-dev",
      tags: [{ key: "Environment", value: "Dev" }],
      maintenanceWindow: "sun:05:00-sun:06:00",
      backupWindow: "02:00-02:30",
      backupRetentionDays: 7,
      standby: false,
      maxConnections: 50,
    },
  ]);
});

it("refuses local instances that contradict themselves, each other, or where the database is", () => {
  const one = { identifier: "a", maintenanceWindow: "sun:05:00-sun:06:00", backupWindow: "02:00-02:30" };
  const textOf = (...instances: object[]) => JSON.stringify(instances);
  const overlapping = faultsOf({ LOCAL_INSTANCES: textOf({ ...one, backupWindow: "05:30-06:30" }) });
  expect(overlapping).toEqual([expect.stringMatching(/^LOCAL_INSTANCES\.0\.backupWindow: .*overlaps the maintenance/)]);
  expect(faultsOf({ LOCAL_INSTANCES: textOf(one, one) })).toEqual(["LOCAL_INSTANCES.1.identifier: is given twice"]);
  const tags = Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, "v"]));
  expect(faultsOf({ LOCAL_INSTANCES: textOf({ ...one, tags }) })).toEqual(["LOCAL_INSTANCES.0.tags: are at most 50"]);
  const elsewhere = { DATABASE_URL: "postgres://db/postern", LOCAL_INSTANCES: textOf(one) };
  expect(faultsOf(elsewhere)).toEqual([expect.stringMatching(/^LOCAL_INSTANCES: needs the embedded database/)]);
});
