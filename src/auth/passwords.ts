/** Passwords: which ones are accepted, and how they are hashed and compared. */
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { badUserInput, timeout, unavailable } from "../errors.js";
import { currentCaller, mayCallerHaveMore } from "../values/caller.js";

const MIN_PASSWORD_CHARACTERS = 12;
export const MAX_PASSWORD_CHARACTERS = 128;

/** OWASP's parameters for argon2id, which is the library's default algorithm: 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** The most frequent words in lists of leaked passwords. Digits and signs around them make them no safer. */
const COMMON_WORDS = new Set(
  `password passwort passw0rd p@ssword p@ssw0rd pa$$word passwordpassword adminpassword mypassword password123password
  qwerty qwertz azerty qwertyqwerty admin administrator adminadmin root superuser welcome welcomewelcome welcometo
  letmein letmeinletmein letmeinplease login changeme changemenow changemeplease default secret topsecret
  iloveyou iloveyousomuch iloveyouforever sunshine princess monkey dragon football baseball basketball superman batman
  starwars pokemon michael jordan jennifer charlie ashley shadow master trustno mustang liverpool manchester
  manchesterunited chelsea arsenal barcelona realmadrid computer internet whatever unknown unknownunknown test testtest
  testing user guest demo postgres postgresql database postern summer winter spring autumn january december
  christmas jesuschrist godisgood ihateyou fuckyou asshole blink hello helloworld helloworldhello`.split(/\s+/),
);

/** Runs of keys and characters. A part of one, in either direction, is no password. */
const SEQUENCES = [
  "0123456789",
  "1234567890",
  "abcdefghijklmnopqrstuvwxyz",
  "qwertyuiopasdfghjklzxcvbnm",
  "qwertzuiopasdfghjklyxcvbnm",
  "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
  "qazwsxedcrfvtgbyhnujmikolp",
  "zaq1xsw2cde3vfr4bgt5nhy6mju7",
  "zaq12wsxcde34rfvbgt56yhnmju7",
  "1q2w3e4r5t6y7u8i9o0p",
  "q1w2e3r4t5y6u7i8o9p0",
  "1a2b3c4d5e6f7g8h9i0j",
  "a1b2c3d4e5f6g7h8i9j0",
].flatMap((keys) => [keys.repeat(13), [...keys].reverse().join("").repeat(13)]);

function isCommon(password: string): boolean {
  const lower = password.toLowerCase();
  const repeatsAFewCharacters = /^(.{1,4})\1+$/su.test(lower);
  const word = lower.replace(/^[\d\p{P}\p{S}\s]+|[\d\p{P}\p{S}\s]+$/gu, "");
  return repeatsAFewCharacters || COMMON_WORDS.has(word) || SEQUENCES.some((sequence) => sequence.includes(lower));
}

/** A character may be typed composed or decomposed, and must give the same hash. */
const canonical = (password: string) => password.normalize("NFKC");

/**
 * @param field names the argument in the error
 * @throws BAD_USER_INPUT unless the password has 12 to 128 characters and is not a common one
 */
export function requireGoodPassword(password: string, field: string): void {
  const characters = [...password].length;
  if (characters < MIN_PASSWORD_CHARACTERS) {
    throw badUserInput(field, `Choose a password of at least ${MIN_PASSWORD_CHARACTERS} characters.`);
  }
  if (characters > MAX_PASSWORD_CHARACTERS) {
    throw badUserInput(field, `Choose a password of at most ${MAX_PASSWORD_CHARACTERS} characters.`);
  }
  if (isCommon(password)) {
    throw badUserInput(
      field,
      "This password is one of the commonest. Choose one that nobody would guess, such as four random words.",
    );
  }
}

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
export const hashPassword = (password: string): Promise<string> => inTurn(() => hash(canonical(password), ARGON2ID));

/** Compared where there is no account, so that the time does not tell whether there is one. Nobody knows its password. */
const decoyHash = hashPassword(randomBytes(32).toString("hex"));

/**
 * @param passwordHash undefined where there is no such account; this takes as long, and is never true
 * @throws UNAVAILABLE when too many wait
 */
export async function verifyPassword(passwordHash: string | undefined, password: string): Promise<boolean> {
  const comparedHash = passwordHash ?? (await decoyHash);
  const matches = await inTurn(() => verify(comparedHash, canonical(password)));
  return matches && passwordHash !== undefined;
}
