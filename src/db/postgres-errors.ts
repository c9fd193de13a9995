/** Turns faults of PostgreSQL and the driver into AppErrors, with messages of ours, because theirs hold values or whole statements. */
import {
  AppError,
  ambiguousIdentifier,
  answerTooLong,
  badUserInput,
  conflict,
  internal,
  limitExceeded,
  notFound,
  timeout,
  unavailable,
} from "../errors.js";

/** The fields of a PostgreSQL error that name things and hold no values. */
interface PostgresFault {
  readonly code?: string;
  /** Always in English, whatever the language of messages. */
  readonly severity?: string;
  readonly constraint_name?: string;
  readonly table_name?: string;
  readonly column_name?: string;
  /** The function of PostgreSQL that reports the fault. */
  readonly routine?: string;
  /** It holds values, so it must not reach callers or the log. */
  readonly detail?: string;
}

/** @returns the driver's fault, also where it has become the cause of an AppError */
function faultOf(error: unknown): PostgresFault {
  let fault = error;
  while (fault instanceof AppError) fault = fault.cause;
  return (fault ?? {}) as PostgresFault;
}

/** The connection was lost while a statement ran on it (see driver/turn.ts for the driver's codes). */
const LOST = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "GIVEN_UP", // neither the statement nor its cancel request was answered
  "40003", // PostgreSQL itself does not know whether the statement was done
]);

/** With these severities PostgreSQL ends the connection, whatever the code. */
const LAST_WORDS = new Set(["FATAL", "PANIC"]);

/**
 * Faults that pass by themselves: a connection that could not be opened; class 08 (connection), 53 (resources), 57P0x (a server that
 * stops or starts); a server that has become a standby (25006); transactions that were undone for others (40001, 40P01).
 */
const TRANSIENT = /^(CONNECTION_ENDED|08.{3}|53.{3}|57P0.|25006|40001|40P01)$/;

/**
 * Faults of a value that the caller sent; most are refused earlier, by GraphQL types and checks. The rest of class 22, such as a sum
 * that overflows, is a fault of stored data or of our statement.
 */
const VALUE_FAULTS = new Set([
  "22001", // too long for its column
  "22007", // malformed moment
  "22021", // a character that the database cannot hold
  "22P02", // malformed text of a number, an enum or JSON
  "22P05", // untranslatable character
]);

/** @returns whether the data or size of some field is at fault (classes 21, 22, 54), so that the statement may run without that field */
export const isDataFault = (error: unknown): boolean => /^(21|22|54)/.test(faultOf(error).code ?? "");

/** @returns whether the database refuses a value, and would refuse it again */
export const isRefusedValue = (error: unknown): boolean => /^2[23]/.test(faultOf(error).code ?? "");

/** Within a transaction an outdated prepared statement is not sent again, because all of the transaction is undone. */
const isOutdated = ({ code, routine }: PostgresFault) =>
  code === "26000" || (code === "0A000" && routine === "RevalidateCachedQuery");

const isLost = ({ code = "", severity = "" }: PostgresFault) => LOST.has(code) || LAST_WORDS.has(severity);

/** @returns whether the connection went while a statement ran, so that nobody knows what became of it */
export const isLostConnectionError = (error: unknown): boolean => isLost(faultOf(error));

/**
 * Only db/client.ts needs it: whoever runs statements through a client gets AppErrors.
 * @returns the AppError that a fault of the database means to a caller; an AppError is returned as it is
 */
export function fromPostgres(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const fault = faultOf(error);
  const code = fault.code ?? "";
  if (code === "57014" || code === "55P03" || code === "GIVEN_UP") return timeout(error);
  if (isLost(fault) || TRANSIENT.test(code) || isOutdated(fault)) return unavailable("The database", error);
  if (code.startsWith("54")) {
    return limitExceeded("complexity", "This asks for too much in one statement. Split it.", error);
  }
  if (code === "23505") return conflict(`This ${nameOf(fault)} exists already: it must be unique.`, error);
  if (code === "23503") return notFound(nameOf(fault), error);
  if (VALUE_FAULTS.has(code)) {
    return badUserInput("input", "A value is malformed or out of range for its column.", error);
  }
  if (code === "23514" || code === "23502") return badUserInput(nameOf(fault), "A value is not allowed here.", error);
  return internal(error);
}

/** A planned read is given an identifier that several rows have, of which the detail names the facts that its caller may read. */
const AMBIGUOUS = "22P99";

/** A planned read multiplies the length of its answer by a number, so that it overflows where the answer is too long. Nothing else does. */
const isTooLong = ({ code, routine }: PostgresFault) => code === "22003" && routine === "float_overflow_error";

/** `fromPostgres` for planned reads, whose parameters were checked before: what is wrong with a value is wrong with a stored one. */
export function fromPostgresRead(error: unknown): AppError {
  const fault = faultOf(error);
  if (isTooLong(fault)) return answerTooLong(error);
  if (fault.code === AMBIGUOUS) return ambiguousIdentifier("id", JSON.parse(fault.detail ?? "[]"), error);
  return fault.code?.startsWith("22") ? internal(error) : fromPostgres(error);
}

/** `users_email_key` -> `email`; `scans_organization_id_organizations_id_fk` -> `organization`. */
function nameOf({ constraint_name = "", table_name = "", column_name }: PostgresFault): string {
  const rest = constraint_name.startsWith(`${table_name}_`)
    ? constraint_name.slice(table_name.length + 1)
    : constraint_name;
  const reference = /^(.+?)_id_.*_fk$/.exec(rest);
  return column_name || (reference?.[1] ?? rest.replace(/_(key|idx|pkey)$/, "").replaceAll("_", " ")) || "value";
}

/** @returns the columns, as SQL, and the value of a key that is a duplicate or refers to no row */
export function keyAtFault(error: unknown): { readonly columns: string; readonly value: string } | undefined {
  const { code = "", detail = "" } = faultOf(error);
  if (code !== "23505" && code !== "23503") return undefined;
  const [, columns, value] = /\((.+?)\)=\((.*)\)/s.exec(detail) ?? [];
  return columns === undefined || value === undefined ? undefined : { columns, value };
}

/** @returns whether a delete failed because other rows refer to the row */
export const isDependentsError = (error: unknown): boolean => faultOf(error).code === "23503";
