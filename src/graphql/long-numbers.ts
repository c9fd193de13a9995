/** Whole numbers of a request beyond 2^53, which JSON.parse rounds: finds their digits in its source text. */
import { randomUUID } from "node:crypto";

/** One may stand in a string as well, which a closer look tells. */
const MAY_HOLD_LONG = /[[:,\s]-?\d{16}/;

/** Strings, which are passed over, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

const isLong = (token: string) => /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token));

export interface LongNumber {
  /** Where it stands in the variables. */
  readonly path: readonly (string | number)[];
  readonly digits: string;
}

/** The JSON that variables of a request were parsed from as its key `variables`, where it may hold long numbers. It goes with them. */
const sources = new WeakMap<object, string>();

function remember(variables: unknown, source: string): void {
  if (typeof variables === "object" && variables !== null) sources.set(variables, source);
}

/** @returns the body of a request @throws SyntaxError */
export function parseJson(text: string): unknown {
  const body = JSON.parse(text);
  if (MAY_HOLD_LONG.test(text)) remember(body?.variables, text);
  return body;
}

/** @param variables of a GET request, which Apollo has parsed @param search of its address, from `?` on */
export function rememberSearch(variables: unknown, search: string): void {
  if (!/\d{16}/.test(search)) return;
  remember(variables, `{"variables":${new URLSearchParams(search).get("variables")}}`);
}

/** @param variables of bounded depth, as they were parsed @returns the long numbers in them */
export function longNumbersOf(variables: object): LongNumber[] {
  const source = sources.get(variables);
  if (source === undefined) return [];
  // Nobody can guess it, so that no text of the request is taken for a number.
  const mark = randomUUID();
  const marked = source.replace(TOKENS, (token) => (isLong(token) ? `"${mark}${token}"` : token));
  const found: LongNumber[] = [];
  const visit = (value: unknown, path: LongNumber["path"]): void => {
    if (typeof value === "string" && value.startsWith(mark)) found.push({ path, digits: value.slice(mark.length) });
    if (typeof value !== "object" || value === null) return;
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, inner] of entries) visit(inner, [...path, key]);
  };
  visit(JSON.parse(marked).variables, []);
  return found;
}
