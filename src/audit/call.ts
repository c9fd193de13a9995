/** One call of a mutation: who makes it, from where, and what the audit log says about it. */
import type { Actor } from "../auth/actor.js";
import { LOG_REDACTED, SECRETS } from "../log.js";

/** The origin of a request. */
export interface CallOrigin {
  /** Null where Postern itself acts. */
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
}

/** @returns the address, or the /64 network of an IPv6 address, because each user has all 2^64 addresses of one network */
export function networkOf(address: string | null): string {
  if (!address?.includes(":")) return address ?? "";
  const [head = "", tail] = address.split("::");
  const first = head.split(":").filter(Boolean);
  const last = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
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

const IS_SECRET: ReadonlySet<string> = new Set(SECRETS);

/** @returns the input with the values of secrets replaced, at any depth */
export function withoutSecrets(input: unknown): unknown {
  if (Array.isArray(input)) return input.map(withoutSecrets);
  if (typeof input !== "object" || input === null) return input;
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [key, IS_SECRET.has(key) ? LOG_REDACTED : withoutSecrets(value)]),
  );
}
