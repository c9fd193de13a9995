/** The operators of filters: what each takes, what it means in SQL, and which kinds of fields offer it. */
import { type SQL, sql } from "drizzle-orm";
import type { FieldKind } from "./declaration.js";

export interface Operator {
  /** One value, a list of values, or true/false. */
  readonly operand: "value" | "list" | "flag";
  readonly description: string;
  /** `operand` is already cast to the type of the column. */
  condition(column: SQL, operand: SQL): SQL;
}

/** `%`, `_` and the escape itself, taken literally. */
const literal = (text: SQL) => sql`replace(replace(replace(${text}, '\\', '\\\\'), '%', '\\%'), '_', '\\_')`;

const EQUALITY = {
  eq: { operand: "value", description: "Equals.", condition: (c, v) => sql`${c} = ${v}` },
  ne: { operand: "value", description: "Does not equal.", condition: (c, v) => sql`${c} is distinct from ${v}` },
} as const satisfies Record<string, Operator>;

const LISTS = {
  in: { operand: "list", description: "Equals one of these.", condition: (c, v) => sql`${c} = any (${v})` },
  notIn: {
    operand: "list",
    description: "Equals none of these.",
    condition: (c, v) => sql`(${c} = any (${v})) is not true`,
  },
} as const satisfies Record<string, Operator>;

const ABSENCE = {
  isNull: { operand: "flag", description: "Has no value.", condition: (c, v) => sql`(${c} is null) = ${v}` },
} as const satisfies Record<string, Operator>;

const COMPARISON = {
  gt: { operand: "value", description: "Is greater.", condition: (c, v) => sql`${c} > ${v}` },
  gte: { operand: "value", description: "Is greater or equal.", condition: (c, v) => sql`${c} >= ${v}` },
  lt: { operand: "value", description: "Is less.", condition: (c, v) => sql`${c} < ${v}` },
  lte: { operand: "value", description: "Is less or equal.", condition: (c, v) => sql`${c} <= ${v}` },
} as const satisfies Record<string, Operator>;

/** Case as Unicode has it, whatever the locale of the database; in the C locale only ASCII would have any. */
const matches = (text: SQL, pattern: SQL) => sql`${text} collate "und-x-icu" ilike ${pattern}`;

const LITERALLY = "in any case; `%` and `_` mean themselves. No index serves it.";
const TEXT = {
  contains: {
    operand: "value",
    description: `Contains this text, ${LITERALLY}`,
    condition: (c, v) => matches(c, sql`'%' || ${literal(v)} || '%'`),
  },
  startsWith: {
    operand: "value",
    description: `Starts with this text, ${LITERALLY}`,
    condition: (c, v) => matches(c, sql`${literal(v)} || '%'`),
  },
  endsWith: {
    operand: "value",
    description: `Ends with this text, ${LITERALLY}`,
    condition: (c, v) => matches(c, sql`'%' || ${literal(v)}`),
  },
} as const satisfies Record<string, Operator>;

const CONTAINMENT = {
  contains: {
    operand: "value",
    description: "Holds all of this: the same keys with the same values, the same items in any order.",
    condition: (c, v) => sql`${c} @> ${v}`,
  },
} as const satisfies Record<string, Operator>;

const FINITE = { ...EQUALITY, ...LISTS, ...ABSENCE };
const ORDERED = { ...FINITE, ...COMPARISON };

/** The operators that a field of each kind offers, by name. */
export const OPERATORS_OF: Readonly<Record<FieldKind, Readonly<Record<string, Operator>>>> = {
  id: FINITE,
  opaqueId: FINITE,
  boolean: { ...EQUALITY, ...ABSENCE },
  enum: FINITE,
  int: ORDERED,
  float: ORDERED,
  dateTime: ORDERED,
  string: { ...ORDERED, ...TEXT },
  json: { ...CONTAINMENT, ...ABSENCE },
  embedded: {},
  derived: {},
};
