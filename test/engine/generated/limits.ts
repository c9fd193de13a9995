/** Whether an abstract query is within the limits of a request: what is refused compares nothing. */
import {
  type Field,
  type Input,
  type InputObject,
  type Item,
  isInputObject,
  plain,
  type Query,
  type Value,
} from "./query.js";

const MAX_ALIASES = 30;
const MAX_FIELDS = 120;
/** Values in the arguments of one field, and of all: conditions of a filter, and tokens. */
const MAX_VALUES_OF_FIELD = 90;
const MAX_VALUES = 250;
const MAX_OBJECTS = 50_000;

const valuesOf = (value: Value | undefined): number => {
  if (Array.isArray(value)) return (value as Input[]).reduce((sum, input) => sum + valuesIn(input), 1);
  return isInputObject(value) ? valuesInAll(value) : 1;
};
const valuesIn = ({ value, again }: Input): number => Math.max(valuesOf(value), valuesOf(again));
const valuesInAll = (args: InputObject): number => Object.values(args).reduce((sum, input) => sum + valuesIn(input), 1);

/** The largest size that a list may have in either run. */
function sizeOf({ name, args }: Field): number {
  const sizes = [args.first, args.last].flatMap((input) => (input ? [plain(input, 0), plain(input, 1)] : [undefined]));
  return Math.max(...sizes.map((size) => (typeof size === "number" ? size : name === "groups" ? 100 : 20)));
}

/** How many objects the items may answer. @param size of the page that they stand on */
function objects(items: readonly Item[], size: number): number {
  return items.reduce((sum, item) => {
    if (item.kind === "group") return sum + objects(item.items, size);
    const below = 1 + objects(item.below, sizeOf(item));
    if (item.name === "groups") return sum + sizeOf(item);
    return sum + (item.name === "nodes" || item.name === "edges" ? size * below : below);
  }, 0);
}

export function fits({ items }: Query): boolean {
  const counts = { aliases: 0, fields: 0, values: 0, most: 0 };
  const count = (list: readonly Item[], times: number): void => {
    for (const item of list) {
      if (item.kind === "group") {
        count(item.items, item.as === "twice" ? times * 2 : times);
        continue;
      }
      const values = valuesInAll(item.args);
      counts.fields += times;
      counts.values += values;
      counts.most = Math.max(counts.most, values);
      if (item.key !== item.name) counts.aliases += times;
      count(item.below, times);
    }
  };
  count(items, 1);
  return (
    counts.aliases <= MAX_ALIASES &&
    counts.fields <= MAX_FIELDS &&
    counts.values <= MAX_VALUES &&
    counts.most <= MAX_VALUES_OF_FIELD &&
    objects(items, 0) <= MAX_OBJECTS
  );
}
