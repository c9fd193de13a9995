/** Generators of arguments: filters, orders and pages, as the declarations offer them, with values that rows really have. */
import fc, { type Arbitrary } from "fast-check";
import type { FieldDeclaration, TypeDeclaration } from "../../../src/engine/declaration.js";
import { AGGREGATE_TIME_BUCKETS, aggregateGroupFields } from "../../../src/engine/read/aggregate.js";
import { filterFields } from "../../../src/engine/read/filter.js";
import { OPERATORS_OF } from "../../../src/engine/read/operators.js";
import { orderFields } from "../../../src/engine/read/order.js";
import { TEXTS } from "../../specimens/values.js";
import { CursorOf, type Input, type InputObject, Json, steady, type Value, Word } from "./query.js";
import { JSON_NULL, micros, type World } from "./world.js";

/** A value for a place of a query, given in one of the ways in which a place can be filled. */
export function input(value: Arbitrary<Value>, { optional = false } = {}): Arbitrary<Input> {
  const maybe = optional ? fc.option(value, { nil: undefined, freq: 5 }) : value;
  const varying = (as: "variable" | "default", first: Arbitrary<Value | undefined>, second: typeof first) =>
    fc.tuple(first, second).map(([value, again]): Input => ({ as, value, again }));
  return fc.oneof(
    { weight: 5, arbitrary: value.map((held): Input => ({ as: "literal", value: held, again: held })) },
    { weight: 4, arbitrary: varying("variable", value, maybe) },
    { weight: 1, arbitrary: varying("variable", maybe, value) },
    { weight: 1, arbitrary: varying("default", value, fc.option(value, { nil: undefined })) },
  );
}

/** An object of at most so many entries, each under a name of its own. */
const objectOf = (entries: Arbitrary<[string, Input]>, minLength: number, maxLength: number): Arbitrary<InputObject> =>
  fc
    .uniqueArray(entries, { minLength, maxLength, selector: ([name]) => name, size: "max" })
    .map((list) => Object.fromEntries(list));

const named = (name: string, value: Arbitrary<Input>): Arbitrary<[string, Input]> =>
  value.map((held) => [name, held] as [string, Input]);

/** The same moment, written in another zone or without the zeros at its end. */
function rewritten(moment: string, hours: number): string {
  const whole = Number(micros(moment) / 1_000_000n);
  const shifted = new Date((whole + hours * 3600) * 1000).toISOString().slice(0, 19);
  const fraction = (/\.\d+/.exec(moment)?.[0] ?? "").replace(/\.?0+$/, "");
  const zone = `${hours < 0 ? "-" : "+"}${String(Math.abs(hours)).padStart(2, "0")}:00`;
  return `${shifted}${fraction}${hours === 0 ? "Z" : zone}`;
}

const wordOf = (words: readonly string[]): Arbitrary<Value> => fc.constantFrom(...words).map((text) => new Word(text));

/** A list, or now and then its only item without the brackets, which GraphQL takes for the list. */
const listOrOne = (list: Arbitrary<Value>, one: Arbitrary<Value>): Arbitrary<Value> =>
  fc.oneof({ weight: 6, arbitrary: list }, { weight: 1, arbitrary: one });

const WHOLE = { min: -(2 ** 31), max: 2 ** 31 - 1 };

/** Whether all who read a type read this field of it. Fields that ask for more are looked at where they are declared. */
export const isForEveryReader = (type: TypeDeclaration, name: string): boolean => type.fields[name]?.read === undefined;

/** Generators of what the lists of each type take. */
export class Inputs {
  readonly #filters = new Map<string, Arbitrary<InputObject>>();

  constructor(
    private readonly world: World,
    /** What the actor may read, and so filter and order by. */
    private readonly readable: ReadonlySet<TypeDeclaration>,
  ) {}

  /** Values that rows have in a column, and some that none has. */
  #values(type: TypeDeclaration, { kind, column, enumeration }: FieldDeclaration): Arbitrary<Value> {
    const found = this.world.rows(type).map((row) => row[column.name]);
    const present = [...new Set(found)].filter((value) => value !== null && typeof value !== "symbol").slice(0, 60);
    const among = <T extends Value>(...more: T[]) => fc.constantFrom(...(present as T[]), ...more);
    switch (kind) {
      case "id":
        return among("0", "987654321", "9223372036854775807");
      case "boolean":
        return fc.boolean();
      case "enum":
        return fc.constantFrom(...Object.keys(enumeration as object)).map((word) => new Word(word));
      case "int":
        return fc.oneof(
          among(0),
          among(1).map((n) => Math.min(WHOLE.max, n + 1)),
          fc.constantFrom(WHOLE.min, WHOLE.max),
        );
      case "float":
        return fc.oneof(
          among(0),
          among(1).map((n) => n / 2),
          fc.constantFrom(-1e300, 0.1, 5e-324),
        );
      case "dateTime":
        return fc.oneof(
          among("2026-03-01T10:00:00.000001Z"),
          fc.tuple(among("2026-03-01T10:00:00Z"), fc.integer({ min: -12, max: 14 })).map(([m, h]) => rewritten(m, h)),
        );
      default:
        return fc.oneof(
          among(...TEXTS),
          fc.constantFrom(...TEXTS),
          among(...TEXTS).map((text) => String(text).toUpperCase()),
        );
    }
  }

  /** Parts of texts that rows have, in either case, composed or not. */
  #parts(type: TypeDeclaration, field: FieldDeclaration): Arbitrary<Value> {
    return fc
      .tuple(this.#values(type, field), fc.nat(12), fc.nat(4), fc.constantFrom("as is", "upper", "lower", "NFC", "NFD"))
      .map(([value, from, length, how]) => {
        const characters = [...String(value)];
        const text = characters
          .slice(from % (characters.length || 1))
          .slice(0, length)
          .join("");
        if (how === "NFC" || how === "NFD") return text.normalize(how);
        return how === "upper" ? text.toUpperCase() : how === "lower" ? text.toLowerCase() : text;
      });
  }

  /** JSON values that rows have, and what stands in them, alone or under its key, as far as the field takes it. */
  #partsOfJson(type: TypeDeclaration, { column, contained }: FieldDeclaration): Arbitrary<Value> {
    const within = (value: unknown): unknown[] => {
      if (typeof value !== "object" || value === null) return [value];
      const entries = Object.entries(value);
      if (Array.isArray(value)) return [value, ...value.map((item) => [item]), ...value.flatMap(within)];
      return [
        value,
        ...entries.map(([key, item]) => ({ [key]: item })),
        ...entries.flatMap(([, item]) => within(item)),
      ];
    };
    const found = this.world.rows(type).flatMap((row) => within(row[column.name]));
    // JSON's null alone is refused, as a condition that is left out.
    const distinct = new Map(
      found.flatMap((each) => (each === null || each === JSON_NULL ? [] : [[JSON.stringify(each), each]])),
    );
    const taken = [...distinct.values(), {}, [], "nowhere"].filter(
      (value) => contained === undefined || contained.safeParse(value).success,
    );
    return fc.constantFrom(...taken).map((value) => new Json(value));
  }

  #condition(type: TypeDeclaration, name: string, field: FieldDeclaration): Arbitrary<[string, Input]> {
    const values = this.#values(type, field);
    const lists = listOrOne(fc.array(input(values), { maxLength: 4, size: "max" }), values);
    const one = (operator: string): Arbitrary<Value> => {
      if (field.kind === "json") return this.#partsOfJson(type, field);
      return /contains|startsWith|endsWith/.test(operator) ? this.#parts(type, field) : values;
    };
    const operators = Object.entries(OPERATORS_OF[field.kind]).map(([operator, { operand }]) =>
      named(operator, input({ value: one(operator), list: lists, flag: fc.boolean() }[operand], { optional: true })),
    );
    return named(name, input(objectOf(fc.oneof(...operators), 1, 2), { optional: true }));
  }

  /** @param depth how deep `and`, `or`, `not` and relations may nest */
  filter(type: TypeDeclaration, depth: number): Arbitrary<InputObject> {
    const key = `${type.name} ${depth}`;
    const known = this.#filters.get(key);
    if (known) return known;
    const conditions = [...filterFields(type)]
      .filter(([name]) => this.#mayFilter(type, name))
      // Absent values are where the two logics differ.
      .map(([name, field]) => ({
        weight: field.column.notNull ? 2 : 5,
        arbitrary: this.#condition(type, name, field),
      }));
    const deeper = () => {
      const inner = input(this.filter(type, depth - 1));
      const list = fc.array(inner, { maxLength: 3, size: "max" });
      const weight = Math.ceil(conditions.length / 3);
      return [
        { weight, arbitrary: named("and", input(list, { optional: true })) },
        { weight, arbitrary: named("or", input(list, { optional: true })) },
        { weight, arbitrary: named("not", input(this.filter(type, depth - 1), { optional: true })) },
        ...Object.entries(type.relations)
          .filter(([, relation]) => this.readable.has(relation.to()))
          .map(([name, relation]) => {
            const filter = this.filter(relation.to(), depth - 1);
            if (relation.kind === "one") return { weight, arbitrary: named(name, input(filter, { optional: true })) };
            const quantifiers = fc.constantFrom("some", "every", "none");
            const quantified = fc.tuple(quantifiers, input(filter, { optional: true })) as Arbitrary<[string, Input]>;
            return {
              weight: 4 * weight,
              arbitrary: named(name, input(objectOf(quantified, 0, 2), { optional: true })),
            };
          }),
      ];
    };
    const filter = objectOf(fc.oneof(...conditions, ...(depth > 0 ? deeper() : [])), 0, 2);
    this.#filters.set(key, filter);
    return filter;
  }

  /** Filters by `<relation>Id` are for those who read the target. */
  #mayFilter(type: TypeDeclaration, name: string): boolean {
    const relation = type.relations[name.replace(/Id$/, "")];
    if (type.fields[name]) return isForEveryReader(type, name);
    return relation === undefined || this.readable.has(relation.to());
  }

  orderBy(type: TypeDeclaration): Arbitrary<Value> {
    const fields = [...orderFields(type)]
      .filter(([, { relation }]) => relation === undefined || this.readable.has(relation.to()))
      .filter(([, { field }]) => field.read === undefined)
      .map(([word]) => word);
    const perhaps = (words: Arbitrary<Value>) =>
      fc.option(input(words, { optional: true }), { nil: undefined, freq: 2 });
    const term = fc
      .tuple(
        input(wordOf(fields)),
        perhaps(wordOf(["ASC", "DESC"])),
        perhaps(fc.oneof(wordOf(["FIRST", "LAST"]), wordOf(["FIRST", "LAST"]), fc.constant(null))),
      )
      .map(
        ([field, direction, nulls]): InputObject => ({
          field,
          ...(direction && { direction }),
          ...(nulls && { nulls }),
        }),
      );
    return listOrOne(fc.array(input(term), { maxLength: 3, size: "max" }), term);
  }

  /** The arguments of groups. @param sizes how many */
  groups(type: TypeDeclaration, sizes: readonly number[]): Arbitrary<InputObject> {
    const terms = [...aggregateGroupFields(type)]
      .filter(([, [name]]) => this.#mayFilter(type, name))
      .map(([word, [, { kind }]]): Arbitrary<InputObject> => {
        // The same in both runs: a field must not be named twice in either.
        const field = input(fc.constant(new Word(word)));
        const bucket = input(fc.oneof(wordOf(AGGREGATE_TIME_BUCKETS), fc.constant(null)), { optional: true });
        const maybe = kind === "dateTime" ? fc.option(bucket, { nil: undefined, freq: 5 }) : fc.constant(undefined);
        return fc.tuple(field, maybe).map(([each, of]) => ({ field: each, ...(of && { bucket: of }) }));
      });
    const term = fc.oneof(...terms);
    const selector = ({ field }: InputObject) => (field!.value as Word).text;
    const list = fc
      .uniqueArray(term, { minLength: 1, maxLength: 3, selector, size: "max" })
      .map((each) => each.map((value): Input => ({ as: "literal", value, again: value })));
    const optional = <T extends Value>(values: Arbitrary<T>) =>
      fc.option(input(values, { optional: true }), { nil: undefined });
    return fc
      .tuple(input(listOrOne(list, term)), optional(fc.constantFrom<Value>(...sizes, null)), optional(fc.boolean()))
      .map(([by, first, largestFirst]) => ({ by, ...(first && { first }), ...(largestFirst && { largestFirst }) }));
  }

  /** The arguments of a list. @param sizes of pages; those that give none get the default */
  list(type: TypeDeclaration, sizes: readonly number[], filterDepth: number): Arbitrary<InputObject> {
    const size = input(fc.constantFrom<Value>(...sizes, null), { optional: true });
    const cursor = input(
      fc.nat(this.world.rows(type).length - 1).map((row) => new CursorOf(row)),
      { optional: true },
    );
    const pages: [weight: number, page: Record<string, Arbitrary<Input>>][] = [
      [5, { first: size }],
      [3, { last: size }],
      [2, {}],
      [1, { first: size, after: cursor }],
      [1, { last: size, before: cursor }],
      [1, { first: size, after: cursor, before: cursor }],
      [1, { last: size, after: cursor, before: cursor }],
      [1, { before: cursor }],
      [1, { after: cursor }],
    ];
    const page = fc.oneof(
      ...pages.map(([weight, each]) => ({ weight, arbitrary: fc.record(each) as Arbitrary<InputObject> })),
    );
    return fc
      .tuple(
        page,
        fc.option(input(this.filter(type, filterDepth), { optional: true }), { nil: undefined }),
        fc.option(input(this.orderBy(type), { optional: true }), { nil: undefined }),
      )
      .map(([paging, filter, orderBy]) => {
        // A cursor belongs to one order.
        const held = orderBy && (paging.after || paging.before) ? steady(orderBy) : orderBy;
        return { ...paging, ...(filter && { filter }), ...(held && { orderBy: held }) };
      });
  }

  /** The id of a row, or of none. */
  id(type: TypeDeclaration): Arbitrary<Input> {
    return input(this.#values(type, type.fields.id));
  }
}
