/** Writes the value of a field as JSON, and binds it as a parameter. */
import { type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgVarchar } from "drizzle-orm/pg-core";
import { checked } from "../../values/checked.js";
import { requireId } from "../../values/id.js";
import type { FieldDeclaration } from "../declaration.js";
import { type Json, jsonOrNull, quotedJson } from "./json.js";

/** @returns the moment as a timestamp without zone */
export const fieldInUtc = (moment: SQL) => sql`${moment} at time zone 'UTC'`;

/** @param timestamp a timestamp without zone, in UTC */
const writtenUtc = (timestamp: SQL) => sql`to_char(${timestamp}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const maybe = (text: SQL, nullable: boolean): Json => (nullable ? jsonOrNull(text) : [text]);
const maybeQuoted = (text: SQL, nullable: boolean): Json =>
  nullable ? jsonOrNull(sql`'"' || ${text} || '"'`) : quotedJson(text);

/** @returns the JSON of the value: ids as text, moments as RFC 3339 in UTC with microseconds */
export function writtenField({ kind, column }: FieldDeclaration, value: SQL, nullable = !column.notNull): Json {
  switch (kind) {
    case "id":
      return maybeQuoted(value, nullable);
    case "dateTime":
      return maybeQuoted(writtenUtc(fieldInUtc(value)), nullable);
    case "int":
    case "float":
    case "boolean":
      return maybe(sql`${value}::text`, nullable);
    case "json":
      return [nullable ? sql`coalesce(${value}, 'null'::jsonb)` : value];
    case "enum":
      // The labels of an enum need no escape.
      if (column.columnType === "PgEnumColumn") return maybeQuoted(value, nullable);
  }
  const escaped = sql`to_json(${value})`;
  return [nullable ? sql`coalesce(${escaped}, 'null'::json)` : escaped];
}

/** @param timestamp a timestamp without zone, in UTC */
export const writtenFieldBucket = (timestamp: SQL): Json => maybeQuoted(writtenUtc(timestamp), true);

/** @returns the PostgreSQL type to which a parameter for the field is cast. A cast to varchar(n) would cut the value silently. */
export function fieldParameterType({ kind, column }: FieldDeclaration): SQL {
  // The cast goes through text, because the driver would encode a jsonb parameter once more.
  if (kind === "json") return sql.raw("text::jsonb");
  return sql.raw(kind === "string" || kind === "opaqueId" ? "text" : column.getSQLType());
}

/** @returns the most characters that a column of text holds, or undefined */
export const maxFieldLengthOf = (column: PgColumn): number | undefined => (column as PgVarchar<never>).length;

/** @returns whether a text has more characters, as PostgreSQL counts them */
export const isFieldTextLonger = (text: string, characters: number): boolean =>
  text.length > characters && (text.length > 2 * characters || [...text].length > characters);

/** @returns the operand as the driver takes it @throws BAD_USER_INPUT for a malformed id, and for JSON that the column cannot hold */
export function boundFieldValue({ kind, contained }: FieldDeclaration, value: unknown, name: string): unknown {
  if (kind === "json") return JSON.stringify(contained ? checked(contained, value, name) : value);
  return kind === "id" ? requireId(value, name) : value;
}
