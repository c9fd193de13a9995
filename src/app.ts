/** The composition root: configuration and ports in, a server that starts and stops out. */
import "reflect-metadata";
import { hash } from "node:crypto";
import { join } from "node:path";
import type { GraphQLSchema } from "graphql";
import { createAuditService, createSecurityService } from "./audit/index.js";
import { createRecorder } from "./audit/recorder.js";
import { createAuthenticate } from "./auth/authenticate.js";
import { loadSigningKey } from "./auth/signing-key.js";
import { createTokens } from "./auth/tokens.js";
import { createCache } from "./cache.js";
import type { Config } from "./config.js";
import { type ClientOptions, createClient } from "./db/client.js";
import { isOfData } from "./db/postgres-errors.js";
import { type TypeDeclaration, withRelated } from "./engine/declaration.js";
import { createPlanner } from "./engine/read/planner.js";
import { connectionResolver, entriesOf, readResolver } from "./engine/types/read-resolver.js";
import type { Repeated } from "./engine/write/rows.js";
import { createFleet } from "./fleet/fleet.js";
import { RequestContext } from "./graphql/context.js";
import { createKnownDocuments } from "./graphql/fast-path/known-documents.js";
import { createAnswerDirectly } from "./graphql/fast-path/planned-operations.js";
import { createFormatError } from "./graphql/format-error.js";
import { createAnswerGraphql } from "./graphql/graphql-answer.js";
import { createIntrospection } from "./graphql/introspection.js";
import { loadTrustedDocuments, persistedQueries, trustedQueries } from "./graphql/persisted-queries.js";
import { recordFailures, recordRefusals } from "./graphql/recording.js";
import { buildBareSchema, guardSchema } from "./graphql/schema.js";
import { createApolloServer } from "./graphql/server.js";
import { createHttpServer } from "./http/host.js";
import { createReadiness } from "./http/readiness.js";
import { createJobs } from "./jobs/jobs.js";
import { LIMITS } from "./limits.js";
import type { Log } from "./log.js";
import { ChatSession, chatResolvers } from "./modules/data/chat/index.js";
import { Scan, scanResolvers, Vulnerability } from "./modules/data/scans/index.js";
import { AnalyticsMetric, PerformanceLog, telemetryResolvers } from "./modules/data/telemetry/index.js";
import { AuditLog } from "./modules/evidence/audit-log/index.js";
import { removeWhatIsOver } from "./modules/evidence/retention/index.js";
import { SecurityEvent, SecurityResolver } from "./modules/evidence/security-events/index.js";
import { Finding, Instance, Snapshot } from "./modules/fleet/inventory/index.js";
import { Operation } from "./modules/fleet/operations/index.js";
import { Organization, organizationResolvers } from "./modules/identity/organizations/index.js";
import { createIdentityService, IdentityResolver } from "./modules/identity/sessions/index.js";
import { createRevocations } from "./modules/identity/sessions/revocations.service.js";
import { User, userResolvers } from "./modules/identity/users/index.js";
import { PACE, type Pace } from "./pace.js";
import type { Provider } from "./providers/provider.js";

/** The types that have root fields of their own: one row by its id, and the list of all. */
const TYPES: readonly TypeDeclaration[] = [
  ...[Organization, User, Scan, Vulnerability, ChatSession, AnalyticsMetric, PerformanceLog],
  ...[Instance, Snapshot, Operation, Finding, AuditLog, SecurityEvent],
];

/** What the world gives; tests give their own. */
export interface Ports {
  readonly log: Log;
  readonly clock: { now(): Date };
  /** What sees and operates instances. */
  readonly providers: readonly Provider[];
  /** Where Postern's database is; it must be migrated. */
  readonly connection: ClientOptions["connection"];
  readonly onStatement?: ClientOptions["onStatement"];
  readonly pace?: Pace;
}

export interface App {
  readonly schema: GraphQLSchema;
  /** Looks at every provider now, instead of within a minute. */
  refreshInventory(): Promise<void>;
  /** @returns the URL it listens on */
  start(): Promise<string>;
  /** @param hurry ends what it waits for on the way, once aborted */
  stop(hurry?: AbortSignal): Promise<void>;
}

export async function createApp(config: Config, ports: Ports): Promise<App> {
  const { log, clock, connection, onStatement, providers, pace = PACE } = ports;
  const { poolSize, statementTimeoutMs } = config;
  const client = createClient({ connection, poolSize, statementTimeoutMs, onStatement, log });
  const { db } = client;
  const cache = createCache(config.cacheMib * 1_048_576);
  // Opens the connection of the health checks, so that the first is as quick as any, and finds out what connections are opened with.
  await client.look(statementTimeoutMs);

  const privateKey = await loadSigningKey(db, config.accessTokenPrivateKey);
  /** A key that all replicas share. */
  const keyFor = (purpose: string) => hash("sha256", `${purpose} ${privateKey}`);
  const tokens = createTokens({ privateKey, clock, cache });
  const revocations = createRevocations({ db, clock, log, statementTimeoutMs });
  const authenticate = createAuthenticate({ tokens, revocations });

  // A connection of its own, which requests that keep the pool busy cannot take.
  const recordsClient = createClient({
    connection,
    poolSize: 1,
    statementTimeoutMs: Math.min(statementTimeoutMs, pace.recordsTimeoutMs),
    onStatement,
  });
  const recorder = createRecorder({ db: recordsClient.db, log, path: join(config.dataDir, "records"), pace });
  const audit = createAuditService({ clock, recorder });
  const security = createSecurityService({ db, audit, clock, recorder });
  const refreshKey = keyFor("refresh tokens");
  const identity = createIdentityService({ db, tokens, revocations, clock, security, refreshKey });
  const jobs = createJobs({ connection, log, settings: client.startUp(), pace });
  const fingerprintKey = keyFor("idempotency keys");
  const fleet = createFleet({ db, log, clock, audit, security, jobs, providers, fingerprintKey, pace, config });
  const rows = { db, audit, limits: LIMITS, fingerprintKey, statements: cache.region<Repeated>() };
  const resolvers: object[] = [
    ...TYPES.map((type) => new (readResolver(type))()),
    ...withRelated(TYPES).map((type) => new (connectionResolver(type))()),
    new IdentityResolver(identity),
    new SecurityResolver(security),
    ...organizationResolvers(rows),
    ...userResolvers({ ...rows, identity }),
    ...scanResolvers(rows),
    ...chatResolvers(rows),
    ...telemetryResolvers(rows),
    ...fleet.resolvers,
  ];

  const recorders = { audit, security };
  const { schema, gates } = guardSchema(buildBareSchema(resolvers), recordFailures(recorders));
  const planner = createPlanner({
    schema,
    roots: entriesOf(TYPES),
    limits: LIMITS,
    query: client.query,
    isOfData,
    cursorKey: keyFor("cursors"),
    cache,
  });
  const formatError = createFormatError(log);
  const answerDirectly = createAnswerDirectly({ schema, planner, gates: gates.Query, formatError, log });
  const { introspection, landingPage, trustedDocuments } = config;
  const known = createKnownDocuments({
    schema,
    limits: LIMITS,
    cache,
    introspection: createIntrospection(cache),
    answerDirectly,
    formatError,
    log,
  });
  const queries =
    trustedDocuments === undefined
      ? persistedQueries(known.textOf)
      : trustedQueries(
          await loadTrustedDocuments(trustedDocuments, schema, { limits: LIMITS, introspection }).catch(
            async (error) => {
              await client.close();
              throw error;
            },
          ),
          { cache, clock },
        );
  const apollo = createApolloServer({
    schema,
    limits: LIMITS,
    introspection,
    landingPage,
    documentStore: known.documentStore,
    formatError,
    plugins: [known.plugin],
  });
  const answerGraphql = createAnswerGraphql({
    apollo,
    landingPage,
    persistedQueries: queries,
    answerKnown: known.answer,
    recordRefusals: recordRefusals(recorders),
    leave: client.leave,
    limits: LIMITS,
    statementTimeoutMs: config.statementTimeoutMs,
  });
  const readiness = createReadiness({ look: client.look, pooler: client.pooler });
  const http = createHttpServer({
    answerGraphql,
    formatError,
    contextOf: async (request, origin) =>
      new RequestContext(await authenticate(request.headers.authorization), origin, {
        planner,
        clock,
        environmentOf: fleet.environmentOf,
      }),
    readiness,
    records: recorder.state,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    shutdownGraceMs: config.shutdownGraceMs,
    onStop: fleet.release,
  });

  /** How to stop what has begun, the last first. */
  const begun: ((hurry: AbortSignal | undefined) => Promise<void>)[] = [
    () => client.close(),
    () => recordsClient.close(),
  ];
  /** What fails half-way is stopped too. */
  async function begin<T>(work: () => Promise<T>, stop: (hurry: AbortSignal | undefined) => Promise<void>): Promise<T> {
    begun.push(stop);
    return work();
  }

  return {
    schema,
    refreshInventory: fleet.refresh,
    async start() {
      await begin(
        () => recorder.start(),
        () => recorder.stop(),
      );
      await begin(
        () => revocations.start(),
        () => revocations.stop(),
      );
      await begin(
        () => jobs.start(),
        () => jobs.stop(),
      );
      await jobs.schedule([{ name: "retention", cron: "17 * * * *", run: () => removeWhatIsOver(db) }]);
      await begin(
        () => fleet.start(),
        () => fleet.stop(),
      );
      await begin(
        () => apollo.start(),
        () => apollo.stop(),
      );
      await begin(
        () => readiness.start(),
        async () => readiness.stop(),
      );
      const { address, port, family } = await begin(
        () => http.listen(config.port, config.host),
        (hurry) => http.stop(hurry),
      );
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
    async stop(hurry) {
      for (let each = begun.pop(); each; each = begun.pop()) await each(hurry);
    },
  };
}
