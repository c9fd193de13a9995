/** How the value of a field is written as JSON, bound as a parameter, and compared. */
import { type SQL, sql } from "drizzle-orm";
import { badUserInput } from "../errors.js";
import { requireId } from "../wire/id.js";
import { isMoment } from "../wire/scalars.js";
import type { FieldDeclaration } from "./declaration.js";

/** @returns the value as the client sees it: ids as text, moments as RFC 3339 in UTC with microseconds */
export function written(field: FieldDeclaration, column: SQL): SQL {
  if (field.kind === "id") return sql`${column}::text`;
  if (field.kind === "dateTime") return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  return column;
}

/** The PostgreSQL type that a parameter for the field is cast to. Text for varchar(n), which would cut it in silence. */
export function parameterType(field: FieldDeclaration): SQL {
  return sql.raw(field.kind === "string" || field.kind === "opaqueId" ? "text" : field.column.getSQLType());
}

/** @returns the operand as the driver takes it @throws BAD_USER_INPUT for a malformed id */
export function bound(field: FieldDeclaration, value: unknown, name: string): unknown {
  return field.kind === "id" ? requireId(value, name) : value;
}

/** @returns the value out of a cursor, checked as strictly as an argument */
export function fromCursor(field: FieldDeclaration, value: unknown, argument: string): unknown {
  const fits =
    value === null
      ? !field.column.notNull
      : field.kind === "int" || field.kind === "float"
        ? typeof value === "number"
        : field.kind === "boolean"
          ? typeof value === "boolean"
          : typeof value === "string" &&
            (field.kind !== "dateTime" || isMoment(value)) &&
            (field.kind !== "enum" || Object.values(field.enumeration ?? {}).includes(value));
  if (!fits) throw badUserInput(argument, "This is no cursor of this list. Take one from its edges or pageInfo.");
  return value === null ? null : bound(field, value, argument);
}
