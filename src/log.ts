/** The log: JSON lines on standard error, so that standard output stays for people. */
import { type Logger, pino } from "pino";

export type Log = Logger;

/** Keys whose values never reach the log, at the top level or one level down. */
const SECRETS = ["password", "otp", "accessToken", "refreshToken", "authorization", "privateKey"];

/**
 * @param level one of pino's level names, or `silent`
 * @returns a logger; `child(fields)` adds fields to every line
 */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((key) => [key, `*.${key}`]), censor: "[redacted]" },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
