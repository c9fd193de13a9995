/** For whom Postern works, so that callers share fairly what is scarce: connections of the pool, and the hashing of passwords. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { RequestFacts } from "./request-facts.js";
import type { RequestTime } from "./request-time.js";

/** Who waits for one request. */
export interface Caller {
  /** All requests of a user share it; where nobody has signed in, all of an address do (with IPv6, of a network). */
  readonly name: string;
  /** Callers of one share have connections of the pool together, as if they were one; without it a caller is one alone. */
  readonly share?: string;
  /** Whether the client has gone, so that nobody waits for the answer any more. */
  hasLeft: boolean;
  /** What is left of the request's time; absent for jobs, which nobody waits for. */
  readonly time?: RequestTime;
  /** What is noted about the request; absent for jobs. */
  readonly request?: RequestFacts | undefined;
}

/** The share of all who are not signed in, so that no number of addresses keeps waiting who is. */
export const ANONYMOUS_SHARE = "anonymous";

/** @returns the name under which the pool counts the connections of a caller */
export const callerShare = ({ share, name }: Caller): string => share ?? name;

/** The caller of jobs and of everything else that Postern does by itself. */
export const POSTERN_CALLER: Caller = { name: "postern", hasLeft: false };

const callers = new AsyncLocalStorage<Caller>();

/** Returns the caller of the work under way. As a parameter it would go through every store, and one of them would forget it. */
export const currentCaller = (): Caller => callers.getStore() ?? POSTERN_CALLER;

/** Does the work in the caller's name. */
export const asCaller = <T>(caller: Caller, work: () => T): T => callers.run(caller, work);

/**
 * A caller never holds more than it leaves free: alone it gets half of everything, so that whoever comes next still finds some.
 * @param held how many the caller has @param free how many nobody has
 * @returns whether the caller may have one more
 */
export const mayCallerHaveMore = (held: number, free: number): boolean => free > 0 && (held === 0 || held + 1 < free);

/**
 * @param address in its canonical spelling
 * @returns the address, or the /64 network of an IPv6 address, because each user has all 2^64 addresses of one network
 */
export function networkOf(address: string | null): string {
  if (!address?.includes(":")) return address ?? "";
  const [head = "", tail] = address.split("::");
  const first = head.split(":").filter(Boolean);
  const last = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}
