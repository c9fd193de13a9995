/** Builds the JSON of a field of a row, and of a selection over the object or list of objects that a jsonb column holds. */
import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { FieldNode } from "graphql";
import { type EmbeddedType, type FieldDeclaration, mayReadDeclared } from "../declaration.js";
import type { Compilation } from "./compilation.js";
import { writtenField } from "./field.js";
import { type Json, jsonAround, jsonList, jsonObject, jsonOrNull, jsonTypename } from "./json.js";
import { collectSelectionBelow } from "./selection.js";
import { type VisibilitySource, visibleFieldValue } from "./visibility.js";

const valueAt = (container: SQL, key: string): SQL => sql`(${container} -> ${sql.raw(`'${key}'`)})`;

/**
 * @param source the table whose row holds the value
 * @param value the jsonb value; null, or JSON null, stays null
 * @param onRefusal called for every field that the actor may not read, which is left out, and for every field that a resolver fetches
 */
function selectEmbedded(
  c: Compilation,
  source: VisibilitySource,
  type: EmbeddedType,
  value: SQL,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): Json {
  const element = type.list ? sql`e.value` : value;
  const entries: [string, Json][] = [];
  for (const [responseKey, fieldNodes] of collectSelectionBelow(nodes, c.fragments, c.variables)) {
    const name = fieldNodes[0].name.value;
    const field = type.fields[name];
    if (!field) entries.push([responseKey, jsonTypename(type.name)]);
    else if (!mayReadDeclared(c.access.permissions, field.read)) onRefusal();
    else if (field.fetched) {
      onRefusal();
      const own = field.fetched.own.map((name): [string, Json] => [
        name,
        jsonOrNull(sql`${valueAt(element, name)}::text`),
      ]);
      entries.push([responseKey, jsonObject([...columnsOf(source, field.fetched.row), ...own])]);
    } else {
      const inner = valueAt(element, name);
      const json = field.embedded
        ? selectEmbedded(c, source, field.embedded, inner, fieldNodes, onRefusal)
        : jsonOrNull(sql`${inner}::text`);
      entries.push([responseKey, json]);
    }
  }
  const json = jsonObject(entries);
  return type.list
    ? jsonList(jsonAround(json, (text) => sql`(select string_agg(${text}, ',') from jsonb_array_elements(${value}) e)`))
    : jsonAround(json, (text) => sql`coalesce(case when jsonb_typeof(${value}) = 'object' then ${text} end, 'null')`);
}

const columnsOf = (source: VisibilitySource, columns: Readonly<Record<string, PgColumn>>) =>
  Object.entries(columns).map(([name, column]): [string, Json] => [
    name,
    jsonOrNull(sql`to_json(${source.column(column)})::text`),
  ]);

/** Builds the JSON of a field of a row. @param onRefusal as above, and called for a value that a resolver derives */
export function selectFieldOrEmbedded(
  c: Compilation,
  source: VisibilitySource,
  field: FieldDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): Json {
  const column = visibleFieldValue(source, field);
  if (field.embedded) return selectEmbedded(c, source, field.embedded, column, nodes, onRefusal);
  if (!field.derived) return writtenField(field, column);
  // The resolver derives the value from these columns.
  onRefusal();
  return jsonObject(columnsOf(source, field.derived.needs));
}
