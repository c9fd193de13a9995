/** Which passwords are accepted. There are no rules of composition: a password is long, and nobody would guess it. */
import { badUserInput } from "../errors.js";

const MIN_PASSWORD_CHARACTERS = 12;
const MAX_PASSWORD_CHARACTERS = 128;
/**
 * A text of more UTF-16 units has too many characters in its canonical form, too, so it is not even brought into that. A character of
 * that form decomposes into at most four, each of which may be typed as one of two units, such as a mathematical letter.
 */
export const MAX_PASSWORD_UNITS = MAX_PASSWORD_CHARACTERS * 4 * 2;

/** A character may be typed in several forms, and all of them must give the same hash. */
export const canonicalPassword = (password: string): string => password.normalize("NFKC");

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

/** What whoever guesses passwords of Postern tries first, and puts together. */
const OWN_WORDS =
  "admin administrator changeme database letmein login now password passwort please postern postgres postgresql root superuser welcome".split(
    " ",
  );

/** Shorter words stand in many passwords by chance. */
const MIN_WORD_CHARACTERS = 3;

let leaked: Promise<ReadonlySet<string>> | undefined;
/** The passwords that leaks show most often, in lower case. They take 8 MB, so they are loaded where somebody chooses a password. */
const leakedPasswords = (): Promise<ReadonlySet<string>> =>
  (leaked ??= import("@zxcvbn-ts/language-common").then(({ dictionary }) => new Set(dictionary["passwords-common"])));

/** @returns the text that is repeated, or the text itself */
const withoutRepetition = (text: string): string => /^(.+?)\1+$/su.exec(text)?.[1] ?? text;

async function isCommon(password: string): Promise<boolean> {
  const unit = withoutRepetition(password);
  if (unit.length <= 4 || SEQUENCES.some((sequence) => sequence.includes(password))) return true;
  const list = await leakedPasswords();
  if (list.has(password) || list.has(unit)) return true;
  const word = withoutRepetition(password.replace(/^[\d\p{P}\p{S}\s]+|[\d\p{P}\p{S}\s]+$/gu, ""));
  return word.length > MIN_WORD_CHARACTERS && list.has(word);
}

/** @returns the letters of a text, whatever digits and signs stand around and among them */
const lettersOf = (text: string): string => text.replace(/[^\p{L}\p{M}]+/gu, "");

/** @returns whether a text is made of nothing but these words, each as often as one likes */
function isMadeOf(text: string, words: readonly string[]): boolean {
  const ends = new Set([0]);
  for (let at = 0; at < text.length; at++) {
    if (ends.has(at)) for (const word of words) if (text.startsWith(word, at)) ends.add(at + word.length);
  }
  return text.length > 0 && ends.has(text.length);
}

/** What everybody knows of an account. */
export interface PasswordOwner {
  readonly email?: string | null | undefined;
  readonly fullName?: string | null | undefined;
}

/** @returns the words of an account's address and name, and each of them as one word */
function wordsOf({ email, fullName }: PasswordOwner): string[] {
  const texts = [email, email?.split("@")[0], fullName].map((text) => canonicalPassword(text ?? "").toLowerCase());
  const parts = texts
    .flatMap((text) => text.split(/[^\p{L}\p{M}]+/u))
    .filter((part) => part.length >= MIN_WORD_CHARACTERS);
  return [...texts.map(lettersOf), ...parts].filter((word) => word !== "");
}

/**
 * @param field names the argument in the error
 * @throws BAD_USER_INPUT where a password is made of the address or the name of its account, with whatever digits and signs
 */
export function requireImpersonalPassword(password: string, field: string, owner: PasswordOwner): void {
  const letters = lettersOf(canonicalPassword(password).toLowerCase());
  if (!isMadeOf(letters, wordsOf(owner))) return;
  throw badUserInput(
    field,
    "This password is made of the account's e-mail address or name. Choose one that nobody would guess, such as four random words.",
  );
}

/**
 * @param field names the argument in the error
 * @param owner the account, as far as it is known
 * @throws BAD_USER_INPUT unless the password has 12 to 128 characters and is neither a common one nor made of what is known of its account
 */
export async function requireGoodPassword(password: string, field: string, owner: PasswordOwner = {}): Promise<void> {
  const canonical = password.length > MAX_PASSWORD_UNITS ? password : canonicalPassword(password);
  const characters = [...canonical].length;
  if (characters < MIN_PASSWORD_CHARACTERS) {
    throw badUserInput(field, `Choose a password of at least ${MIN_PASSWORD_CHARACTERS} characters.`);
  }
  if (characters > MAX_PASSWORD_CHARACTERS) {
    throw badUserInput(field, `Choose a password of at most ${MAX_PASSWORD_CHARACTERS} characters.`);
  }
  const lower = canonical.toLowerCase();
  if ((await isCommon(lower)) || isMadeOf(lettersOf(lower), OWN_WORDS)) {
    throw badUserInput(
      field,
      "This password is one of the commonest. Choose one that nobody would guess, such as four random words.",
    );
  }
  requireImpersonalPassword(password, field, owner);
}
