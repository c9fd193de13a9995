/** Makes the GraphQL endpoint of the modules: schema, doors, planner, fast path and Apollo. */
import type { IncomingMessage } from "node:http";
import type { GraphQLSchema } from "graphql";
import type { CallOrigin } from "../audit/call.js";
import { type Authentication, authorizationHeaderOf } from "../auth/authenticate.js";
import type { Cache } from "../cache.js";
import type { Config } from "../config.js";
import { declarationsWithRelated } from "../engine/declaration.js";
import { createPlanner, type PlannerOptions } from "../engine/read/planner.js";
import { mutationResolvers } from "../engine/types/mutation-resolver.js";
import { NodeResolver, nodeTargets } from "../engine/types/node-resolver.js";
import { connectionResolver, readResolver, readResolverTargets } from "../engine/types/read-resolver.js";
import { LIMITS } from "../limits.js";
import type { Log } from "../log.js";
import type { Module } from "../module.js";
import type { MutationTurns } from "../rate-limits/index.js";
import { type AccessMap, sumAccess } from "./access/access.js";
import { type ContextDeps, RequestContext } from "./context.js";
import { mutationTurnsOf } from "./doors.js";
import { createKnownDocuments } from "./fast-path/known-documents.js";
import { createPlannedOperations } from "./fast-path/planned-operations.js";
import { createFormatError } from "./format-error.js";
import { createAnswerGraphql, createAnswerSandbox, type GraphqlAnswerOptions } from "./graphql-answer.js";
import { createIntrospection } from "./introspection.js";
import { loadTrustedDocuments, persistedQueries, trustedQueries } from "./persisted-queries.js";
import { type Recorders, recordFailures, recordRefusals } from "./recording.js";
import { buildBareSchema, schemaBehindDoors } from "./schema.js";
import { createApolloServer } from "./server.js";

interface GraphqlDeps
  extends Pick<PlannerOptions, "query" | "isDataFault" | "cursorKey">,
    Omit<Recorders, "access">,
    Authentication,
    Pick<ContextDeps, "clock" | "environmentOf">,
    Pick<GraphqlAnswerOptions, "stopReads" | "apiLimit" | "timings"> {
  readonly config: Pick<
    Config,
    "cloudopsUrl" | "introspection" | "landingPage" | "trustedDocuments" | "statementTimeoutMs"
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
  const bare = buildBareSchema([
    new NodeResolver(),
    ...types.map((type) => new (readResolver(type))()),
    ...declarationsWithRelated(types).map((type) => new (connectionResolver(type))()),
    ...mutationResolvers(access.mutations),
    ...modules.flatMap(({ resolvers = [] }) => resolvers),
  ]);
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
    plugins: [known.plugin],
  });
  return {
    schema,
    access,
    answer: createAnswerGraphql({
      apollo,
      persistedQueries: queries,
      answerKnown: known.answer,
      recordRefusals: recordRefusals(recorders),
      stopReads: deps.stopReads,
      apiLimit: deps.apiLimit,
      timings: deps.timings,
      limits: LIMITS,
      statementTimeoutMs,
    }),
    answerSandbox: createAnswerSandbox(apollo),
    formatError,
    async contextOf(request, origin) {
      const actor = await deps.authenticate(authorizationHeaderOf(request.rawHeaders));
      return new RequestContext(actor, origin, contextDeps);
    },
    start: () => apollo.start(),
    stop: () => apollo.stop(),
  };
}
