/** The closed table of error codes, the error class that carries them, and a constructor for each code. */

/** Each code, and the HTTP status of a request that failed for this reason only. */
export const HTTP_STATUS = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  PRODUCTION_PROTECTED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  FAILED_PRECONDITION: 409,
  LIMIT_EXCEEDED: 400,
  RATE_LIMITED: 429,
  // Clients of persisted queries expect 200, and then send the text.
  PERSISTED_QUERY_NOT_FOUND: 200,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
  INTERNAL_SERVER_ERROR: 500,
} as const;

export type ErrorCode = keyof typeof HTTP_STATUS;

/** The other extensions of an error. Each constructor below fills the key that belongs to its code. */
type ErrorDetail = Readonly<Record<string, string | number | readonly object[]>>;

/**
 * An error whose message is for the caller. graphql-js copies `extensions` into the answer; `cause` only goes to the log.
 */
export class AppError extends Error {
  readonly extensions: Readonly<{ code: ErrorCode } & Record<string, unknown>>;

  constructor(
    readonly code: ErrorCode,
    message: string,
    detail: ErrorDetail = {},
    cause?: unknown,
    /** The status of a request that failed for this reason only. */
    readonly httpStatus: number = HTTP_STATUS[code],
  ) {
    super(message, { cause });
    this.name = "AppError";
    this.extensions = { code, ...detail };
  }
}

/** An argument is missing, malformed or out of range. `field` is its path below `input`, or the argument's name. */
export const badUserInput = (field: string, message: string, cause?: unknown) =>
  new AppError("BAD_USER_INPUT", message, { field }, cause);

/** How many rows the error of an ambiguous identifier names at most. */
export const MAX_CANDIDATES = 10;

/** Several rows have the identifier. @param candidates what distinguishes them; the first are named */
export const ambiguousIdentifier = (field: string, candidates: readonly object[], cause?: unknown) =>
  new AppError(
    "BAD_USER_INPUT",
    `${candidates.length > MAX_CANDIDATES ? "Many" : candidates.length} have this identifier. Give the id or the ARN of the one that you mean.`,
    { field, candidates: candidates.slice(0, MAX_CANDIDATES) },
    cause,
  );

/** The request is not GraphQL over HTTP. `field` names the part at fault. */
export const unusableRequestError = (
  httpStatus: 405 | 406 | 415,
  field: "method" | "accept" | "content-type",
  message: string,
) => new AppError("BAD_USER_INPUT", message, { field }, undefined, httpStatus);

/** The connection sent something else than an HTTP request. */
export const noRequestError = () => badUserInput("request", "This is no HTTP request.");

/** The credentials are missing, expired or revoked. */
export const unauthenticated = (message = "Sign in first: send an access token as `Authorization: Bearer <token>`.") =>
  new AppError("UNAUTHENTICATED", message);

/** The role may never do this. */
export const forbidden = (permission: string, message = `Your role lacks the permission ${permission}.`) =>
  new AppError("FORBIDDEN", message, { permission });

/** The instance is PRODUCTION, which nobody operates through Postern. */
export const productionProtected = () =>
  new AppError(
    "PRODUCTION_PROTECTED",
    "Operations not allowed on production instances. Please create a CloudOps request.",
  );

/** Among the instances that a request selects are some that are PRODUCTION. */
export const productionAmongSelected = (count: number) =>
  new AppError(
    "PRODUCTION_PROTECTED",
    `${count} of the selected instances ${count === 1 ? "is" : "are"} PRODUCTION, so nothing was done. Narrow the filter by environment, or create a CloudOps request.`,
  );

/** The row does not exist or is outside the caller's reach; the two must look the same. */
export const notFound = (what: string, cause?: unknown, field?: string) =>
  new AppError("NOT_FOUND", `No such ${what}, or it is not yours.`, field === undefined ? {} : { field }, cause);

/** The row is a duplicate, its version is stale, or another number of rows was expected. */
export const conflict = (message: string, cause?: unknown, field?: string) =>
  new AppError("CONFLICT", message, field === undefined ? {} : { field }, cause);

/** The request is correct, but its target is in the wrong state. */
export const failedPrecondition = (state: string, message: string, cause?: unknown) =>
  new AppError("FAILED_PRECONDITION", message, { state }, cause);

/** Another number of rows matches than the caller expects. @param what names them, such as `instances` */
export const unexpectedCount = (what: string, count: number, expected: number) =>
  new AppError(
    "FAILED_PRECONDITION",
    `${count} ${what} match, where ${expected} were expected. Nothing was done: look at the filter, or expect ${count}.`,
    { state: "count", count },
  );

/** The request exceeds a limit, which `limit` names. */
export const limitExceeded = (limit: string, message: string, cause?: unknown) =>
  new AppError("LIMIT_EXCEEDED", message, { limit }, cause);

export const answerTooLong = (cause?: unknown) =>
  limitExceeded("answer", "This answer would be longer than 16 MiB. Ask for fewer rows or fields at once.", cause);

/** The caller asks too often. @param state the limit that is used up */
export const rateLimited = (retryAfterSeconds: number, state?: object) =>
  new AppError(
    "RATE_LIMITED",
    `${state ? "You have asked for this too often" : "Too many ask for this at once"}. Try again in ${retryAfterSeconds} s.`,
    { retryAfterSeconds },
    state,
  );

/** The document of this hash is not kept. Clients know this message. */
export const persistedQueryNotFound = () => new AppError("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");

/** The database or a provider does not answer. A retry is safe. */
export const unavailable = (what: string, cause?: unknown) =>
  new AppError("UNAVAILABLE", `${what} does not answer. Try again in a moment.`, {}, cause);

/** A provider does not answer as it should. @param providerCode one word for the cause, such as `AccessDenied` */
export const providerUnavailable = (providerCode: string, message: string, cause?: unknown) =>
  new AppError("UNAVAILABLE", message, { providerCode }, cause);

/** @returns why a provider does not answer, in its words for people; null where it has none */
export function providerErrorOf(error: unknown): { readonly code: string; readonly message: string } | null {
  if (!(error instanceof AppError) || error.code !== "UNAVAILABLE") return null;
  const { providerCode: code } = error.extensions;
  return typeof code === "string" ? { code, message: error.message } : null;
}

/** Whether a provider has answered that it will not, so that asking again is in vain. */
export const isFinalProviderError = (error: unknown): boolean =>
  ["AccessDenied", "Refused"].includes(providerErrorOf(error)?.code ?? "");

/** The database was lost while it committed, so nobody knows whether the change was made. */
export const outcomeUnknown = (cause: unknown) =>
  new AppError(
    "UNAVAILABLE",
    "The database was lost while it wrote this down. It may have been done or not: look before you try again.",
    { outcome: "unknown" },
    cause,
  );

/** The end of the message for a change that was made but could not be read back, by the code of the read. */
const DONE_BUT: Partial<Record<ErrorCode, string>> = {
  UNAVAILABLE: "could not be read back in time. Do not send it again: look at it in a moment.",
  TIMEOUT: "could not be read back in time. Do not send it again: look at it in a moment.",
  LIMIT_EXCEEDED: "is too much to answer. Do not send it again: ask for less of it in a query.",
  INTERNAL_SERVER_ERROR: "could not be read back. Do not send it again.",
};

/** A record could be kept nowhere. @param outcome the outcome of the call that it is about */
export const notRecordedError = (outcome = "none", cause?: unknown) => {
  const advice =
    outcome === "none"
      ? "Nothing was done: try again in a moment."
      : "It may have been done or not: look before you try again.";
  return new AppError("UNAVAILABLE", `Postern can keep no records now. ${advice}`, { outcome }, cause);
};

/** A change was made, but could not be read back. Sent again, it would be made twice. */
export function doneBut(error: unknown): unknown {
  if (!(error instanceof AppError) || !DONE_BUT[error.code]) return error;
  const { code: _, ...detail } = error.extensions as Record<string, string>;
  return new AppError(error.code, `It was done, but ${DONE_BUT[error.code]}`, { ...detail, outcome: "done" }, error);
}

/** The work took longer than allowed, and was stopped. */
export const timeout = (cause?: unknown) =>
  new AppError("TIMEOUT", "This took longer than allowed and was stopped. Ask for less at once.", {}, cause);

/** The client took too long to send its request. */
export const requestTooLateError = () => new AppError("TIMEOUT", "The request did not arrive in time. Send it again.");

/** A fault of ours. The caller learns only the request id, and the cause goes to the log. */
export const internal = (cause: unknown) => new AppError("INTERNAL_SERVER_ERROR", "Internal error", {}, cause);

/** @returns an AppError unchanged, and anything else as a fault of ours */
export const asAppError = (error: unknown): AppError => (error instanceof AppError ? error : internal(error));

/** @returns the same error with an argument as its field */
export function errorAtField({ code, message, extensions, cause, httpStatus }: AppError, field: string): AppError {
  const { code: _, ...detail } = extensions as Record<string, string>;
  return new AppError(code, message, { ...detail, field }, cause, httpStatus);
}
