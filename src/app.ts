/** The composition root: it makes a server of configuration and ports, and lists all modules. */
import "reflect-metadata";
import { join } from "node:path";
import type { GraphQLSchema } from "graphql";
import { openRecords } from "./audit/open-records.js";
import { createAuthentication } from "./auth/authenticate.js";
import { SEALED_INTERNAL_KEYS } from "./auth/internal-keys.js";
import { loadKeys } from "./auth/keys.js";
import { SEALED_SIGNING_KEYS } from "./auth/signing-key.js";
import { createTokens } from "./auth/tokens.js";
import { createCache } from "./cache.js";
import type { Config } from "./config.js";
import { createClient } from "./db/client.js";
import { isDataFault } from "./db/postgres-errors.js";
import type { RowsDeps } from "./engine/write/index.js";
import type { AccessMap } from "./graphql/access/access.js";
import { createGraphql } from "./graphql/graphql.js";
import { createHttpServer } from "./http/host.js";
import { createJobs } from "./jobs/jobs.js";
import { LIMITS } from "./limits.js";
import type { Module } from "./module.js";
import { chatModule } from "./modules/data/chat/index.js";
import { scansModule } from "./modules/data/scans/index.js";
import { telemetryModule } from "./modules/data/telemetry/index.js";
import { auditLogModule } from "./modules/evidence/audit-log/index.js";
import { retentionModule } from "./modules/evidence/retention/index.js";
import { securityEventsModule } from "./modules/evidence/security-events/index.js";
import { discoveryModule } from "./modules/fleet/discovery/index.js";
import { inventoryModule } from "./modules/fleet/inventory/index.js";
import { operationsModule } from "./modules/fleet/operations/index.js";
import { organizationsModule } from "./modules/identity/organizations/index.js";
import { secretsModule } from "./modules/identity/secrets/index.js";
import { sessionsModule } from "./modules/identity/sessions/index.js";
import { usersModule } from "./modules/identity/users/index.js";
import type { Ports } from "./ports.js";
import { withTimeouts } from "./providers/timeouts.js";
import { createRateLimits } from "./rate-limits/index.js";
import { startInOrder } from "./start-in-order.js";
import { TIMINGS } from "./timings.js";

export interface App {
  readonly schema: GraphQLSchema;
  readonly access: AccessMap;
  /** Refreshes the inventory of every provider now, and not within a minute. */
  refreshInventory(): Promise<void>;
  /** @returns the URL it listens on */
  start(): Promise<string>;
  /** @param hurry ends all waiting once it is aborted */
  stop(hurry?: AbortSignal): Promise<void>;
}

export async function createApp(config: Config, ports: Ports): Promise<App> {
  const { log, clock, connection, onStatement, version, timings = TIMINGS } = ports;
  const { statementTimeoutMs, slowStatementMs, backupCatchUp: catchUp } = config;
  const base = { connection, onStatement, log, clock, statementTimeoutMs, slow: { log, ms: slowStatementMs }, timings };
  const client = createClient({ ...base, poolSize: config.poolSize });
  const { db, query, queryApart } = client;
  const cache = createCache(config.cacheMib * 1_048_576);
  // This opens the probe's connection before the first health check, and finds the start-up parameters that `startUp` answers.
  await client.isWritable(statementTimeoutMs);
  const { sealing, privateKey, internal: keys } = await loadKeys(db, config);
  const fingerprintKey = keys["idempotency keys"];
  const records = openRecords({ ...base, db, path: join(config.dataDir, "records") });
  const { audit, security } = records;
  const jobs = createJobs({ ...base, settings: client.startUp() });
  const tokens = createTokens({ privateKey, clock, cache });
  const providers = ports.providers.map((provider) => withTimeouts(provider, timings.answerTimeoutMs));

  const shared = { db, log, clock, audit, security, jobs, providers, fingerprintKey, statementTimeoutMs, timings };
  const rateLimits = await createRateLimits({ ...shared, ...config, rateKey: keys["rate limits"] });
  const rows: RowsDeps = { ...shared, limits: LIMITS, statements: cache.region() };
  const sessions = sessionsModule({ ...shared, ...rateLimits, tokens, query, queryApart, keys });
  const inventory = inventoryModule({
    ...shared,
    rules: config.environmentRules,
    queueTags: (db, agreed) => operations.queueTags(db, agreed),
  });
  const discovery = discoveryModule({ ...shared, inventory: inventory.service, discovery: config.discovery });
  const operations = operationsModule({ ...shared, ...config, inventory: inventory.service, catchUp, limits: LIMITS });
  const modules: readonly Module[] = [
    organizationsModule(rows),
    usersModule({ ...rows, sessions }),
    sessions,
    scansModule(rows),
    chatModule(rows),
    telemetryModule(rows),
    secretsModule({ ...shared, sealing, sealedColumns: [SEALED_SIGNING_KEYS, SEALED_INTERNAL_KEYS] }),
    auditLogModule,
    securityEventsModule(shared),
    retentionModule(shared),
    inventory,
    discovery,
    operations,
  ];

  const graphql = await createGraphql({
    ...shared,
    ...client,
    ...{ ...rateLimits, config, modules, cache, isDataFault },
    cursorKey: keys.cursors,
    ...createAuthentication({ tokens, clock, isRevoked: sessions.isRevoked }),
    environmentOf: operations.environmentOf,
  }).catch((error) => client.close().then(() => Promise.reject(error)));
  const http = createHttpServer({
    ...{ ...rateLimits, config, client, graphql, version, records, log, timings },
    onStop: operations.release,
  });

  const schedule = { start: () => jobs.schedule(modules.flatMap(({ tasks = [] }) => tasks)) };
  const parts = startInOrder([records, jobs, rateLimits.apiLimit, ...modules, schedule, graphql, http], client.close);
  return {
    schema: graphql.schema,
    access: graphql.access,
    refreshInventory: () => discovery.refresh().then(operations.sweep),
    start: () => parts.start().then(http.url),
    stop: parts.stop,
  };
}
