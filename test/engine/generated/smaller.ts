/** What is left of an abstract query when one part of it is taken away: how a failing query is made small. */
import { type Input, type Item, isInputObject, type Query, type Value } from "./query.js";

/** Every list with one item less, and every list with one item smaller. */
function* listsBelow<T>(list: readonly T[], smaller: (item: T) => Iterable<T | readonly T[]>): Generator<T[]> {
  for (const index of list.keys()) if (list.length > 1) yield list.toSpliced(index, 1);
  for (const [index, item] of list.entries()) {
    for (const less of smaller(item)) yield list.toSpliced(index, 1, ...([less].flat() as T[]));
  }
}

function* valuesBelow(value: Value | undefined): Generator<Value> {
  if (Array.isArray(value)) {
    if (value.length === 1) yield [];
    yield* listsBelow<Input>(value, inputsBelow);
  } else if (isInputObject(value)) yield* argsBelow(value);
}

function* inputsBelow(input: Input): Generator<Input> {
  const { as, value, again } = input;
  if (as !== "literal" && value !== undefined) yield { as: "literal", value, again: value };
  for (const less of valuesBelow(value)) yield { as, value: less, again: as === "literal" ? less : again };
  if (as !== "literal") for (const less of valuesBelow(again)) yield { as, value, again: less };
}

function* argsBelow(args: Readonly<Record<string, Input>>): Generator<Record<string, Input>> {
  for (const name of Object.keys(args)) {
    const { [name]: input, ...rest } = args;
    yield rest;
    for (const less of inputsBelow(input!)) yield { ...args, [name]: less };
  }
}

function* itemsBelow(item: Item): Generator<Item | readonly Item[]> {
  if (item.conditions.length > 0) yield { ...item, conditions: [] };
  if (item.kind === "group") {
    yield item.items;
    for (const items of listsBelow(item.items, itemsBelow)) yield { ...item, items };
    return;
  }
  for (const below of listsBelow(item.below, itemsBelow)) yield { ...item, below };
  for (const args of argsBelow(item.args)) yield { ...item, args };
}

/** @returns the smallest query that this finds for which the check still fails */
export async function smallest(query: Query, fails: (query: Query) => Promise<boolean>): Promise<Query> {
  for (const items of listsBelow(query.items, itemsBelow)) {
    if (await fails({ items })) return smallest({ items }, fails);
  }
  return query;
}
