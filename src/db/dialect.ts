/** Turns drizzle's statements into text, and columns into names: snake_case in SQL, the properties of their table in JSON. */
import { getTableColumns, type SQL, sql } from "drizzle-orm";
import { CasingCache } from "drizzle-orm/casing";
import { type PgColumn, PgDialect } from "drizzle-orm/pg-core";

export const CASING = "snake_case";

const dialect = new PgDialect({ casing: CASING });
const casing = new CasingCache(CASING);

/** @returns the text, with `$1` and so on, and its parameters */
export const toStatementText = (statement: SQL) => dialect.sqlToQuery(statement);

export const columnName = (column: PgColumn) => casing.getColumnCasing(column);

export const columnIdentifier = (column: PgColumn) => sql.identifier(columnName(column));

export const columnIdentifiers = (columns: readonly PgColumn[]) => sql.join(columns.map(columnIdentifier), sql`, `);

/** @returns the property of a column's table that holds it; aliases of the table have the same */
export function columnProperty(column: PgColumn): string {
  const entry = Object.entries(getTableColumns(column.table)).find(([, candidate]) => candidate === column);
  if (!entry) throw new Error(`${column.name} belongs to no table`);
  return entry[0];
}

/** varchar(n) becomes text, because a cast to it would cut long values in silence. */
const typeOf = (column: PgColumn) => sql.raw(column.columnType === "PgVarchar" ? "text" : column.getSQLType());

/** @returns the columns and types for `json_to_recordset`, under their property names, as JSON holds them */
export const recordsetColumns = (columns: readonly PgColumn[]) =>
  sql.join(
    columns.map((column) => sql`${sql.identifier(columnProperty(column))} ${typeOf(column)}`),
    sql`, `,
  );
