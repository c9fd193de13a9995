/** Makes the Apollo Server with Postern's limits, error format and plugins. */
import { ApolloServer, type ApolloServerOptions, type ApolloServerPlugin } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { ApolloServerPluginLandingPageLocalDefault } from "@apollo/server/plugin/landingPage/default";
import type { GraphQLFormattedError, GraphQLSchema } from "graphql";
import type { RequestLimits } from "../limits.js";
import type { RequestContext } from "./context.js";
import { stringifyDirectAnswer } from "./fast-path/direct-answer.js";
import { formattedErrorHttpStatus } from "./format-error.js";
import { PREFLIGHT_HEADERS_OF_GET } from "./graphql-request.js";
import { enforceLimits } from "./limits.js";

interface ServerOptions {
  readonly schema: GraphQLSchema;
  readonly limits: RequestLimits;
  readonly introspection: boolean;
  /** Whether there is a page of Apollo Sandbox. */
  readonly sandbox: boolean;
  readonly documentStore: ApolloServerOptions<RequestContext>["documentStore"];
  readonly formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  readonly plugins: readonly ApolloServerPlugin<RequestContext>[];
}

/** The most faults that an answer lists of one document. */
const MAX_VALIDATION_ERRORS = 5;

export const createApolloServer = (options: ServerOptions): ApolloServer<RequestContext> =>
  new ApolloServer<RequestContext>({
    schema: options.schema,
    introspection: options.introspection,
    // A "did you mean" would reveal parts of a schema that clients may not read.
    hideSchemaDetailsFromClientErrors: !options.introspection,
    includeStacktraceInErrorResponses: false,
    // A suggestion costs as much as a small query for each fault.
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: !options.introspection },
    parseOptions: { maxTokens: options.limits.tokens },
    documentStore: options.documentStore,
    // Persisted queries are found before Apollo sees the request (see persisted-queries.ts).
    persistedQueries: false,
    csrfPrevention: { requestHeaders: [...PREFLIGHT_HEADERS_OF_GET] },
    stopOnTerminationSignals: false,
    formatError: options.formatError,
    stringifyResult: stringifyDirectAnswer as never,
    plugins: [
      enforceLimits(options.limits),
      ...options.plugins,
      formattedErrorHttpStatus,
      ApolloServerPluginCacheControlDisabled(),
      options.sandbox
        ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })
        : ApolloServerPluginLandingPageDisabled(),
    ],
  });
