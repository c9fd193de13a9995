/** SQL expressions that build JSON by concatenation: PostgreSQL's own functions look up the type of every value of every row anew. */
import { type SQL, sql } from "drizzle-orm";

/**
 * What follows each other makes a JSON value: texts of ours, rows, and expressions of any type, never null, whose text is valid JSON
 * or a part of it, so that it holds no control character.
 */
export type Json = readonly (string | SQL | Row | Around)[];

/** The object of the one row that the clauses find, or null. */
class Row {
  constructor(
    readonly json: Json,
    readonly clauses: SQL,
  ) {}
}

/** An expression over the text of other JSON. */
class Around {
  constructor(
    readonly json: Json,
    readonly expression: (text: SQL) => SQL,
  ) {}
}

/** PostgreSQL's functions take 100 arguments at most. */
const MAX_ARGUMENTS = 100;

/** @returns neighbouring texts as one */
function merged(json: Json): Json {
  const pieces: (string | SQL | Row | Around)[] = [];
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

const selectOr = (text: SQL, { clauses }: Row, otherwise: string) =>
  sql`coalesce((select ${text}${clauses}), ${sql.raw(otherwise)})`;

/** @param piece no row */
const expressionOf = (piece: SQL | Around): SQL =>
  piece instanceof Around ? piece.expression(textOf(piece.json)) : piece;

/** @returns the value as one expression of type text */
export const textOf = (json: Json): SQL =>
  concatenated(
    merged(json).map((piece) => {
      if (typeof piece === "string") return literal(piece);
      return piece instanceof Row ? selectOr(textOf(piece.json), piece, "'null'") : expressionOf(piece);
    }),
  );

/** @returns how many bytes of the value are texts of ours, which are ASCII; of a list in it, those of one item */
export const bytesOf = (json: Json): number =>
  json.reduce((sum, piece) => {
    if (typeof piece === "string") return sum + piece.length;
    return piece instanceof Row || piece instanceof Around ? sum + bytesOf(piece.json) : sum;
  }, 0);

/** Overflows when it is multiplied with more than so many bytes: PostgreSQL stops there, and the fault tells why (see postgres-errors.ts). */
export const overflowBeyond = (bytes: number): number => Number.MAX_VALUE / Math.max(bytes, 1);

export const lengthsOf = (texts: readonly SQL[]): SQL =>
  sql.join(
    texts.map((text) => sql`coalesce(octet_length(${text}), 0)::float8`),
    sql` + `,
  );

/**
 * A condition on a group of rows that always holds, or stops the statement as soon as their texts are longer together: before they are
 * joined. The texts are columns of a subquery with `offset 0`; else PostgreSQL would build them twice. @param counted which rows count
 */
export const atMost = (bytes: number, texts: readonly SQL[], counted = sql``): SQL =>
  texts.length === 0
    ? sql`true`
    : sql`coalesce(sum((${lengthsOf(texts)}) * float8 ${sql.raw(`'${overflowBeyond(bytes)}'`)})${counted}, 0) >= 0`;

/**
 * A value whose expressions are columns of the statement's answer: what stands between them is put in where that is read, so that
 * operations which only name their fields in other ways share a statement.
 */
export interface Template {
  readonly columns: readonly SQL[];
  /** Characters of what stands between them. */
  readonly length: number;
  /** @param answer the columns' texts, from this place on */
  fill(answer: readonly (string | null)[], offset: number): string;
}

/** One column holds a row: SEPARATOR stands before each of its values, ABSENT for one that is not there. JSON holds neither unescaped. */
const [SEPARATOR, ABSENT] = ["\x1f", "\x1e"];
const [separator, absent] = [sql.raw("E'\\x1f'"), "E'\\x1e'"];

/** @returns the values of a row, and of rows in it, as one expression of type text */
function valuesOf(row: Row): SQL {
  const values = row.json.filter((piece) => typeof piece !== "string");
  const separated = values.flatMap((value) => [
    separator,
    value instanceof Row ? valuesOf(value) : expressionOf(value),
  ]);
  return selectOr(concatenated(separated.length > 0 ? separated : [literal("")]), row, absent);
}

/** What stands around values, and which of them are rows. */
interface Form {
  readonly texts: readonly string[];
  readonly rows: readonly (Form | undefined)[];
}

function formOf(json: Json): Form {
  const texts: string[][] = [[]];
  const rows: (Form | undefined)[] = [];
  for (const piece of json) {
    if (typeof piece === "string") texts.at(-1)?.push(piece);
    else {
      rows.push(piece instanceof Row ? formOf(piece.json) : undefined);
      texts.push([]);
    }
  }
  return { texts: texts.map((pieces) => pieces.join("")), rows };
}

const lengthOf = ({ texts, rows }: Form): number =>
  texts.reduce((sum, text) => sum + text.length, 0) + rows.reduce((sum, row) => sum + (row ? lengthOf(row) : 0), 0);

/** Values on their way into a form. */
interface Values {
  readonly all: readonly string[];
  next: number;
}

function fillIn({ texts, rows }: Form, values: Values): string {
  let text = texts[0] as string;
  for (let index = 0; index < rows.length; index++) {
    const [value, row] = [values.all[values.next++], rows[index]];
    text += row ? (value === ABSENT ? "null" : fillIn(row, values)) : value;
    text += texts[index + 1];
  }
  return text;
}

export function templateOf(json: Json): Template {
  const form = formOf(json);
  return {
    columns: json.flatMap((piece) =>
      typeof piece === "string" ? [] : [piece instanceof Row ? valuesOf(piece) : expressionOf(piece)],
    ),
    length: lengthOf(form),
    fill(answer, offset) {
      const all = form.rows.flatMap((inner, index) => {
        const column = answer[offset + index] ?? "";
        return inner ? column.split(SEPARATOR) : [column];
      });
      return fillIn(form, { all, next: 0 });
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
export const list = (items: Json): Json => ["[", ...items, "]"];

/** A string of characters that JSON does not escape. */
export const quoted = (value: SQL): Json => ['"', value, '"'];

/** @returns the JSON of a text expression that may be null */
export const orNull = (text: SQL): Json => [sql`coalesce(${text}, 'null')`];

/** What an expression makes of the text of other JSON. */
export const around = (json: Json, expression: (text: SQL) => SQL): Json => [new Around(json, expression)];

/** The object of the one row that the clauses find, or null. */
export const rowOrNull = (json: Json, clauses: SQL): Json => [new Row(json, clauses)];

export const typename = (type: string): Json => [`"${type}"`];
