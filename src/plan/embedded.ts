/** A selection over an object, or a list of objects, that a jsonb column holds whole. */
import { type SQL, sql } from "drizzle-orm";
import type { FieldNode } from "graphql";
import type { Compilation } from "./compilation.js";
import { type EmbeddedType, mayRead } from "./declaration.js";
import { object, typename } from "./json.js";
import { collectBelow } from "./selection.js";

/**
 * @param json the jsonb value; null, or JSON null, stays null
 * @param onRefusal told for every field that the actor may not read; it is left out
 */
export function selectEmbedded(
  c: Compilation,
  type: EmbeddedType,
  json: SQL,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): SQL {
  const element = type.list ? sql`e.value` : json;
  const entries: [string, SQL][] = [];
  for (const [key, of] of collectBelow(nodes, c.fragments, c.variables)) {
    const name = of[0].name.value;
    const field = type.fields[name];
    if (!field) entries.push([key, typename(type.name)]);
    else if (!mayRead(c.access.permissions, field.read)) onRefusal();
    else {
      const value = sql`(${element} -> ${sql.raw(`'${name}'`)})`;
      entries.push([key, field.embedded ? selectEmbedded(c, field.embedded, value, of, onRefusal) : value]);
    }
  }
  const built = object(entries);
  return type.list
    ? sql`(select coalesce(json_agg(${built}), '[]') from jsonb_array_elements(${json}) e)`
    : sql`(case when jsonb_typeof(${json}) = 'object' then ${built} end)`;
}
