/** The naive evaluation of an abstract query: over all rows in memory, one step after the other, knowing nothing of SQL. */

import { singularOf, type TypeDeclaration } from "../../../src/engine/declaration.js";
import { nodeIdOf } from "../../specimens/specimen.js";
import { rootTypes } from "../../support/model.js";
import { About, type Answer, figures, groups, object, type Stage, written } from "./naive-figures.js";
import { holds } from "./naive-filter.js";
import { orderOf } from "./naive-order.js";
import { below, CursorOf, type Field, type Item, plain, type Query, type RunIndex } from "./query.js";
import type { Row, World } from "./world.js";

/** Stands in an answer where a cursor must stand: with these values of the order's terms. */
class CursorTo {
  constructor(readonly values: readonly unknown[]) {}
}

const DEFAULT_PAGE = 20;

interface Scene extends Stage {
  /** All rows: cursors may come from any. */
  readonly everything: World;
}

function row(scene: Scene, type: TypeDeclaration, found: Row | undefined, items: readonly Item[]): Answer | null {
  if (!found) return null;
  return object(items, scene, (name, fields) => {
    if (name === "__typename") return type.name;
    if (name === "nodeId") return nodeIdOf({ type }, String(found.id));
    const field = type.fields[name];
    if (field) return written(found[field.column.name]);
    const relation = type.relations[name]!;
    const target = relation.to();
    return relation.kind === "one"
      ? row(scene, target, scene.world.one(relation, found), below(fields))
      : connection(scene, target, scene.world.many(relation, found), fields);
  });
}

/** @param candidates the rows that the list is over, before its own filter */
function connection(scene: Scene, type: TypeDeclaration, candidates: readonly Row[], fields: readonly Field[]): Answer {
  const { world, run } = scene;
  const argument = (name: string): unknown => {
    const input = fields[0]!.args[name];
    return (input && plain(input, run)) ?? undefined;
  };
  const [filter, order] = [argument("filter") ?? {}, orderOf(world, type, argument("orderBy"))];
  const all = candidates
    .filter((candidate) => holds(world, type, candidate, filter as Record<string, unknown>))
    .map((found) => ({ found, values: order.values(world, found) }))
    .sort((a, b) => order.compare(a.values, b.values));

  /** What a cursor says: whoever gave it out saw everything. */
  const bound = (name: "after" | "before"): readonly unknown[] | undefined => {
    const cursor = argument(name);
    const rows = scene.everything.rows(type);
    return cursor instanceof CursorOf ? order.values(scene.everything, rows[cursor.row % rows.length]!) : undefined;
  };
  const [after, before] = [bound("after"), bound("before")];
  const within = all.filter(
    ({ values }) => (!after || order.compare(values, after) > 0) && (!before || order.compare(values, before) < 0),
  );
  const [first, last] = [argument("first"), argument("last")] as (number | undefined)[];
  const size = first ?? last ?? DEFAULT_PAGE;
  const backwards = first === undefined && last !== undefined;
  const page = backwards ? within.slice(Math.max(0, within.length - size)) : within.slice(0, size);
  const more = within.length > size;
  const behind = (cursor: readonly unknown[] | undefined, side: 1 | -1) =>
    cursor !== undefined && all.some(({ values }) => order.compare(values, cursor) * side <= 0);
  const cursorTo = (end: (typeof page)[number] | undefined) => (end ? new CursorTo(end.values) : null);

  const pageInfo: Answer = {
    __typename: "PageInfo",
    hasNextPage: backwards ? behind(before, -1) : more,
    hasPreviousPage: backwards ? more : behind(after, 1),
    startCursor: cursorTo(page[0]),
    endCursor: cursorTo(page.at(-1)),
  };
  const rowsOf = (list: typeof all) => list.map(({ found }) => found);
  return object(below(fields), scene, (name, of) => {
    const items = below(of);
    switch (name) {
      case "__typename":
        return `${type.name}Connection`;
      case "totalCount":
        return all.length;
      case "nodes":
        return page.map(({ found }) => row(scene, type, found, items));
      case "edges":
        return page.map(({ found, values }) =>
          object(items, scene, (part, inner) => {
            if (part === "__typename") return `${type.name}Edge`;
            return part === "cursor" ? new CursorTo(values) : row(scene, type, found, below(inner));
          }),
        );
      case "pageInfo":
        return object(items, scene, (part) => pageInfo[part]);
      case "aggregate":
        return figures(scene, type, rowsOf(all), items);
      case "groups":
        return groups(scene, type, rowsOf(all), of);
      default:
        throw new Error(`The naive evaluation does not know ${name} of a connection`);
    }
  });
}

/**
 * @param world what the actor can see
 * @param everything all rows, from which cursors may come
 * @returns the answer's `data`, with CursorTo where cursors stand
 */
export function evaluate(query: Query, run: RunIndex, world: World, everything: World): Answer {
  const scene = { world, everything, run };
  return object(query.items, scene, (name, fields) => {
    if (name === "__typename") return "Query";
    const root = rootTypes.find((type) => singularOf(type) === name || type.plural === name);
    if (!root) throw new Error(`${name} is no root field`);
    if (root.plural === name) return connection(scene, root, world.rows(root), fields);
    const id = plain(fields[0]!.args.id!, run);
    return row(scene, root, world.find(root, id), below(fields));
  });
}

/** The values that a cursor carries between its signature and its seal. */
function valuesOf(cursor: unknown): string {
  try {
    return JSON.stringify(JSON.parse(Buffer.from(String(cursor), "base64url").toString()).slice(1, -1));
  } catch {
    return "none";
  }
}

/** @returns the expected answer with the cursors of the real one, where they mean the right rows */
export function settled(expected: unknown, real: unknown): unknown {
  if (expected instanceof CursorTo) {
    const values = JSON.stringify(expected.values);
    return valuesOf(real) === values ? real : `the cursor of ${values}`;
  }
  if (expected instanceof About) return expected.fits(real) ? real : `about ${expected.value}`;
  if (Array.isArray(expected)) return expected.map((item, index) => settled(item, (real as unknown[])?.[index]));
  if (typeof expected === "object" && expected !== null) {
    return Object.fromEntries(
      Object.entries(expected).map(([key, value]) => [key, settled(value, (real as Answer)?.[key])]),
    );
  }
  return expected;
}
