/** The log: JSON lines, on standard error, so that standard output stays for people. No values of statements, no secrets. */
import { type Logger, pino } from "pino";

export type Log = Logger;

/** Fields of inputs and answers whose values are written down nowhere. */
export const SECRETS = ["password", "currentPassword", "newPassword", "otp", "accessToken", "refreshToken"] as const;
export const REDACTED = "[redacted]";

/** Keys whose values never reach the log, at the top level or one level down. */
const LOG_SECRETS = [...SECRETS, "authorization", "privateKey"];

/** What names the place of a database fault. Its message and detail may quote values, and drizzle's message is the statement. */
const DATABASE_FAULT = [
  "code",
  "severity",
  "routine",
  "schema_name",
  "table_name",
  "column_name",
  "constraint_name",
] as const;

/** SQLSTATE classes whose messages name things, never values: connections, resources, operators, missing tables and columns. */
const PLAIN_MESSAGES = /^(08|25|40|42|53|57|58|XX)/;

interface Fault {
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: unknown;
  readonly code?: string;
  readonly query?: unknown;
  readonly [key: string]: unknown;
}

const MAX_CAUSES = 5;

/** @returns an error as the log keeps it: where it happened and why, without values, and without the addresses of hosts */
export function describeFault(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const fault = error as Fault;
  const isDatabaseFault = fault.name === "PostgresError";
  const isStatement = "query" in fault && "params" in fault;
  const message = isStatement
    ? "a statement failed"
    : isDatabaseFault && !PLAIN_MESSAGES.test(fault.code ?? "")
      ? "a value was refused"
      : "address" in fault
        ? "a connection failed"
        : fault.message;
  return {
    type: fault.name,
    message,
    ...Object.fromEntries(DATABASE_FAULT.filter((key) => fault[key] !== undefined).map((key) => [key, fault[key]])),
    // The stack begins with the message, which was dealt with above.
    stack: fault.stack
      ?.split("\n")
      .filter((line) => /^\s+at /.test(line))
      .join("\n"),
    ...(fault.cause !== undefined && depth < MAX_CAUSES && { cause: describeFault(fault.cause, depth + 1) }),
  };
}

const MINUTE_MS = 60_000;

/** @param write takes the newest fault of a minute, and how many there were since it took the last @returns what takes every fault */
export function onceAMinute(write: (fields: { readonly err: unknown; readonly times: number }) => void) {
  let times = 0;
  let writtenMs = Number.NEGATIVE_INFINITY;
  return (err: unknown): void => {
    times += 1;
    if (performance.now() - writtenMs < MINUTE_MS) return;
    write({ err, times });
    writtenMs = performance.now();
    times = 0;
  };
}

/**
 * @param level one of pino's level names, or `silent`
 * @param destination where lines go
 * @returns a logger; `child(fields)` adds fields to every line
 */
export function createLog(level: string, destination: { write(line: string): void } = process.stderr): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error) => describeFault(error) },
      redact: { paths: LOG_SECRETS.flatMap((key) => [key, `*.${key}`]), censor: REDACTED },
    },
    destination,
  );
}
