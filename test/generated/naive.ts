/** The naive evaluation of an abstract query: over all rows in memory, one step after the other, knowing nothing of SQL. */
import { rootFields } from "../../src/model/index.js";
import type { TypeDeclaration } from "../../src/plan/declaration.js";
import { holds } from "./naive-filter.js";
import { orderOf } from "./naive-order.js";
import { below, CursorOf, collect, type Field, type Item, plain, type Query, type RunIndex } from "./query.js";
import { JSON_NULL, type Row, type World } from "./world.js";

/** Stands in an answer where a cursor must stand: with these values of the order's terms. */
class CursorTo {
  constructor(readonly values: readonly unknown[]) {}
}

const DEFAULT_PAGE = 20;

interface Scene {
  /** What the actor can see. */
  readonly world: World;
  /** All rows: cursors may come from any. */
  readonly everything: World;
  readonly run: RunIndex;
}

type Answer = Record<string, unknown>;

/** Builds an object: one value for each response key. */
const object = (items: readonly Item[], { run }: Scene, answer: (name: string, fields: Field[]) => unknown): Answer =>
  Object.fromEntries([...collect(items, run)].map(([key, fields]) => [key, answer(fields[0]!.name, fields)]));

const written = (value: unknown) => (value === JSON_NULL ? null : value);

function row(scene: Scene, type: TypeDeclaration, found: Row | undefined, items: readonly Item[]): Answer | null {
  if (!found) return null;
  return object(items, scene, (name, fields) => {
    if (name === "__typename") return type.name;
    const field = type.fields[name];
    if (field) return written(found[field.column.name]);
    const relation = type.relations[name]!;
    const target = relation.to();
    const there = scene.world.rows(target);
    if (relation.kind === "one") {
      const id = found[relation.column.name];
      return row(
        scene,
        target,
        there.find((candidate) => candidate.id === id),
        below(fields),
      );
    }
    const inverse = target.relations[relation.by]!;
    if (inverse.kind !== "one") throw new Error(`${target.name}.${relation.by} is no relation to one`);
    const related = there.filter((candidate) => candidate[inverse.column.name] === found.id);
    return connection(scene, target, related, fields);
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
    .sort(order.compare);

  const bound = (name: "after" | "before"): Row | undefined => {
    const cursor = argument(name);
    const rows = scene.everything.rows(type);
    return cursor instanceof CursorOf ? rows[cursor.row % rows.length] : undefined;
  };
  const [after, before] = [bound("after"), bound("before")];
  const within = all.filter(
    (candidate) => (!after || order.compare(candidate, after) > 0) && (!before || order.compare(candidate, before) < 0),
  );
  const [first, last] = [argument("first"), argument("last")] as (number | undefined)[];
  const size = first ?? last ?? DEFAULT_PAGE;
  const backwards = first === undefined && last !== undefined;
  const page = backwards ? within.slice(Math.max(0, within.length - size)) : within.slice(0, size);
  const more = within.length > size;
  const behind = (cursor: Row | undefined, side: 1 | -1) =>
    cursor !== undefined && all.some((candidate) => order.compare(candidate, cursor) * side <= 0);
  const cursorTo = (end: Row | undefined) => (end ? new CursorTo(order.values(end)) : null);

  const pageInfo: Answer = {
    __typename: "PageInfo",
    hasNextPage: backwards ? behind(before, -1) : more,
    hasPreviousPage: backwards ? more : behind(after, 1),
    startCursor: cursorTo(page[0]),
    endCursor: cursorTo(page.at(-1)),
  };
  return object(below(fields), scene, (name, of) => {
    const items = below(of);
    switch (name) {
      case "__typename":
        return `${type.name}Connection`;
      case "totalCount":
        return all.length;
      case "nodes":
        return page.map((node) => row(scene, type, node, items));
      case "edges":
        return page.map((node) =>
          object(items, scene, (part, inner) => {
            if (part === "__typename") return `${type.name}Edge`;
            return part === "cursor" ? new CursorTo(order.values(node)) : row(scene, type, node, below(inner));
          }),
        );
      case "pageInfo":
        return object(items, scene, (part) => pageInfo[part]);
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
    const root = rootFields.find(({ one, many }) => one === name || many === name);
    if (!root) throw new Error(`${name} is no root field`);
    const rows = world.rows(root.type);
    if (root.many === name) return connection(scene, root.type, rows, fields);
    const id = plain(fields[0]!.args.id!, run);
    return row(
      scene,
      root.type,
      rows.find((candidate) => candidate.id === id),
      below(fields),
    );
  });
}

/** The values that a cursor carries after its signature. */
function valuesOf(cursor: unknown): string {
  try {
    return JSON.stringify(JSON.parse(Buffer.from(String(cursor), "base64url").toString()).slice(1));
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
  if (Array.isArray(expected)) return expected.map((item, index) => settled(item, (real as unknown[])?.[index]));
  if (typeof expected === "object" && expected !== null) {
    return Object.fromEntries(
      Object.entries(expected).map(([key, value]) => [key, settled(value, (real as Answer)?.[key])]),
    );
  }
  return expected;
}
