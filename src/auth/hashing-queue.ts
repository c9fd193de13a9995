/** The queue of passwords that wait to be hashed. It is bounded, and a flood of sign-ins keeps nobody else waiting for long. */
import { timeout, unavailable } from "../errors.js";
import { ANONYMOUS_SHARE, currentCaller } from "../values/caller.js";

/** Passwords that may be hashed or wait at a time: about two seconds of work. More would only make everybody wait. */
export const MAX_PASSWORDS_HASHED_AT_ONCE = 128;
/**
 * Node has four threads for hashing, compression, files and host names, and hashing leaves two of them free. The threads belong to the
 * process, so all instances of Postern in it share this queue.
 */
const MAX_THREADS = 2;
/** Of so many turns one goes to whoever waits longest, so that nobody waits for ever. */
const TURNS_BY_RANK = 4;

/** For whom a password is hashed. */
export interface HashingParty {
  /** Of a party one password is hashed at a time. */
  readonly name: string;
  /** The failures that count against a stranger, this attempt included; 0 where somebody is signed in, or on a known device. */
  readonly failures: number;
}

interface HashingTurn {
  readonly name: string;
  readonly isStranger: boolean;
  readonly rank: number;
  readonly begin: () => void;
  readonly refuse: (reason: Error) => void;
}

type Standing = Pick<HashingTurn, "isStranger" | "rank">;

/** In the order in which they came. */
const waiting: HashingTurn[] = [];
const running = new Set<HashingTurn>();
let turns = 0;

const comesLater = (one: Standing, other: Standing): boolean =>
  one.isStranger === other.isStranger ? one.rank > other.rank : one.isStranger;

const remove = (turn: HashingTurn): void => {
  const index = waiting.indexOf(turn);
  if (index >= 0) waiting.splice(index, 1);
};

function beginNext(): void {
  while (running.size < MAX_THREADS) {
    const names = new Set([...running].map(({ name }) => name));
    const [oldest, ...others] = waiting.filter(({ name }) => !names.has(name));
    if (!oldest) return;
    turns += 1;
    const isByRank = turns % TURNS_BY_RANK !== 0;
    const next = isByRank ? others.reduce((first, turn) => (comesLater(first, turn) ? turn : first), oldest) : oldest;
    remove(next);
    running.add(next);
    next.begin();
  }
}

/**
 * Makes room for one more. Where there is none, the last one of those who come latest has to come back, or the new one has.
 * @throws UNAVAILABLE
 */
function makeRoom(added: Standing): void {
  if (running.size + waiting.length < MAX_PASSWORDS_HASHED_AT_ONCE) return;
  const last = waiting.reduce<HashingTurn | undefined>(
    (last, turn) => (last && comesLater(last, turn) ? last : turn),
    undefined,
  );
  if (!last || !comesLater(last, added)) throw unavailable("Signing in");
  remove(last);
  last.refuse(unavailable("Signing in"));
}

/** Who calls now. Nothing counts against a stranger but this attempt. */
function callerAsParty(): HashingParty {
  const { name, share } = currentCaller();
  return { name, failures: share === ANONYMOUS_SHARE ? 1 : 0 };
}

/**
 * Does work that takes a thread, when it is its turn. Strangers come after all others; of each kind those come later who have failed more
 * often, or have more of it under way. For example:
 *
 *     200 addresses guess, each in a closed loop  -> 128 wait, and the others are told to come back
 *     they have failed twice each                 -> somebody at an address without a failure comes next, and one of those gives way
 *     somebody is signed in, or on a known device -> comes before all of them
 * @throws UNAVAILABLE where too many come first, TIMEOUT
 */
export async function hashInTurn<T>(work: () => Promise<T>, { name, failures } = callerAsParty()): Promise<T> {
  const caller = currentCaller();
  const underWay = [...running, ...waiting].filter((turn) => turn.name === name).length;
  const standing = { isStranger: failures > 0, rank: Math.max(underWay, failures) };
  makeRoom(standing);
  const { promise, resolve: begin, reject: refuse } = Promise.withResolvers<void>();
  const turn: HashingTurn = { name, ...standing, begin, refuse };
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
    return await (caller.time ? caller.time.within(done) : done);
  } finally {
    remove(turn);
  }
}
