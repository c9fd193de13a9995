/** How drizzle's statements become text, and columns become names: snake_case in SQL, the properties of their table in JSON. */
import { getTableColumns, type SQL, sql } from "drizzle-orm";
import { CasingCache } from "drizzle-orm/casing";
import { type PgColumn, PgDialect } from "drizzle-orm/pg-core";

export const CASING = "snake_case";

const dialect = new PgDialect({ casing: CASING });
const casing = new CasingCache(CASING);

/** @returns the text with its parameters, `$1` and on */
export const toText = (statement: SQL) => dialect.sqlToQuery(statement);

export const columnName = (column: PgColumn) => casing.getColumnCasing(column);

export const nameOf = (column: PgColumn) => sql.identifier(columnName(column));

export const names = (columns: readonly PgColumn[]) => sql.join(columns.map(nameOf), sql`, `);

/** @returns the name of a column among the properties of its table, which is how aliases of the table are asked for it */
export function propertyOf(column: PgColumn): string {
  const entry = Object.entries(getTableColumns(column.table)).find(([, candidate]) => candidate === column);
  if (!entry) throw new Error(`${column.name} belongs to no table`);
  return entry[0];
}

/** Text for varchar(n), which would cut it in silence. */
const typeOf = (column: PgColumn) => sql.raw(column.columnType === "PgVarchar" ? "text" : column.getSQLType());

/** Columns by the names of their properties, as JSON holds their values. */
export const record = (columns: readonly PgColumn[]) =>
  sql.join(
    columns.map((column) => sql`${sql.identifier(propertyOf(column))} ${typeOf(column)}`),
    sql`, `,
  );
