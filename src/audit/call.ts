/** One call of a mutation: who makes it, from where, and what the audit log says about it. */
import type { Actor } from "../auth/actor.js";
import { LOG_REDACTED, LOG_SECRET_NAMES } from "../log.js";

/** The origin of a request. */
export interface CallOrigin {
  /** Null where Postern itself acts. */
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
}

export interface Call {
  readonly actor: Actor;
  readonly origin: CallOrigin;
  /** `<resource>.<verb>`, such as `scan.create`. */
  readonly action: string;
  /** The call's input without secrets. */
  readonly parameters: unknown;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
}

const IS_SECRET: ReadonlySet<string> = new Set(LOG_SECRET_NAMES);

/** @returns the input with the values of secrets replaced, at any depth */
export function callWithoutSecrets(input: unknown): unknown {
  if (Array.isArray(input)) return input.map(callWithoutSecrets);
  if (typeof input !== "object" || input === null) return input;
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [key, IS_SECRET.has(key) ? LOG_REDACTED : callWithoutSecrets(value)]),
  );
}
