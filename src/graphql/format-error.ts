/** Formats errors for clients. AppErrors and GraphQL's errors about documents pass; everything else is logged and masked. */
import type { ApolloServerPlugin } from "@apollo/server";
import { ApolloServerErrorCode } from "@apollo/server/errors";
import { type FieldNode, GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from "graphql";
import { AppError, badUserInput, type ErrorCode, HTTP_STATUS, internal, limitExceeded } from "../errors.js";
import type { Log } from "../log.js";
import { currentRequest } from "../values/request-facts.js";
import { adviceOn } from "./advice.js";

/** The codes of faults of the document, whose messages clients may read as Apollo words them. */
const DOCUMENT_ERRORS: ReadonlySet<unknown> = new Set([
  ApolloServerErrorCode.GRAPHQL_PARSE_FAILED,
  ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED,
]);

/** The messages of graphql-js, during execution, about a variable that is null where its argument may not be. */
const NULL_ARGUMENT = /^Argument "(\w+)" (of (non-null|required) type|has invalid value)/;

/** graphql-js stops reading a document at its token limit and reports a syntax error. */
const TOO_MANY_TOKENS = /more tha[nt] \d+ tokens/;

function appErrorOf(error: unknown): AppError | undefined {
  const original = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  return original instanceof AppError ? original : undefined;
}

/** Removes the values that graphql-js quotes in its messages, because one may be a password. */
const withoutValues = (message: string): string =>
  message
    .replace(/^(.*? cannot represent)\b.*$/s, "$1 this value.")
    .replace(/^Value ".*" does not exist in (".*?" enum)/s, "This value does not exist in the $1")
    .replace(/^(Expected value of type ".*?"), found .*$/s, "$1.")
    .replace(/(escape sequence): ".*"/s, "$1")
    .replace(/\b(String|BlockString|Int|Float) ".*"/s, "a $1");

function requestErrorOf({ message, extensions }: GraphQLFormattedError, error: unknown): AppError | undefined {
  if (extensions?.code === ApolloServerErrorCode.OPERATION_RESOLUTION_FAILURE) {
    return badUserInput("operationName", "Name the operation of the document that shall run.");
  }
  if (extensions?.code === ApolloServerErrorCode.BAD_REQUEST) {
    const { status } = ((error as GraphQLError).extensions.http ?? {}) as { status?: number };
    return status === 405 ? badUserInput("method", "Send a mutation by POST.") : badUserInput("body", message);
  }
  const argument = NULL_ARGUMENT.exec(message)?.[1];
  return argument ? badUserInput(argument, "This argument may not be null.") : undefined;
}

const NO_INTROSPECTION = /^GraphQL introspection is not allowed/;

interface FormatErrorDeps {
  readonly log: Log;
  readonly schema: GraphQLSchema;
  /** Whether clients may read the schema, and so be told what it holds. */
  readonly introspection: boolean;
  /** Where people create the request that a refusal on production speaks of. */
  readonly cloudopsUrl: string | undefined;
}

/** Makes the function that turns any error into what a client may see, notes its code, and logs what it masks. */
export const createFormatError =
  ({ log, schema, introspection, cloudopsUrl }: FormatErrorDeps) =>
  (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const request = currentRequest();
    const requestId = request?.id;
    const { locations, path } = formatted;
    const place = { ...(locations && { locations }), ...(path && { path }) };
    const code = formatted.extensions?.code;
    let appError = appErrorOf(error);
    if (!appError && code === ApolloServerErrorCode.GRAPHQL_PARSE_FAILED && TOO_MANY_TOKENS.test(formatted.message)) {
      appError = limitExceeded("tokens", "This document has too many tokens. Split it.");
    }
    appError ??= requestErrorOf(formatted, error);
    const advised = (message: string) => (introspection ? message + adviceOn(message, schema) : message);
    if (!appError && DOCUMENT_ERRORS.has(code)) {
      const message = NO_INTROSPECTION.test(formatted.message)
        ? "Clients may not read the schema here: whoever runs Postern can set INTROSPECTION to true."
        : advised(withoutValues(formatted.message));
      request?.addCode(code as string);
      return { message, ...place, extensions: { code, requestId } };
    }
    appError ??= internal(error);
    request?.addCode(appError.code);
    const message =
      appError.code === "BAD_USER_INPUT"
        ? advised(appError.message)
        : appError.code === "PRODUCTION_PROTECTED" && cloudopsUrl !== undefined
          ? `${appError.message} ${cloudopsUrl}`
          : appError.message;
    // The error itself: its stack names the store, while that of its cause ends in the driver.
    if (appError.code === "INTERNAL_SERVER_ERROR") log.error({ err: appError, requestId, path }, "internal error");
    else if (appError.code === "UNAVAILABLE" || appError.code === "TIMEOUT") {
      log.warn({ err: appError, requestId, path }, message);
    }
    return { message, ...place, extensions: { ...appError.extensions, requestId } };
  };

/** @returns the error of a field as graphql-js would report it */
export const formatFieldError = (
  error: unknown,
  path: readonly (string | number)[],
  nodes: readonly FieldNode[] = [],
) =>
  new GraphQLError(error instanceof Error ? error.message : "", {
    nodes,
    path,
    originalError: error instanceof Error ? error : new Error("not an error"),
  });

/** @returns the HTTP status of an answer that failed as a whole and for one reason; undefined for others */
export function formattedErrorStatus(
  data: Readonly<Record<string, unknown>> | null | undefined,
  errors: readonly GraphQLFormattedError[],
): number | undefined {
  const code = errors[0]?.extensions?.code;
  if (!errors.every((error) => error.extensions?.code === code)) return undefined;
  const failed = new Set(errors.map(({ path }) => path?.[0]));
  const hasFailedWhole = !data || Object.entries(data).every(([key, value]) => value === null && failed.has(key));
  return hasFailedWhole ? HTTP_STATUS[code as ErrorCode] : undefined;
}

/** Sets the HTTP status where the whole request failed for one reason. */
export const formattedErrorHttpStatus: ApolloServerPlugin = {
  async requestDidStart() {
    return {
      async willSendResponse({ response }) {
        if (response.body.kind !== "single" || !response.body.singleResult.errors) return;
        const { data, errors } = response.body.singleResult;
        const status = formattedErrorStatus(data, errors);
        // A status that Apollo has chosen, such as 405, stays.
        const chosen = response.http.status;
        if (status !== undefined && (!chosen || chosen === 500)) response.http.status = status;
      },
    };
  },
};
