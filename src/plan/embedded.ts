/** A selection over an object, or a list of objects, that a jsonb column holds whole. */
import { type SQL, sql } from "drizzle-orm";
import type { FieldNode } from "graphql";
import type { Compilation } from "./compilation.js";
import { type EmbeddedType, mayRead } from "./declaration.js";
import { type Json, list, object, orNull, textOf, typename } from "./json.js";
import { collectBelow } from "./selection.js";

/**
 * @param value the jsonb value; null, or JSON null, stays null
 * @param onRefusal told for every field that the actor may not read; it is left out
 */
export function selectEmbedded(
  c: Compilation,
  type: EmbeddedType,
  value: SQL,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): Json {
  const element = type.list ? sql`e.value` : value;
  const entries: [string, Json][] = [];
  for (const [key, of] of collectBelow(nodes, c.fragments, c.variables)) {
    const name = of[0].name.value;
    const field = type.fields[name];
    if (!field) entries.push([key, typename(type.name)]);
    else if (!mayRead(c.access.permissions, field.read)) onRefusal();
    else {
      const inner = sql`(${element} -> ${sql.raw(`'${name}'`)})`;
      const json = field.embedded
        ? selectEmbedded(c, field.embedded, inner, of, onRefusal)
        : orNull(sql`${inner}::text`);
      entries.push([key, json]);
    }
  }
  const text = textOf(object(entries));
  return type.list
    ? list(sql`(select string_agg(${text}, ',') from jsonb_array_elements(${value}) e)`)
    : orNull(sql`(case when jsonb_typeof(${value}) = 'object' then ${text} end)`);
}
