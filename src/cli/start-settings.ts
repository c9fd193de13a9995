/** What the first line of the log says of the configuration. */
import type { Config } from "../config.js";

/** @returns where Postern will listen and what is switched on, without secrets: of URLs, keys and folders it says only that there is one */
export const startSettings = (config: Config) => ({
  host: config.host,
  port: config.port,
  database: config.databaseUrl === undefined ? "embedded" : "given",
  poolSize: config.poolSize,
  localInstances: config.localInstances.length,
  awsAccounts: config.awsAccounts.length,
  introspection: config.introspection,
  landingPage: config.landingPage,
  trustedDocuments: config.trustedDocuments !== undefined,
  corsOrigins: config.corsOrigins.map(String),
  trustedProxies: config.trustedProxies,
  cloudops: config.cloudopsUrl !== undefined,
  ownSigningKey: config.accessTokenPrivateKey !== undefined,
  demo: config.demo.seed,
  demoAws: config.demo.aws,
  backupCatchUp: config.backupCatchUp,
  statementTimeoutMs: config.statementTimeoutMs,
  slowStatementMs: config.slowStatementMs,
  shutdownGraceMs: config.shutdownGraceMs,
  cacheMib: config.cacheMib,
  logLevel: config.logLevel,
});
