/** How passwords are hashed and compared, and in which order. */
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { timeout, unavailable } from "../errors.js";
import { currentCaller, mayCallerHaveMore } from "../values/caller.js";
import { canonicalPassword } from "./password-policy.js";

/** OWASP's parameters for argon2id, which is the library's default algorithm: 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** Passwords that may be hashed or wait at a time: about two seconds of work. More would only make everybody wait. */
export const MAX_PASSWORDS_HASHED_AT_ONCE = 128;
let hashing = 0;
/**
 * Node has four threads for hashing, compression, files and host names, and hashing leaves two of them free. The threads belong to the
 * process, so all instances of Postern in it share this queue.
 */
const MAX_THREADS = 2;
let threads = 0;
/** The work that waits for a thread, in order. */
const ready: (() => void)[] = [];

async function onThread<T>(work: () => Promise<T>): Promise<T> {
  if (threads >= MAX_THREADS) await new Promise<void>((resolve) => ready.push(resolve));
  else threads += 1;
  try {
    return await work();
  } finally {
    const next = ready.shift();
    // The next one takes over this thread, so the count stays.
    if (next) next();
    else threads -= 1;
  }
}

/** One queue for each caller, of which one password is hashed at a time. */
const queues = new Map<string, { hashing: number; last: Promise<unknown> }>();

/** @throws UNAVAILABLE when too many wait already, TIMEOUT */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const { name, time } = currentCaller();
  const queue = queues.get(name) ?? { hashing: 0, last: Promise.resolve() };
  if (!mayCallerHaveMore(queue.hashing, MAX_PASSWORDS_HASHED_AT_ONCE - hashing)) throw unavailable("Signing in");
  queues.set(name, queue);
  hashing += 1;
  queue.hashing += 1;
  let isLate = false;
  const unlessLate = () => (isLate ? Promise.reject(timeout()) : work());
  const done = queue.last.then(() => onThread(unlessLate));
  queue.last = done
    .catch(() => undefined)
    .then(() => {
      hashing -= 1;
      queue.hashing -= 1;
      if (queue.hashing === 0) queues.delete(name);
    });
  try {
    return await (time ? time.within(done) : done);
  } finally {
    isLate = true;
  }
}

/** @returns the argon2id hash, salt and parameters included @throws UNAVAILABLE when too many wait */
export const hashPassword = (password: string): Promise<string> =>
  inTurn(() => hash(canonicalPassword(password), ARGON2ID));

/** Compared where there is no password, so that the time does not tell whether there is one. Nobody knows the password of this one. */
const decoyHash = hashPassword(randomBytes(32).toString("hex"));

/**
 * @param passwordHash null where there is no such account, or it has no password; this takes as long, and is never true
 * @throws UNAVAILABLE when too many wait
 */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  const comparedHash = passwordHash ?? (await decoyHash);
  const matches = await inTurn(() => verify(comparedHash, canonicalPassword(password)));
  return matches && passwordHash !== null;
}
