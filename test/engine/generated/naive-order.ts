/** The naive order of rows: by the terms of an orderBy argument, absent values smallest unless said otherwise, ties by id. */
import type { OneRelation, TypeDeclaration } from "../../../src/engine/declaration.js";
import { compare, type Kind, type Row, type World } from "./world.js";

interface Given {
  readonly field: string;
  readonly direction?: "ASC" | "DESC";
  readonly nulls?: "FIRST" | "LAST" | null;
}

/** Where a value is found: in the row itself, or in the one that it refers to. */
interface Place {
  readonly relation?: OneRelation;
  readonly column: string;
  readonly kind: Kind;
}

/** @returns where the value is that a word such as STARTED_AT or ORGANIZATION_NAME means */
function placeOf(world: World, type: TypeDeclaration, word: string): Place {
  const flat = word.replaceAll("_", "");
  const within = (of: TypeDeclaration, prefix: string, relation?: OneRelation): Place | undefined => {
    const [, field] = Object.entries(of.fields).find(([name]) => `${prefix}${name}`.toUpperCase() === flat) ?? [];
    const column = field?.column.name;
    return column === undefined ? undefined : { column, kind: world.kind(of, column), ...(relation && { relation }) };
  };
  const places = Object.entries(type.relations).map(([name, relation]) =>
    relation.kind === "one" ? within(relation.to(), name, relation) : undefined,
  );
  const place = within(type, "") ?? places.find((each) => each);
  if (!place) throw new Error(`${type.name} has nothing that ${word} means`);
  return place;
}

interface Term extends Place {
  readonly descending: boolean;
  readonly absentFirst: boolean;
}

export interface NaiveOrder {
  /** What decides where a row goes; a cursor to the row carries it. @param world that the related rows are looked for in */
  values(world: World, row: Row): readonly unknown[];
  compare(a: readonly unknown[], b: readonly unknown[]): number;
}

/** @param orderBy as GraphQL coerces it: absent, one term, or a list */
export function orderOf(world: World, type: TypeDeclaration, orderBy: unknown): NaiveOrder {
  const terms: Term[] = [];
  const add = (place: Place, descending: boolean, nulls?: Given["nulls"]) => {
    // A field that is named again changes nothing.
    if (terms.some(({ relation, column }) => relation === place.relation && column === place.column)) return;
    terms.push({ ...place, descending, absentFirst: nulls ? nulls === "FIRST" : !descending });
  };
  for (const { field, direction, nulls } of [orderBy ?? []].flat() as Given[]) {
    add(placeOf(world, type, field), direction === "DESC", nulls);
  }
  if (terms.length === 0) add(placeOf(world, type, type.newestBy.toUpperCase()), true);
  // Goes the way of the last that counts.
  add(placeOf(world, type, "ID"), terms.at(-1)!.descending);
  return {
    values: (visible, row) =>
      terms.map(({ relation, column }) => (relation ? visible.one(relation, row) : row)?.[column] ?? null),
    compare(a, b) {
      for (const [index, { kind, descending, absentFirst }] of terms.entries()) {
        const [x, y] = [a[index], b[index]];
        if (x === null || y === null) {
          if (x !== y) return (x === null) === absentFirst ? -1 : 1;
          continue;
        }
        const result = compare(kind, x, y);
        if (result !== 0) return descending ? -result : result;
      }
      return 0;
    },
  };
}
