/** A column whose values are sealed, so that what seals and opens it and what seals it anew agree about each row's place. */
import { getTableName } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

export interface SealedColumn {
  /** The column that tells the rows apart. */
  readonly id: PgColumn;
  readonly column: PgColumn;
  /** @returns what a secret is bound to: it opens nowhere else */
  placeOf(id: string): string;
}

export const sealedColumn = (id: PgColumn, column: PgColumn): SealedColumn => ({
  id,
  column,
  placeOf: (row) => `${getTableName(column.table)}.${column.name} ${row}`,
});
