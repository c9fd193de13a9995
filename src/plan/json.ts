/** SQL expressions that build JSON objects. */
import { type SQL, sql } from "drizzle-orm";

const MAX_IDENTIFIER_BYTES = 63;

/** A JSON object of the entries, in place: for entries that aggregate the query they stand in. Keys are names of GraphQL's grammar. */
export const inlineObject = (entries: readonly [string, SQL][]) =>
  sql`json_build_object(${sql.join(
    entries.map(([key, value]) => sql`${sql.raw(`'${key}'`)}::text, ${value}`),
    sql`, `,
  )})`;

/**
 * A JSON object of the entries as a subquery, which PostgreSQL builds faster and shorter.
 * @param from the FROM clause and what follows it, of which the entries speak; without, one row
 */
export function object(entries: readonly [string, SQL][], from: SQL = sql``): SQL {
  if (entries.some(([key]) => key.length > MAX_IDENTIFIER_BYTES)) {
    // PostgreSQL would cut such keys as column names; as literals they stay whole.
    return sql`(select ${inlineObject(entries)}${from})`;
  }
  const columns = entries.map(([key, value]) => sql`${value} as ${sql.identifier(key)}`);
  return sql`(select row_to_json(o.*) from (select ${sql.join(columns, sql`, `)}${from}) o)`;
}

export const typename = (type: string) => sql`${sql.raw(`'${type}'`)}::text`;
