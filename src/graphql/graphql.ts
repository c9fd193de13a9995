/** Makes the GraphQL endpoint of the modules: schema, doors, planner, fast path and Apollo. */
import type { IncomingMessage } from "node:http";
import type { GraphQLSchema } from "graphql";
import type { CallOrigin } from "../audit/call.js";
import { type Authentication, authorizationHeaderOf } from "../auth/authenticate.js";
import type { Cache } from "../cache.js";
import type { Config } from "../config.js";
import { declarationsWithRelated } from "../engine/declaration.js";
import { createRowChanges, type RowChangesDeps } from "../engine/live/index.js";
import { createPlanner, type PlannerOptions } from "../engine/read/planner.js";
import { mutationResolvers } from "../engine/types/mutation-resolver.js";
import { NodeResolver, nodeTargets } from "../engine/types/node-resolver.js";
import { connectionResolver, readResolver, readResolverTargets } from "../engine/types/read-resolver.js";
import { LIMITS } from "../limits.js";
import type { Log } from "../log.js";
import type { Module } from "../module.js";
import type { MutationTurns } from "../rate-limits/index.js";
import type { Timings } from "../timings.js";
import type { RequestFacts } from "../values/request-facts.js";
import { type AccessMap, sumAccess } from "./access/access.js";
import { type ContextDeps, RequestContext } from "./context.js";
import { mutationTurnsOf } from "./doors.js";
import { createKnownDocuments } from "./fast-path/known-documents.js";
import { createPlannedOperations } from "./fast-path/planned-operations.js";
import { createFormatError } from "./format-error.js";
import { createAnswerGraphql, createAnswerSandbox, type GraphqlAnswerOptions } from "./graphql-answer.js";
import { createIntrospection } from "./introspection.js";
import { createLiveConnections, type LiveConnections } from "./live/live-connections.js";
import { liveDocumentPlugin } from "./live/live-context.js";
import { createLiveOperations } from "./live/live-operations.js";
import { loadTrustedDocuments, persistedQueries, trustedQueries } from "./persisted-queries.js";
import { type Recorders, recordFailures, recordRefusals } from "./recording.js";
import { buildBareSchema, schemaBehindDoors } from "./schema.js";
import { createApolloServer } from "./server.js";

interface GraphqlDeps
  extends Pick<PlannerOptions, "query" | "isDataFault" | "cursorKey">,
    Omit<Recorders, "access">,
    Authentication,
    Pick<ContextDeps, "clock" | "environmentOf">,
    Pick<RowChangesDeps, "queryApart">,
    Pick<GraphqlAnswerOptions, "stopReads" | "apiLimit"> {
  readonly timings: Timings;
  readonly config: Pick<
    Config,
    "cloudopsUrl" | "introspection" | "landingPage" | "trustedDocuments" | "statementTimeoutMs" | "liveLimits"
  >;
  readonly modules: readonly Module[];
  readonly cache: Cache;
  readonly mutationTurns: MutationTurns;
  readonly log: Log;
}

export interface Graphql {
  readonly schema: GraphQLSchema;
  readonly access: AccessMap;
  readonly answer: ReturnType<typeof createAnswerGraphql>;
  /** Makes what serves subscriptions. @param logRequest writes a line to the log */
  live(logRequest: (facts: RequestFacts) => void): LiveConnections;
  readonly answerSandbox: ReturnType<typeof createAnswerSandbox>;
  readonly formatError: ReturnType<typeof createFormatError>;
  contextOf(request: IncomingMessage, origin: CallOrigin): Promise<RequestContext>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error where modules contradict each other, or a trusted document is not valid */
export async function createGraphql(deps: GraphqlDeps): Promise<Graphql> {
  const { modules, cache, clock, log } = deps;
  const { introspection, landingPage, trustedDocuments, statementTimeoutMs } = deps.config;
  const types = modules.flatMap(({ types = [] }) => types);
  const access = sumAccess(modules);
  const bare = buildBareSchema(
    [
      new NodeResolver(),
      ...types.map((type) => new (readResolver(type))()),
      ...declarationsWithRelated(types).map((type) => new (connectionResolver(type))()),
      ...mutationResolvers(access.mutations),
      ...modules.flatMap(({ resolvers = [] }) => resolvers),
    ],
    modules.flatMap(({ live = [] }) => live),
  );
  const recorders = { ...deps, access };
  const { schema, roots } = schemaBehindDoors(
    bare,
    access,
    recordFailures(recorders),
    mutationTurnsOf(access, deps.mutationTurns),
  );
  const targets = new Map([...readResolverTargets(types), ...nodeTargets(types, LIMITS.maxPageSize)]);
  const planner = createPlanner({ ...deps, schema, targets, limits: LIMITS });
  const formatError = createFormatError({ ...deps.config, log, schema });
  const { environmentOf, signedOut } = deps;
  const contextDeps = { planner, clock, actionOf: access.actionOf, environmentOf, signedOut };
  const known = createKnownDocuments({
    schema,
    limits: LIMITS,
    cache,
    introspection: createIntrospection(cache),
    answerDirectly: createPlannedOperations({ schema, planner, roots, formatError, log }),
    formatError,
    log,
  });
  const queries =
    trustedDocuments === undefined
      ? persistedQueries(known.textOf)
      : trustedQueries(await loadTrustedDocuments(trustedDocuments, schema, { limits: LIMITS, introspection }), {
          cache,
          clock,
        });
  const apollo = createApolloServer({
    schema,
    limits: LIMITS,
    introspection,
    sandbox: landingPage === "sandbox",
    documentStore: known.documentStore,
    formatError,
    plugins: [liveDocumentPlugin, known.plugin],
  });
  const asking = {
    ...{ apollo, persistedQueries: queries, apiLimit: deps.apiLimit, recordRefusals: recordRefusals(recorders) },
    ...{ limits: LIMITS, statementTimeoutMs, timings: deps.timings },
  };
  const changes = createRowChanges(deps);
  return {
    schema,
    access,
    answer: createAnswerGraphql({
      ...asking,
      answerKnown: known.answer,
      stopReads: deps.stopReads,
    }),
    live: (logRequest) =>
      createLiveConnections({
        ...{ ...deps, ...asking, limits: deps.config.liveLimits, contextDeps, logRequest },
        operations: createLiveOperations({ ...asking, schema, formatError, contextDeps, changes, logRequest }),
      }),
    answerSandbox: createAnswerSandbox(apollo),
    formatError,
    async contextOf(request, origin) {
      const actor = await deps.authenticate(authorizationHeaderOf(request.rawHeaders));
      return new RequestContext(actor, origin, contextDeps);
    },
    start: () => apollo.start(),
    async stop() {
      await changes.stop();
      await apollo.stop();
    },
  };
}
