/** Finds out which columns an index serves. The schema warns clients about filters and orders by others. */
import { getTableConfig } from "drizzle-orm/pg-core";
import type { FieldDeclaration } from "../declaration.js";

/** @returns whether an index begins with the column of the field, so that a condition on it does not read the whole table */
export function isIndexed({ column, value }: FieldDeclaration): boolean {
  if (value) return false;
  const { indexes } = getTableConfig(column.table);
  return (
    column.primary ||
    indexes.some(({ config }) => {
      const [first] = config.columns;
      return config.where === undefined && first !== undefined && "name" in first && first.name === column.name;
    })
  );
}
