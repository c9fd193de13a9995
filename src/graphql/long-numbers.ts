/** Finds the digits of whole numbers beyond 2^53 in the source text of a request, because JSON.parse rounds them. */
import { randomUUID } from "node:crypto";

/** Also matches digits in strings, which TOKENS tells apart. */
const MAY_HOLD_LONG = /[[:,\s]-?\d{16}/;

/** Matches strings, so that they are skipped as a whole, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

const isLong = (token: string) => /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token));

interface LongNumber {
  /** The path of the number in the variables. */
  readonly path: readonly (string | number)[];
  readonly digits: string;
}

/** The JSON text from which variables were parsed. */
interface VariablesSource {
  readonly text: string;
  /** Finds the variables in what the text says. */
  readonly find: (parsed: LongNumbersText) => unknown;
}
type LongNumbersText = { readonly variables?: unknown; readonly payload?: { readonly variables?: unknown } };

/** The sources of variables that may hold long numbers. They live as long as the variables do. */
const sources = new WeakMap<object, VariablesSource>();

const inBody: VariablesSource["find"] = ({ variables }) => variables;
const inMessage: VariablesSource["find"] = ({ payload }) => payload?.variables;

function remember(variables: unknown, text: string, find = inBody): void {
  if (typeof variables === "object" && variables !== null) sources.set(variables, { text, find });
}

/** Parses the body of a request, and remembers its text where it may hold long numbers. @throws SyntaxError */
export function parseLongNumbers(text: string): unknown {
  const body = JSON.parse(text);
  if (MAY_HOLD_LONG.test(text)) remember(body?.variables, text);
  return body;
}

/** Remembers the text of a GET request. @param variables as Apollo has parsed them @param search the part of the address from `?` on */
export function rememberLongNumbers(variables: unknown, search: string): void {
  if (!/\d{16}/.test(search)) return;
  remember(variables, `{"variables":${new URLSearchParams(search).get("variables")}}`);
}

/** Remembers the text of a message over a WebSocket. @param variables as they were parsed */
export function rememberLongNumbersOfMessage(variables: unknown, text: string): void {
  if (MAY_HOLD_LONG.test(text)) remember(variables, text, inMessage);
}

/** @param variables as they were parsed, of bounded depth @returns the long numbers in them */
export function longNumbersOf(variables: object): LongNumber[] {
  const source = sources.get(variables);
  if (source === undefined) return [];
  // The mark cannot be guessed, so that no text of a request is taken for a number.
  const mark = randomUUID();
  const marked = source.text.replace(TOKENS, (token) => (isLong(token) ? `"${mark}${token}"` : token));
  const longNumbers: LongNumber[] = [];
  const visit = (value: unknown, path: LongNumber["path"]): void => {
    if (typeof value === "string" && value.startsWith(mark))
      longNumbers.push({ path, digits: value.slice(mark.length) });
    if (typeof value !== "object" || value === null) return;
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, inner] of entries) visit(inner, [...path, key]);
  };
  visit(source.find(JSON.parse(marked)), []);
  return longNumbers;
}
