/** Builds JSON in SQL by concatenation, because PostgreSQL's own functions look up the type of every value of every row anew. */
import { type SQL, sql } from "drizzle-orm";

/**
 * The pieces of a JSON value, in order: texts of ours, rows, and expressions. An expression is never null, and its text is valid JSON or
 * a part of it, so that it holds no control character.
 */
export type Json = readonly (string | SQL | Row | Around)[];

/** The object of the one row that the clauses find, or null. */
class Row {
  constructor(
    readonly json: Json,
    readonly clauses: SQL,
  ) {}
}

/** An expression that wraps the text of other JSON. */
class Around {
  constructor(
    readonly json: Json,
    readonly expression: (text: SQL) => SQL,
  ) {}
}

/** A function of PostgreSQL takes at most 100 arguments. */
const MAX_ARGUMENTS = 100;

/** Joins neighbouring texts. */
function merged(json: Json): Json {
  const pieces: (string | SQL | Row | Around)[] = [];
  for (const piece of json) {
    const last = pieces.at(-1);
    if (typeof piece === "string" && typeof last === "string") pieces[pieces.length - 1] = last + piece;
    else pieces.push(piece);
  }
  return pieces;
}

/** A text of ours holds only names of GraphQL's grammar and punctuation, so no apostrophe needs an escape. */
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

/** @returns the SQL of a piece that is neither a text nor a row */
const expressionOf = (piece: SQL | Around): SQL =>
  piece instanceof Around ? piece.expression(jsonTextOf(piece.json)) : piece;

/** @returns the value as one expression of type text */
export const jsonTextOf = (json: Json): SQL =>
  concatenated(
    merged(json).map((piece) => {
      if (typeof piece === "string") return literal(piece);
      return piece instanceof Row ? selectOr(jsonTextOf(piece.json), piece, "'null'") : expressionOf(piece);
    }),
  );

/** @returns the bytes of our own texts in the value, which are ASCII; a list counts as one item */
export const jsonBytesOf = (json: Json): number =>
  json.reduce((sum, piece) => {
    if (typeof piece === "string") return sum + piece.length;
    return piece instanceof Row || piece instanceof Around ? sum + jsonBytesOf(piece.json) : sum;
  }, 0);

/** @returns a factor that overflows when it meets more bytes. PostgreSQL stops there, and its error tells why (see postgres-errors.ts). */
export const jsonOverflowBeyond = (bytes: number): number => Number.MAX_VALUE / Math.max(bytes, 1);

export const jsonLengthsOf = (texts: readonly SQL[]): SQL =>
  sql.join(
    texts.map((text) => sql`coalesce(octet_length(${text}), 0)::float8`),
    sql` + `,
  );

/**
 * A condition on a group of rows that always holds, or stops the statement once their texts are too long together, before they are joined.
 * The texts must be columns of a subquery with `offset 0`, or PostgreSQL would build them twice.
 * @param counted a FILTER clause for the rows that count
 */
export const jsonAtMost = (bytes: number, texts: readonly SQL[], counted = sql``): SQL =>
  texts.length === 0
    ? sql`true`
    : sql`coalesce(sum((${jsonLengthsOf(texts)}) * float8 ${sql.raw(`'${jsonOverflowBeyond(bytes)}'`)})${counted}, 0) >= 0`;

/**
 * A value of which PostgreSQL sends only the parts that vary, and Postern adds the text around them. So operations that only differ in
 * the names of fields share a statement. For `{ scan(id: 7) { id organization { name } } }` PostgreSQL sends one column,
 *
 *     \x1f7\x1f\x1f"Acme"    split at \x1f: "" begins the scan, `7` is its id, "" begins the organization, `"Acme"` is its name
 *     \x1f7\x1f\x1e          where the actor sees no such organization: \x1e stands for the row
 *     \x1e                   where the actor sees no such scan
 *
 * and `fill` makes of them
 *
 *     {"id":"7","organization":{"name":"Acme"}}
 *     {"id":"7","organization":null}
 *     null
 *
 * With the aliases `{ scan(id: 7) { key: id of: organization { label: name } } }` the column is the same.
 */
export interface JsonTemplate {
  readonly columns: readonly SQL[];
  /** The number of characters that Postern adds. */
  readonly length: number;
  /** Makes the JSON. @param answer the columns of an answer @param offset the index of this template's first column */
  fill(answer: readonly (string | null)[], offset: number): string;
}

/** SEPARATOR stands before each value of a row, ABSENT in place of a row that is not there. JSON holds neither unescaped. */
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

/** The texts around the values of a row, and the forms of the values that are rows themselves. */
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

/** The values that fill a form, and the index of the next. */
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

/** Makes a template of a JSON value. */
export function jsonTemplateOf(json: Json): JsonTemplate {
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

/** @param entries the keys, which are names of GraphQL's grammar, and the values */
export const jsonObject = (entries: readonly (readonly [string, Json])[]): Json => [
  "{",
  ...entries.flatMap(([key, value], index) => [`${index > 0 ? "," : ""}"${key}":`, ...value]),
  "}",
];

/** @param items an expression that joins the items' texts with commas. It is null where there are none, and `concat` skips it. */
export const jsonList = (items: Json): Json => ["[", ...items, "]"];

/** @returns the JSON string of a value that needs no escape */
export const quotedJson = (value: SQL): Json => ['"', value, '"'];

/** @returns the JSON of a text expression that may be null */
export const jsonOrNull = (text: SQL): Json => [sql`coalesce(${text}, 'null')`];

/** @returns the JSON that an expression makes of the text of other JSON */
export const jsonAround = (json: Json, expression: (text: SQL) => SQL): Json => [new Around(json, expression)];

/** @returns the object of the one row that the clauses find, or null */
export const jsonRowOrNull = (json: Json, clauses: SQL): Json => [new Row(json, clauses)];

export const jsonTypename = (type: string): Json => [`"${type}"`];
