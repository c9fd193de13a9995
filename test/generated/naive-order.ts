/** The naive order of rows: by the terms of an orderBy argument, absent values smallest, ties by id. */
import type { TypeDeclaration } from "../../src/plan/declaration.js";
import { compare, type Row, type World } from "./world.js";

interface Term {
  readonly field: string;
  readonly direction?: "ASC" | "DESC";
}

/** @returns the name of the field that a word such as STARTED_AT means */
function fieldOf(type: TypeDeclaration, word: string): string {
  const flat = word.replaceAll("_", "");
  const name = Object.keys(type.fields).find((candidate) => candidate.toUpperCase() === flat);
  if (!name) throw new Error(`${type.name} has no field for ${word}`);
  return name;
}

export interface NaiveOrder {
  compare(a: Row, b: Row): number;
  /** What a cursor to the row says: the values of the terms. */
  values(row: Row): unknown[];
}

/** @param orderBy as GraphQL coerces it: absent, one term, or a list */
export function orderOf(world: World, type: TypeDeclaration, orderBy: unknown): NaiveOrder {
  const given = [orderBy ?? []].flat() as Term[];
  const terms = given.map(({ field, direction }) => ({ name: fieldOf(type, field), descending: direction === "DESC" }));
  if (terms.length === 0) terms.push({ name: type.newestBy, descending: true });
  // A field that is named again changes nothing; the id, last, goes the way of the last that counts.
  const counted = terms.filter(({ name }, index) => terms.findIndex((term) => term.name === name) === index);
  if (!counted.some(({ name }) => name === "id")) {
    counted.push({ name: "id", descending: counted.at(-1)?.descending ?? true });
  }
  const steps = counted.map(({ name, descending }) => {
    const column = type.fields[name]!.column.name;
    const kind = world.kind(type, column);
    return (a: Row, b: Row): number => {
      const [x, y] = [a[column] ?? null, b[column] ?? null];
      const ascending = x === null || y === null ? Number(x !== null) - Number(y !== null) : compare(kind, x, y);
      return descending ? -ascending : ascending;
    };
  });
  return {
    compare(a, b) {
      for (const step of steps) {
        const result = step(a, b);
        if (result !== 0) return result;
      }
      return 0;
    },
    values: (row) => counted.map(({ name }) => row[type.fields[name]!.column.name]),
  };
}
