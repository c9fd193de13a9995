/** SQL expressions that build JSON by concatenation: PostgreSQL's own functions look up the type of every value of every row anew. */
import { type SQL, sql } from "drizzle-orm";

/** What follows each other makes a JSON value: texts of ours, and expressions, of any type, that are never null. */
export type Json = readonly (string | SQL)[];

/** PostgreSQL's functions take 100 arguments at most. */
const MAX_ARGUMENTS = 100;

/** @returns neighbouring texts as one */
function merged(json: Json): Json {
  const pieces: (string | SQL)[] = [];
  for (const piece of json) {
    const last = pieces.at(-1);
    if (typeof piece === "string" && typeof last === "string") pieces[pieces.length - 1] = last + piece;
    else pieces.push(piece);
  }
  return pieces;
}

/** A text of ours holds names of GraphQL's grammar and punctuation, never a quote. */
const literal = (text: string) => sql.raw(`'${text}'`);

function concatenated(pieces: readonly SQL[]): SQL {
  if (pieces.length <= MAX_ARGUMENTS) return sql`concat(${sql.join([...pieces], sql`, `)})`;
  const chunks = Array.from({ length: Math.ceil(pieces.length / MAX_ARGUMENTS) }, (_, index) =>
    concatenated(pieces.slice(index * MAX_ARGUMENTS, (index + 1) * MAX_ARGUMENTS)),
  );
  return concatenated(chunks);
}

/** @returns the value as one expression of type text */
export const textOf = (json: Json): SQL =>
  concatenated(merged(json).map((piece) => (typeof piece === "string" ? literal(piece) : piece)));

/** A value whose expressions are columns of a row: what stands between them is put in where the row is read. */
export interface Template {
  readonly columns: readonly SQL[];
  /** @param row the columns' texts, from this place on */
  fill(row: readonly (string | null)[], offset: number): string;
}

export function templateOf(json: Json): Template {
  const pieces = merged(json);
  const columns = pieces.filter((piece): piece is SQL => typeof piece !== "string");
  return {
    columns,
    fill(row, offset) {
      let next = offset;
      let text = "";
      for (const piece of pieces) text += typeof piece === "string" ? piece : (row[next++] ?? "");
      return text;
    },
  };
}

/** @param entries keys and values; keys are names of GraphQL's grammar */
export const object = (entries: readonly (readonly [string, Json])[]): Json => [
  "{",
  ...entries.flatMap(([key, value], index) => [`${index > 0 ? "," : ""}"${key}":`, ...value]),
  "}",
];

/** @param items an expression that joins the items' texts with commas; null where there are none, which `concat` takes as nothing */
export const list = (items: SQL): Json => ["[", items, "]"];

/** A string of characters that JSON does not escape. */
export const quoted = (value: SQL): Json => ['"', value, '"'];

/** @returns the JSON of a text expression that may be null */
export const orNull = (text: SQL): Json => [sql`coalesce(${text}, 'null')`];

/** The JSON of the one row that the clauses find, or null. */
export const rowOrNull = (json: Json, clauses: SQL): Json => orNull(sql`(select ${textOf(json)}${clauses})`);

export const typename = (type: string): Json => [`"${type}"`];
