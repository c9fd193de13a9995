/** For whom something is done, so that what all share is shared fairly: the pool's connections, and the hashing of passwords. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { RequestTime } from "./request-time.js";

/** Of one request. */
export interface Caller {
  /** The same for all requests of a user, or of an address (of IPv6, a network) where nobody has signed in. */
  readonly name: string;
  /** Nobody waits for the answer any more. */
  hasLeft: boolean;
  /** Absent where nobody waits for an answer. */
  readonly time?: RequestTime;
}

/** Jobs, and what else Postern does by itself. */
export const POSTERN: Caller = { name: "postern", hasLeft: false };

const callers = new AsyncLocalStorage<Caller>();

/** A parameter would go through every store and service, and be forgotten in one of them. */
export const currentCaller = (): Caller => callers.getStore() ?? POSTERN;

export const asCaller = <T>(caller: Caller, work: () => T): T => callers.run(caller, work);

/**
 * A caller takes no more than it leaves to the others: half of everything where it is alone, and whoever comes next still finds some.
 * @param mine what the caller has @param free what nobody has
 * @returns whether it may have one more
 */
export const mayHaveMore = (mine: number, free: number): boolean => free > 0 && (mine === 0 || mine + 1 < free);
