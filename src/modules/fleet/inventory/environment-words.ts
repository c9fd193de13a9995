/** The words that mean environments: how a text is split into them, what each phrase means, and which words would hide production. */
import { ENVIRONMENTS, type Environment } from "../../../values/environments.js";

export type EnvironmentWords = Readonly<Record<Environment, readonly string[]>>;

// "no" is missing because it is also Norway, where `no-prod-db` is a production database.
const NEGATIONS = { before: ["non", "not", "pre"], after: ["like"] };
const NO_ENVIRONMENTS = ["devops", "dev ops", "devsecops", "dev sec ops"];

/** @returns the runs of letters and digits, with full-width and similar letters made plain and invisible characters removed */
const piecesOf = (text: string): string[] =>
  text
    .normalize("NFKC")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter(Boolean);

/** Where a word of a name in camel case begins. */
const CAMEL_HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

const humpsOf = (piece: string) => piece.split(CAMEL_HUMP).map((hump) => hump.toLowerCase());

/** @returns the word without the number at its end */
const unnumbered = (word: string): string => word.replace(/(?<=\p{L})\p{N}+$/u, "");

/** @returns the word in lower case, with single spaces */
export const environmentPhraseOf = (word: string) => piecesOf(word).join(" ").toLowerCase();

const negationsOf = (phrase: string) => [
  ...NEGATIONS.before.flatMap((negation) => [`${negation} ${phrase}`, `${negation}${phrase}`]),
  ...NEGATIONS.after.flatMap((negation) => [`${phrase} ${negation}`, `${phrase}${negation}`]),
];

interface EnvironmentVocabulary {
  /** The meaning of each phrase, written in lower case with single spaces; null for one that means no environment. */
  readonly meanings: ReadonlyMap<string, Environment | null>;
  /** The number of words of the longest phrase. */
  readonly longest: number;
}

function compile(given: EnvironmentWords): EnvironmentVocabulary {
  const production = given.PRODUCTION.map(environmentPhraseOf);
  const negations = production.flatMap(negationsOf);
  const phrases = (environment: Environment) =>
    given[environment].map((word): [string, Environment] => [environmentPhraseOf(word), environment]);
  const meanings = new Map<string, Environment | null>([
    ...[...NO_ENVIRONMENTS, ...negations].map((phrase): [string, null] => [phrase, null]),
    ...ENVIRONMENTS.filter((environment) => environment !== "PRODUCTION").flatMap(phrases),
    ...phrases("PRODUCTION").filter(([phrase]) => !negations.includes(phrase)),
  ]);
  return { meanings, longest: Math.max(...[...meanings.keys()].map((phrase) => phrase.split(" ").length)) };
}

// The same words classify thousands of instances, so they are compiled once.
const compiled = new WeakMap<EnvironmentWords, EnvironmentVocabulary>();

function vocabularyOf(given: EnvironmentWords): EnvironmentVocabulary {
  const vocabulary = compiled.get(given) ?? compile(given);
  compiled.set(given, vocabulary);
  return vocabulary;
}

/** @returns each of them once, the nearest to production first */
export const distinctEnvironments = (environments: readonly Environment[]) =>
  ENVIRONMENTS.filter((environment) => environments.includes(environment));

/** @returns the environments whose words are in the text, the nearest to production first */
export function environmentsIn(text: string, given: EnvironmentWords): Environment[] {
  const { meanings, longest } = vocabularyOf(given);
  const findPhrase = (words: readonly string[]) =>
    [words.join(" "), words.map(unnumbered).join(" ")].find((phrase) => meanings.has(phrase));
  const read = (words: readonly string[]): Environment[] => {
    const environments: Environment[] = [];
    for (let at = 0; at < words.length; ) {
      // The longest phrase counts, so that `non prod` and `prod like` are read before `prod`.
      let length = Math.min(longest, words.length - at);
      while (length > 1 && !findPhrase(words.slice(at, at + length))) length--;
      const meaning = meanings.get(findPhrase(words.slice(at, at + length)) ?? "");
      if (meaning) environments.push(meaning);
      at += length;
    }
    return environments;
  };
  const pieces = piecesOf(text).map((piece) => ({ whole: piece.toLowerCase(), humps: humpsOf(piece) }));
  const words = pieces.flatMap(({ whole, humps }) => (findPhrase([whole]) ? [whole] : humps));
  // A word such as `proddb` hides no production in `ProdDb`.
  const inHumps = read(pieces.flatMap(({ humps }) => humps)).filter((environment) => environment === "PRODUCTION");
  return distinctEnvironments([...read(words), ...inHumps]);
}

export const NO_WORD_FOR_PRODUCTION = "Give at least one word that means production.";

interface EnvironmentWordFault {
  readonly environment: Environment;
  /** The place of the word; undefined where words are missing. */
  readonly index?: number;
  readonly message: string;
}

const wordsOf = (text: string) => piecesOf(text).flatMap(humpsOf);

/** @returns whether one text could hold both: as they are written, or with the numbers that a text may add */
function couldBeOne(first: readonly string[], second: readonly string[]): boolean {
  const [left, right] = [first.join(" "), second.join(" ")];
  return left === right || first.map(unnumbered).join(" ") === right || left === second.map(unnumbered).join(" ");
}

/**
 * @returns whether a phrase would hide a word for production that is within it, as `prod db` would in `orders-prod-db`, or that begins
 * where it ends, as `db live` would hide `live site` in `db-live-site`
 */
function hidesProduction(word: string, production: readonly (readonly string[])[]): boolean {
  const words = wordsOf(word);
  const isNegated = (at: number, end: number) =>
    NEGATIONS.before.includes(words[at - 1] ?? "") || NEGATIONS.after.includes(words[end] ?? "");
  return production.some((phrase) =>
    words.some((_, at) => {
      const part = words.slice(at, at + phrase.length);
      // A whole phrase is found as it is written first.
      const isWhole = part.length === words.length;
      const isThere = isWhole
        ? [part, part.map(unnumbered)].some((part) => part.join(" ") === phrase.join(" "))
        : couldBeOne(part, phrase.slice(0, part.length));
      return isThere && !(isWhole && part.length < phrase.length) && !isNegated(at, at + phrase.length);
    }),
  );
}

function hasNegationAtEdge(phrase: string): boolean {
  const words = phrase.split(" ");
  return NEGATIONS.before.includes(words.at(-1) ?? "") || NEGATIONS.after.includes(words[0] ?? "");
}

/**
 * @returns whether other words could read a text as less than production that these do not, or less as production: one for production is
 * missing, one for another environment is new, the negative of a new one for production hides another one, or a phrase is missing whose
 * edge is a negation, which then negates what stands beside it
 */
export function loosensEnvironmentWords(before: EnvironmentWords, after: EnvironmentWords): boolean {
  const [known, next] = [vocabularyOf(before).meanings, vocabularyOf(after).meanings];
  const production = before.PRODUCTION.map(wordsOf);
  return (
    before.PRODUCTION.some((word) => next.get(environmentPhraseOf(word)) !== "PRODUCTION") ||
    [...known.keys()].some((phrase) => !next.has(phrase) && hasNegationAtEdge(phrase)) ||
    [...next].some(([phrase, meaning]) => {
      if (meaning === "PRODUCTION") return false;
      const old = known.get(phrase);
      if (meaning !== null) return !old || old === "PRODUCTION";
      return old === undefined && hidesProduction(phrase, production);
    })
  );
}

/** @returns what is wrong with words that are good one by one */
export function environmentWordFaultsOf(words: EnvironmentWords): EnvironmentWordFault[] {
  const faults: EnvironmentWordFault[] = [];
  if (words.PRODUCTION.length === 0) faults.push({ environment: "PRODUCTION", message: NO_WORD_FOR_PRODUCTION });
  const meanings = new Map<string, Environment>();
  const negations = new Set(words.PRODUCTION.map(environmentPhraseOf).flatMap(negationsOf));
  const production = words.PRODUCTION.map(wordsOf);
  for (const environment of ENVIRONMENTS) {
    for (const [index, word] of words[environment].entries()) {
      const phrase = environmentPhraseOf(word);
      const other = meanings.get(phrase) ?? environment;
      meanings.set(phrase, other);
      const fault = (message: string) => faults.push({ environment, index, message });
      if (other !== environment) fault(`"${word}" means ${other} already: a word has one meaning.`);
      if (environment === "PRODUCTION" && negations.has(phrase)) fault(`"${word}" never means production.`);
      if (environment !== "PRODUCTION" && other === environment && hidesProduction(word, production)) {
        fault(`"${word}" holds a word for production, or its beginning, and would hide it.`);
      }
    }
  }
  return faults;
}
