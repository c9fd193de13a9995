/** The queue of passwords that wait to be hashed. It is bounded, and a flood of sign-ins keeps nobody else waiting. */
import { timeout, unavailable } from "../errors.js";
import { ANONYMOUS_SHARE, currentCaller } from "../values/caller.js";

/** Passwords that may be hashed or wait at a time: about two seconds of work. More would only make everybody wait. */
export const MAX_PASSWORDS_HASHED_AT_ONCE = 128;
/**
 * Node has four threads for hashing, compression, files and host names, and hashing leaves two of them free. The threads belong to the
 * process, so all instances of Postern in it share this queue.
 */
const MAX_THREADS = 2;

interface HashingTurn {
  readonly name: string;
  /** Whoever has the lowest comes first. */
  readonly rank: number;
  readonly begin: () => void;
  readonly refuse: (reason: Error) => void;
}

/** In the order in which they came. */
const waiting: HashingTurn[] = [];
const running = new Set<HashingTurn>();

const remove = (turn: HashingTurn): void => {
  const index = waiting.indexOf(turn);
  if (index >= 0) waiting.splice(index, 1);
};

/** Of a caller one password is hashed at a time. */
function beginNext(): void {
  while (running.size < MAX_THREADS) {
    const names = new Set([...running].map(({ name }) => name));
    const free = waiting.filter(({ name }) => !names.has(name));
    const next = free.find(({ rank }) => rank === Math.min(...free.map(({ rank }) => rank)));
    if (!next) return;
    remove(next);
    running.add(next);
    next.begin();
  }
}

/**
 * Makes room for one more. Where there is none, the last one of those with the highest rank has to come back later, or the new one has.
 * @throws UNAVAILABLE
 */
function makeRoom(rank: number): void {
  if (running.size + waiting.length < MAX_PASSWORDS_HASHED_AT_ONCE) return;
  const last = waiting.findLast((turn) => turn.rank === Math.max(...waiting.map(({ rank }) => rank)));
  if (!last || last.rank <= rank) throw unavailable("Signing in");
  remove(last);
  last.refuse(unavailable("Signing in"));
}

/**
 * Does work that takes a thread, when it is its turn. Whoever has failed more often, or has more of it under way, comes later. For example:
 *
 *     200 addresses guess, each in a closed loop  -> 128 wait, and the others are told to come back
 *     they have failed twice each                 -> somebody at an address without a failure comes next, and one of those gives way
 *     somebody is signed in, or on a known device -> comes before all strangers
 * @param failures those that count against a caller who has not signed in; this attempt is one of them until it succeeds
 * @throws UNAVAILABLE where too many come first, TIMEOUT
 */
export async function hashInTurn<T>(work: () => Promise<T>, failures = 1): Promise<T> {
  const caller = currentCaller();
  const { name, time } = caller;
  const underWay = [...running, ...waiting].filter((turn) => turn.name === name).length;
  const rank = Math.max(underWay, caller.share === ANONYMOUS_SHARE ? failures : 0);
  makeRoom(rank);
  const { promise, resolve: begin, reject: refuse } = Promise.withResolvers<void>();
  const turn: HashingTurn = { name, rank, begin, refuse };
  waiting.push(turn);
  beginNext();
  const done = promise
    // Nobody would get the answer.
    .then(() => (caller.hasLeft ? Promise.reject(timeout()) : work()))
    .finally(() => {
      running.delete(turn);
      beginNext();
    });
  try {
    return await (time ? time.within(done) : done);
  } finally {
    remove(turn);
  }
}
