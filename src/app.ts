/** The composition root: configuration and ports in, a server that starts and stops out. */
import "reflect-metadata";
import type { GraphQLSchema } from "graphql";
import { RequestContext } from "./api/context.js";
import { createFormatError } from "./api/format-error.js";
import { createHttpServer } from "./api/http.js";
import { answerPlannedOperations } from "./api/planned-operations.js";
import { recordFailures, recordRefusals } from "./api/recording.js";
import { buildBareSchema, guardSchema } from "./api/schema.js";
import { createApolloServer } from "./api/server.js";
import { createAuthenticate } from "./auth/authenticate.js";
import { createRevocations } from "./auth/revocations.js";
import { loadSigningKey } from "./auth/signing-key.js";
import { createTokens } from "./auth/tokens.js";
import { type Config, LIMITS } from "./config.js";
import { type ClientOptions, createClient } from "./db/client.js";
import type { Log } from "./log.js";
import { rootFields } from "./model/index.js";
import { createAuditService } from "./modules/audit/index.js";
import { chatResolvers } from "./modules/chat/index.js";
import { createIdentityService, IdentityResolver } from "./modules/identity/index.js";
import { organizationResolvers } from "./modules/organizations/index.js";
import { scanResolvers } from "./modules/scans/index.js";
import { createSecurityService, SecurityResolver } from "./modules/security/index.js";
import { telemetryResolvers } from "./modules/telemetry/index.js";
import { userResolvers } from "./modules/users/index.js";
import { createPlanner } from "./plan/planner.js";
import { entriesOf, readResolver } from "./wire/read-resolver.js";

/** What the world gives; tests give their own. */
export interface Ports {
  readonly log: Log;
  readonly clock: { now(): Date };
  /** Where Postern's database is; it must be migrated. */
  readonly connection: ClientOptions["connection"];
  readonly onStatement?: ClientOptions["onStatement"];
}

export interface App {
  readonly schema: GraphQLSchema;
  /** @returns the URL it listens on */
  start(): Promise<string>;
  stop(): Promise<void>;
}

export async function createApp(config: Config, ports: Ports): Promise<App> {
  const { log, clock, connection, onStatement } = ports;
  const { poolSize, statementTimeoutMs } = config;
  const client = createClient({ connection, poolSize, statementTimeoutMs, onStatement });
  const { db } = client;

  const tokens = createTokens({ privateKey: await loadSigningKey(db, config.accessTokenPrivateKey), clock });
  const revocations = createRevocations({ db, clock, log });
  const authenticate = createAuthenticate({ tokens, revocations });

  const audit = createAuditService({ clock });
  const security = createSecurityService({ db, audit });
  const identity = createIdentityService({ db, tokens, revocations, clock, security });
  const rows = { db, audit };
  const resolvers: object[] = [
    ...rootFields.map((fields) => new (readResolver(fields))()),
    new IdentityResolver(identity),
    new SecurityResolver(security),
    ...organizationResolvers(rows),
    ...userResolvers({ ...rows, identity }),
    ...scanResolvers(rows),
    ...chatResolvers(rows),
    ...telemetryResolvers(rows),
  ];

  const recorders = { db, audit, security, log };
  const { schema, gates } = guardSchema(buildBareSchema(resolvers), recordFailures(recorders));
  const planner = createPlanner({
    schema,
    roots: entriesOf(rootFields),
    limits: LIMITS,
    query: client.query,
  });
  const formatError = createFormatError(log);
  const apollo = createApolloServer({
    schema,
    limits: LIMITS,
    introspection: config.introspection,
    landingPage: config.landingPage,
    formatError,
    plugins: [answerPlannedOperations({ schema, planner, gates: gates.Query, formatError }), recordRefusals(recorders)],
  });
  const http = createHttpServer({
    apollo,
    formatError,
    contextOf: async (request, origin) =>
      new RequestContext(await authenticate(request.headers.authorization), origin, { planner, clock }),
    ping: client.ping,
    bodyBytes: LIMITS.bodyBytes,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
  });

  return {
    schema,
    async start() {
      await revocations.start();
      await apollo.start();
      const { address, port, family } = await http.listen(config.port, config.host);
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
    async stop() {
      await http.stop();
      await apollo.stop();
      await revocations.stop();
      await client.close();
    },
  };
}
