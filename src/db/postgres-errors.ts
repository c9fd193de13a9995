/** PostgreSQL's and the driver's faults -> AppErrors. Messages are ours: PostgreSQL's hold values, drizzle's the whole statement. */
import {
  AppError,
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
  /** In English, whatever the language of messages. */
  readonly severity?: string;
  readonly constraint_name?: string;
  readonly table_name?: string;
  readonly column_name?: string;
  /** The function of PostgreSQL that reports it. */
  readonly routine?: string;
  /** Holds values: never for callers, nor for the log. */
  readonly detail?: string;
}

/** @returns what the driver said, also where it has become the cause of an AppError */
function faultOf(error: unknown): PostgresFault {
  let fault = error;
  while (fault instanceof AppError) fault = fault.cause;
  return (fault ?? {}) as PostgresFault;
}

/** The connection went while something ran on it. */
const LOST = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "GIVEN_UP", // neither it nor its cancelling was answered
  "40003", // PostgreSQL itself does not know whether it was done
]);

/** Which PostgreSQL reports as it ends the connection, whatever the code. */
const LAST_WORDS = new Set(["FATAL", "PANIC"]);

/**
 * What passes: a connection that could not be opened, whatever for; class 08 (connection), 53 (resources), 57P0x (a server that stops or
 * starts); a standby that was just promoted elsewhere (25006), and transactions that were undone for others (40001, 40P01).
 */
const PASSES = /^(CONNECTION_ENDED|08.{3}|53.{3}|57P0.|25006|40001|40P01)$/;

/**
 * Faults of a value that was sent. GraphQL types and checks come before, so that few are left; every other of class 22, such as a
 * number that overflows when it is counted up, lies in what is stored, or in our statement.
 */
const OF_VALUES = new Set([
  "22001", // too long for its column
  "22007", // malformed moment
  "22021", // a character that the database cannot hold
  "22P02", // malformed text of a number, an enum or JSON
  "22P05", // untranslatable character
]);

/** @returns whether data or size are at fault (classes 21, 22 and 54), of what one field of a statement asks: without it the statement may run */
export const isOfData = (error: unknown): boolean => /^(21|22|54)/.test(faultOf(error).code ?? "");

/** @returns whether it is a value that the database refuses, and would refuse again */
export const isRefusedValue = (error: unknown): boolean => /^2[23]/.test(faultOf(error).code ?? "");

/** PostgreSQL no longer knows a prepared statement, or plans it in another way, in the midst of a transaction, which is undone. */
const isOutdated = ({ code, routine }: PostgresFault) =>
  code === "26000" || (code === "0A000" && routine === "RevalidateCachedQuery");

const isLost = ({ code = "", severity = "" }: PostgresFault) => LOST.has(code) || LAST_WORDS.has(severity);

/** @returns whether the connection went while a statement ran, so that nobody knows what became of it */
export const wasLost = (error: unknown): boolean => isLost(faultOf(error));

/**
 * For where statements run: whoever runs them through a client meets AppErrors alone.
 * @returns the AppError that a fault of the database means to a caller; an AppError stays what it is
 */
export function fromPostgres(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const fault = faultOf(error);
  const code = fault.code ?? "";
  if (code === "57014" || code === "55P03" || code === "GIVEN_UP") return timeout(error);
  if (isLost(fault) || PASSES.test(code) || isOutdated(fault)) return unavailable("The database", error);
  if (code.startsWith("54")) {
    return limitExceeded("complexity", "This asks for too much in one statement. Split it.", error);
  }
  if (code === "23505") return conflict(`This ${nameOf(fault)} exists already: it must be unique.`, error);
  if (code === "23503") return notFound(nameOf(fault), error);
  if (OF_VALUES.has(code)) {
    return badUserInput("input", "A value is malformed or out of range for its column.", error);
  }
  if (code === "23514" || code === "23502") return badUserInput(nameOf(fault), "A value is not allowed here.", error);
  return internal(error);
}

/** Planned reads multiply the length of their answer with a number that makes it overflow where it is too long. Nothing else of theirs overflows so. */
const isTooLong = ({ code, routine }: PostgresFault) => code === "22003" && routine === "float_overflow_error";

/** @returns the same of a planned read. Its values were checked before, so that what is wrong with one is stored. */
export function fromRead(error: unknown): AppError {
  const fault = faultOf(error);
  if (isTooLong(fault)) return answerTooLong(error);
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

/** @returns the columns, as SQL, and the value of the key that is a duplicate or refers to nothing */
export function keyAtFault(error: unknown): { readonly columns: string; readonly value: string } | undefined {
  const { code = "", detail = "" } = faultOf(error);
  if (code !== "23505" && code !== "23503") return undefined;
  const [, columns, value] = /\((.+?)\)=\((.*)\)/s.exec(detail) ?? [];
  return columns === undefined || value === undefined ? undefined : { columns, value };
}

/** @returns whether a delete failed because other rows refer to the row */
export const hasDependents = (error: unknown): boolean => faultOf(error).code === "23503";
