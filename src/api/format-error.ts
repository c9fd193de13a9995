/** Errors on their way out: ours pass, GraphQL's document errors pass, everything else is logged and masked. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { ApolloServerPlugin } from "@apollo/server";
import { ApolloServerErrorCode, unwrapResolverError } from "@apollo/server/errors";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { AppError, type ErrorCode, HTTP_STATUS, internal, limitExceeded } from "../errors.js";
import type { Log } from "../log.js";

/** The id of the request that is being served; errors are formatted where no context is at hand. */
export const requestIds = new AsyncLocalStorage<string>();

/** What clients may read as Apollo words it: faults of the document or of the HTTP request. */
const DOCUMENT_ERRORS: ReadonlySet<unknown> = new Set([
  ApolloServerErrorCode.GRAPHQL_PARSE_FAILED,
  ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED,
  ApolloServerErrorCode.OPERATION_RESOLUTION_FAILURE,
  ApolloServerErrorCode.BAD_REQUEST,
]);

/** graphql-js stops reading a document at its token limit and reports a syntax error. */
const TOO_MANY_TOKENS = /more tha[nt] \d+ tokens/;

function appErrorOf(error: unknown): AppError | undefined {
  const original = unwrapResolverError(error);
  return original instanceof AppError ? original : undefined;
}

export const createFormatError =
  (log: Log) =>
  (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const requestId = requestIds.getStore();
    const { locations, path } = formatted;
    const place = { ...(locations && { locations }), ...(path && { path }) };
    const code = formatted.extensions?.code;
    let known = appErrorOf(error);
    if (!known && code === ApolloServerErrorCode.GRAPHQL_PARSE_FAILED && TOO_MANY_TOKENS.test(formatted.message)) {
      known = limitExceeded("tokens", "This document has too many tokens. Split it.");
    }
    if (!known && DOCUMENT_ERRORS.has(code)) {
      return { message: formatted.message, ...place, extensions: { code, requestId } };
    }
    known ??= internal(error);
    if (known.code === "INTERNAL_SERVER_ERROR") log.error({ err: known.cause, requestId, path }, "internal error");
    else if (known.code === "UNAVAILABLE" || known.code === "TIMEOUT") {
      log.warn({ err: known.cause, requestId, path }, known.message);
    }
    return { message: known.message, ...place, extensions: { ...known.extensions, requestId } };
  };

/** @returns an error of a field as graphql-js would report it */
export const fieldError = (error: unknown, path: readonly (string | number)[]) =>
  new GraphQLError(error instanceof Error ? error.message : "", {
    path,
    originalError: error instanceof Error ? error : new Error("not an error"),
  });

/** @returns the status of an answer whose every part failed for one reason; undefined otherwise */
function statusOf(
  data: Record<string, unknown> | null | undefined,
  errors: readonly GraphQLFormattedError[],
): number | undefined {
  const code = errors[0]?.extensions?.code;
  if (!errors.every((error) => error.extensions?.code === code)) return undefined;
  const failed = new Set(errors.map(({ path }) => path?.[0]));
  const whole = !data || Object.entries(data).every(([key, value]) => value === null && failed.has(key));
  return whole ? HTTP_STATUS[code as ErrorCode] : undefined;
}

/** Sets the HTTP status where the whole request failed for one reason, and tells when to come back. */
export const httpStatus: ApolloServerPlugin = {
  async requestDidStart() {
    return {
      async willSendResponse({ response }) {
        if (response.body.kind !== "single" || !response.body.singleResult.errors) return;
        const { data, errors } = response.body.singleResult;
        const status = statusOf(data, errors);
        if (status !== undefined) response.http.status = status;
        const retryAfter = errors[0]?.extensions?.retryAfterSeconds;
        if (status === HTTP_STATUS.RATE_LIMITED) response.http.headers.set("retry-after", String(retryAfter));
      },
    };
  },
};
