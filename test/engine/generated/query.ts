/** An abstract query. The text and variables of GraphQL derive from it (write.ts), and so does the naive evaluation (naive.ts). */

/** A word of GraphQL's grammar that is no string: a value of an enum. */
export class Word {
  constructor(readonly text: string) {}
}

/** A JSON value that no part of is a place of its own. */
export class Json {
  constructor(readonly value: unknown) {}
}

/** The cursor of a row in the order of the list that it is given to: row n of all rows of the type, whoever sees them. */
export class CursorOf {
  constructor(readonly row: number) {}
}

type Leaf = string | number | boolean | null | Word | Json | CursorOf;
export type Value = Leaf | readonly Input[] | InputObject;
export interface InputObject {
  readonly [name: string]: Input;
}

/**
 * A place where a value stands. Every query runs twice with the same text, so that a plan meets other values than those it
 * was compiled for: variables have `value` in the first run, and `again` in the second.
 * - `literal`: `value` in both runs
 * - `variable`: undefined is a variable without a value, which counts as absent
 * - `default`: a variable whose default is `value`, not given in the first run
 */
export interface Input {
  readonly as: "literal" | "variable" | "default";
  readonly value: Value | undefined;
  readonly again: Value | undefined;
}

export type RunIndex = 0 | 1;

/** `@include` or `@skip`. */
export interface Condition {
  readonly directive: "include" | "skip";
  readonly if: Input;
}

export interface Field {
  readonly kind: "field";
  readonly name: string;
  /** The response key: another than the name is an alias. */
  readonly key: string;
  readonly args: InputObject;
  readonly conditions: readonly Condition[];
  readonly below: readonly Item[];
}

/** Selections in a fragment: inline without or with its type, named, named and spread twice, or within one on Node beside another type's. */
export interface Group {
  readonly kind: "group";
  readonly as: "inline" | "typed" | "named" | "twice" | "node";
  readonly conditions: readonly Condition[];
  readonly items: readonly Item[];
}

export type Item = Field | Group;

export interface Query {
  readonly items: readonly Item[];
}

const isInputs = (value: Value | undefined): value is readonly Input[] => Array.isArray(value);
export const isInputObject = (value: Value | undefined): value is InputObject =>
  typeof value === "object" &&
  value !== null &&
  !isInputs(value) &&
  !(value instanceof Word || value instanceof Json || value instanceof CursorOf);

function plainValue(value: Value | undefined, run: RunIndex): unknown {
  if (isInputs(value)) return value.map((item) => plain(item, run));
  if (isInputObject(value)) {
    const entries = Object.entries(value).map(([name, input]) => [name, plain(input, run)]);
    return Object.fromEntries(entries.filter(([, present]) => present !== undefined));
  }
  if (value instanceof Word) return value.text;
  return value instanceof Json ? value.value : value;
}

/** @returns the value in a run, as GraphQL coerces it; undefined where it is absent; cursors stay what they are */
export function plain({ as, value, again }: Input, run: RunIndex): unknown {
  if (as === "literal" || run === 0) return plainValue(value, as === "default" ? 0 : run);
  if (as === "default" && again === undefined) return plainValue(value, 0);
  return plainValue(again, run);
}

/** @returns whether a selection stands in a run */
export const applies = (conditions: readonly Condition[], run: RunIndex): boolean =>
  conditions.every(({ directive, if: condition }) => plain(condition, run) === (directive === "include"));

/** @returns the fields of selections by response key, in the order in which GraphQL answers them */
export function collect(items: readonly Item[], run: RunIndex): Map<string, Field[]> {
  const fields = new Map<string, Field[]>();
  const visit = (item: Item): void => {
    if (!applies(item.conditions, run)) return;
    if (item.kind === "group") for (const inner of item.items) visit(inner);
    else fields.set(item.key, [...(fields.get(item.key) ?? []), item]);
  };
  for (const item of items) visit(item);
  return fields;
}

/** @returns what the fields of one response key ask for together */
export const below = (fields: readonly Field[]): Item[] => fields.flatMap((field) => field.below);

/** @returns the input with the same value in both runs */
export function steady({ as, value }: Input): Input {
  const held = isInputs(value)
    ? value.map(steady)
    : isInputObject(value)
      ? Object.fromEntries(Object.entries(value).map(([name, input]) => [name, steady(input)]))
      : value;
  return { as, value: held, again: held };
}

/**
 * Gives every field a response key under which nothing else is answered. Fields that ask for the same share one, so that
 * their selections merge; others get an alias, as do those that wish for one (their key is not their name).
 */
export function withKeys(items: readonly Item[]): Item[] {
  let aliases = 0;
  /** @param sets selections that GraphQL merges @returns the same with keys */
  const rename = (sets: readonly (readonly Item[])[]): Item[][] => {
    const keys = new Map<Field, string>();
    const owners = new Map<string, Field[]>();
    const flat = (set: readonly Item[]): Field[] =>
      set.flatMap((item) => (item.kind === "group" ? flat(item.items) : [item]));
    for (const field of sets.flatMap(flat)) {
      const [owner] = owners.get(field.key) ?? [];
      const same = owner?.name === field.name && JSON.stringify(owner.args) === JSON.stringify(field.args);
      const key = field.key === field.name && (!owner || same) ? field.key : `${field.name}_${aliases++}`;
      keys.set(field, key);
      owners.set(key, [...(owners.get(key) ?? []), field]);
    }
    const beneath = new Map<Field, Item[]>();
    for (const fields of owners.values()) {
      for (const [index, set] of rename(fields.map((field) => field.below)).entries()) beneath.set(fields[index]!, set);
    }
    const rebuild = (item: Item): Item =>
      item.kind === "group"
        ? { ...item, items: item.items.map(rebuild) }
        : { ...item, key: keys.get(item)!, below: beneath.get(item)! };
    return sets.map((set) => set.map(rebuild));
  };
  return rename([items])[0]!;
}
