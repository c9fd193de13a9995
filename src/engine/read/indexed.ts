/** Finds out which columns an index serves. The schema warns clients about filters and orders by others. */
import type { PgColumn } from "drizzle-orm/pg-core";
import { getTableConfig } from "drizzle-orm/pg-core";

/** @returns whether an index begins with the column, so that a condition on it does not read the whole table */
export function isIndexed(column: PgColumn): boolean {
  const { indexes } = getTableConfig(column.table);
  return (
    column.primary ||
    indexes.some(({ config }) => {
      const [first] = config.columns;
      return config.where === undefined && first !== undefined && "name" in first && first.name === column.name;
    })
  );
}
