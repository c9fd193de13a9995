/** A field of a row, and a selection over what a jsonb column holds whole: an object, or a list of objects. */
import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { FieldNode } from "graphql";
import { type EmbeddedType, type FieldDeclaration, mayRead } from "../declaration.js";
import type { Compilation } from "./compilation.js";
import { written } from "./field.js";
import { around, type Json, list, object, orNull, typename } from "./json.js";
import { collectBelow } from "./selection.js";
import type { Source } from "./visibility.js";

const key = (of: SQL, name: string): SQL => sql`(${of} -> ${sql.raw(`'${name}'`)})`;

/**
 * @param source of the row that holds it
 * @param value the jsonb value; null, or JSON null, stays null
 * @param onRefusal told for every field that the actor may not read, which is left out, and for what a resolver asks for
 */
function selectEmbedded(
  c: Compilation,
  source: Source,
  type: EmbeddedType,
  value: SQL,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): Json {
  const element = type.list ? sql`e.value` : value;
  const entries: [string, Json][] = [];
  for (const [responseKey, of] of collectBelow(nodes, c.fragments, c.variables)) {
    const name = of[0].name.value;
    const field = type.fields[name];
    if (!field) entries.push([responseKey, typename(type.name)]);
    else if (!mayRead(c.access.permissions, field.read)) onRefusal();
    else if (field.asked) {
      onRefusal();
      const own = field.asked.own.map((name): [string, Json] => [name, orNull(sql`${key(element, name)}::text`)]);
      entries.push([responseKey, object([...columnsOf(source, field.asked.row), ...own])]);
    } else {
      const inner = key(element, name);
      const json = field.embedded
        ? selectEmbedded(c, source, field.embedded, inner, of, onRefusal)
        : orNull(sql`${inner}::text`);
      entries.push([responseKey, json]);
    }
  }
  const json = object(entries);
  return type.list
    ? list(around(json, (text) => sql`(select string_agg(${text}, ',') from jsonb_array_elements(${value}) e)`))
    : around(json, (text) => sql`coalesce(case when jsonb_typeof(${value}) = 'object' then ${text} end, 'null')`);
}

const columnsOf = (source: Source, columns: Readonly<Record<string, PgColumn>>) =>
  Object.entries(columns).map(([name, column]): [string, Json] => [
    name,
    orNull(sql`to_json(${source.column(column)})::text`),
  ]);

/** @param onRefusal as above, and told where a resolver finishes the value */
export function selectField(
  c: Compilation,
  source: Source,
  field: FieldDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): Json {
  const column = source.column(field.column);
  if (field.embedded) return selectEmbedded(c, source, field.embedded, column, nodes, onRefusal);
  if (!field.derived) return written(field, column);
  // Its resolver finishes it.
  onRefusal();
  return object(columnsOf(source, field.derived.needs));
}
