/** Which fields an index serves, from the tables: what clients are told before they filter or order by another. */
import type { PgColumn } from "drizzle-orm/pg-core";
import { getTableConfig } from "drizzle-orm/pg-core";

/** @returns whether an index begins with the column, so that conditions on it alone need not read the whole table */
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
