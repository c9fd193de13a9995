/** The generator of abstract queries: whatever the declarations let an actor ask of the data. */
import fc, { type Arbitrary } from "fast-check";
import { singularOf, type TypeDeclaration } from "../../../src/engine/declaration.js";
import {
  aggregateExtremeFields,
  aggregateKeyFields,
  aggregateNumberFields,
} from "../../../src/engine/read/aggregate.js";
import { rootTypes } from "../../support/model.js";
import { Inputs, input, isForEveryReader } from "./inputs.js";
import { fits } from "./limits.js";
import { type Condition, type Field, type InputObject, type Item, type Query, withKeys } from "./query.js";
import type { World } from "./world.js";

/** An alias that withKeys makes unique. */
const ALIAS = "";

const PAGE_INFO = ["hasNextPage", "hasPreviousPage", "startCursor", "endCursor", "__typename"];

const condition = fc.record<Condition>({ directive: fc.constantFrom("include", "skip"), if: input(fc.boolean()) });
const conditions = fc.oneof(
  { weight: 9, arbitrary: fc.constant<Condition[]>([]) },
  {
    weight: 1,
    arbitrary: fc.uniqueArray(condition, { minLength: 1, maxLength: 2, selector: ({ directive }) => directive }),
  },
);

/** @param aliased how many of ten get an alias */
function field(name: string, more: { args?: Arbitrary<InputObject>; below?: Arbitrary<Item[]> } = {}, aliased = 1) {
  const nothing = fc.constant({});
  return fc
    .tuple(fc.nat(9), more.args ?? nothing, conditions, more.below ?? fc.constant([]))
    .map(([die, args, conditions, below]): Field => {
      const key = die > 9 - aliased ? ALIAS : name;
      return { kind: "field", name, key, args, conditions, below };
    });
}

/** Fragments that stand on any type, and those on a row. */
const FRAGMENTS = ["inline", "typed", "named", "twice"] as const;
const ROW_FRAGMENTS = [...FRAGMENTS, "node"] as const;

/** Some selections, in fragments or not. */
function items(
  fields: Arbitrary<Field>,
  maxLength: number,
  fragments: typeof FRAGMENTS | typeof ROW_FRAGMENTS = FRAGMENTS,
  nesting = 2,
): Arbitrary<Item[]> {
  const group = (): Arbitrary<Item> =>
    fc.record({
      kind: fc.constant("group"),
      as: fc.constantFrom(...fragments),
      conditions,
      items: items(fields, 3, fragments, nesting - 1),
    });
  const item: Arbitrary<Item> =
    nesting > 0 ? fc.oneof({ weight: 7, arbitrary: fields }, { weight: 1, arbitrary: group() }) : fields;
  return fc.array(item, { minLength: 1, maxLength, size: "max" });
}

const weighted = (weight: number, arbitrary: Arbitrary<Field>) => ({ weight, arbitrary });

/** Sizes of pages at the root, and below. */
const SIZES = [0, 1, 2, 3, 5, 8, 13, 40];
const SIZES_BELOW = [0, 1, 2, 3, 4];
const GROUPS = [0, 1, 2, 5, 30];
/** How many relations a query follows: mostly few. */
const DEPTHS = [0, 1, 1, 2, 3];
const FILTER_DEPTH = 3;

class Queries {
  readonly #objects = new Map<string, Arbitrary<Item[]>>();

  constructor(
    private readonly inputs: Inputs,
    private readonly readable: ReadonlySet<TypeDeclaration>,
  ) {}

  /** Selections of an object. */
  object(type: TypeDeclaration, depth: number): Arbitrary<Item[]> {
    const key = `${type.name} ${depth}`;
    const known = this.#objects.get(key);
    if (known) return known;
    // Values that Postern derives have an object type, and no fast way.
    const held = Object.entries(type.fields).filter(([name, { derived }]) => !derived && isForEveryReader(type, name));
    const leaves = held.map(([name]) => weighted(2, field(name)));
    const relations = Object.entries(type.relations)
      .filter(([, relation]) => depth > 0 && this.readable.has(relation.to()))
      .map(([name, relation]) => {
        const target = relation.to();
        if (relation.kind === "one") return weighted(4, field(name, { below: this.object(target, depth - 1) }));
        const args = this.inputs.list(target, SIZES_BELOW, FILTER_DEPTH - 2);
        return weighted(4, field(name, { args, below: this.connection(target, depth - 1) }));
      });
    const names = ["__typename", "nodeId"].map((name) => weighted(1, field(name)));
    const selections = items(fc.oneof(...leaves, ...relations, ...names), 3, ROW_FRAGMENTS);
    this.#objects.set(key, selections);
    return selections;
  }

  /** Selections of a connection. */
  connection(type: TypeDeclaration, depth: number): Arbitrary<Item[]> {
    const node = this.object(type, depth);
    const edge = items(fc.oneof(field("cursor"), weighted(3, field("node", { below: node })), field("__typename")), 3);
    const info = items(fc.oneof(...PAGE_INFO.map((name) => field(name))), 4);
    const figures = this.#figures(type);
    const keys = aggregateKeyFields(type)
      .filter(([name]) => isForEveryReader(type, name))
      .map(([name]) => field(name));
    const group = items(
      fc.oneof(
        weighted(4, field("key", { below: items(fc.oneof(...keys, field("__typename")), 3) })),
        weighted(3, field("aggregate", { below: figures })),
        weighted(1, field("__typename")),
      ),
      3,
    );
    const parts = fc.oneof(
      weighted(6, field("nodes", { below: node })),
      weighted(3, field("edges", { below: edge })),
      weighted(4, field("pageInfo", { below: info })),
      weighted(3, field("totalCount")),
      weighted(2, field("aggregate", { below: figures })),
      weighted(2, field("groups", { args: this.inputs.groups(type, GROUPS), below: group })),
      weighted(1, field("__typename")),
    );
    return items(parts, 3);
  }

  /** Selections of an aggregate. */
  #figures(type: TypeDeclaration): Arbitrary<Item[]> {
    const figure = (name: string, all: readonly (readonly [string, unknown])[]) => {
      const fields = all.filter(([each]) => isForEveryReader(type, each));
      if (fields.length === 0) return [];
      const parts = fc.oneof(...fields.map(([each]) => weighted(3, field(each))), weighted(1, field("__typename")));
      return [weighted(2, field(name, { below: items(parts, 3) }))];
    };
    const [numbers, extremes] = [aggregateNumberFields(type), aggregateExtremeFields(type)];
    return items(
      fc.oneof(
        weighted(2, field("count")),
        weighted(1, field("__typename")),
        ...["sum", "avg"].flatMap((name) => figure(name, numbers)),
        ...["min", "max"].flatMap((name) => figure(name, extremes)),
      ),
      3,
    );
  }

  query(roots: readonly string[]): Arbitrary<Query> {
    const lists = rootTypes.filter((type) => this.readable.has(type) && roots.includes(type.plural));
    const fields = lists.flatMap((type) => {
      const [one, many] = [singularOf(type), type.plural];
      const args = this.inputs.list(type, SIZES, FILTER_DEPTH);
      const id = this.inputs.id(type).map((input) => ({ id: input }));
      return DEPTHS.flatMap((depth) => [
        weighted(4, field(many, { args, below: this.connection(type, depth) }, 3)),
        weighted(1, field(one, { args: id, below: this.object(type, depth) }, 3)),
      ]);
    });
    // Not `__typename`, which is no planned field.
    return items(fc.oneof(...fields), 3)
      .map((list) => ({ items: withKeys(list) }))
      .filter(fits);
  }
}

/**
 * @param world whose values the queries compare with
 * @param readable the types that the actor reads
 * @param roots the lists that the actor may ask for
 */
export function queries(world: World, readable: ReadonlySet<TypeDeclaration>, roots: readonly string[]) {
  return new Queries(new Inputs(world, readable), readable).query(roots);
}
