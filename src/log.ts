/** The log: JSON lines on standard error, without secrets and without values of statements. Standard output is for people. */
import { type Logger, pino } from "pino";

export type Log = Logger;

/** The fields of inputs and answers whose values are never recorded. */
export const LOG_SECRET_NAMES = [
  "password",
  "currentPassword",
  "newPassword",
  "otp",
  "accessToken",
  "refreshToken",
  "deviceToken",
] as const;
export const LOG_REDACTED = "[redacted]";

/** Keys whose values are redacted in the log, at the top level and one level down. */
const LOG_SECRETS = [...LOG_SECRET_NAMES, "authorization", "privateKey"];

/** The fields of a database fault that hold no values. Message and detail may quote values, and drizzle's message is the statement. */
const DATABASE_FAULT = [
  "code",
  "severity",
  "routine",
  "schema_name",
  "table_name",
  "column_name",
  "constraint_name",
] as const;

/** SQLSTATE classes whose messages hold no values, such as those of connections, resources and missing tables. */
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

/** @returns an error for the log: where it happened and why, without values and without addresses of hosts */
export function describeFaultForLog(error: unknown, depth = 0): unknown {
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
    // The stack repeats the message, which may hold values, so only its frames are kept.
    stack: fault.stack
      ?.split("\n")
      .filter((line) => /^\s+at /.test(line))
      .join("\n"),
    ...(fault.cause !== undefined && depth < MAX_CAUSES && { cause: describeFaultForLog(fault.cause, depth + 1) }),
  };
}

let lastMs = 0;
let lastTime = "";
/** Makes the text of a millisecond once, because that takes a quarter of the time of a line. */
function isoTime(): string {
  const ms = Date.now();
  if (ms !== lastMs) {
    lastMs = ms;
    lastTime = new Date(ms).toISOString();
  }
  return lastTime;
}

/** Where lines of the log go. */
export interface LogDestination {
  write(line: string): void;
  /** Writes a line a little later, together with others, which costs less. Without it every line is written at once. */
  writeSoon?(line: string): void;
}

/**
 * Makes lines of which there is one for each request. pino would look for secrets in them, which takes a fifth of the time of a small query.
 * @returns a function that writes fields, among them `msg`, none of which may hold a secret; undefined where the level is not logged
 */
export function plainLogLines(log: Log, level: "info" | "debug"): ((fields: object) => void) | undefined {
  if (!log.isLevelEnabled(level)) return undefined;
  const destination = (log as unknown as Record<symbol, LogDestination>)[pino.symbols.streamSym] as LogDestination;
  const write = destination.writeSoon?.bind(destination) ?? destination.write.bind(destination);
  return (fields) => write(`{"level":"${level}","time":"${isoTime()}",${JSON.stringify(fields).slice(1)}\n`);
}

const MINUTE_MS = 60_000;

/** @param write gets one fault a minute, and how many have come since the last one @returns a function that takes every fault */
export function logOnceAMinute(write: (fields: { readonly err: unknown; readonly times: number }) => void) {
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
export function createLog(level: string, destination: LogDestination = process.stderr): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error) => describeFaultForLog(error) },
      redact: { paths: LOG_SECRETS.flatMap((key) => [key, `*.${key}`]), censor: LOG_REDACTED },
    },
    destination,
  );
}
