/** The operators of filters: the operand and the SQL of each, and the kinds of fields that offer it. */
import { type SQL, sql } from "drizzle-orm";
import type { FieldKind } from "../declaration.js";

export interface Operator {
  /** The operand is one value, a list of values, or a boolean. */
  readonly operand: "value" | "list" | "flag";
  readonly description: string;
  /** Whether the operand is a part of a text, which must be shorter than a whole one: see `LIMITS`. */
  readonly isPart?: true;
  /** Whether the operator compares in any case where the field is unique in any case. */
  readonly isEquality?: true;
  /** `operand` is already cast to the type of the column. */
  condition(column: SQL, operand: SQL): SQL;
}

const EQUALITY = {
  eq: { operand: "value", isEquality: true, description: "Equals.", condition: (c, v) => sql`${c} = ${v}` },
  ne: {
    operand: "value",
    isEquality: true,
    description: "Does not equal.",
    condition: (c, v) => sql`${c} is distinct from ${v}`,
  },
} as const satisfies Record<string, Operator>;

const LISTS = {
  in: {
    operand: "list",
    isEquality: true,
    description: "Equals one of these.",
    condition: (c, v) => sql`${c} = any (${v})`,
  },
  notIn: {
    operand: "list",
    isEquality: true,
    description: "Equals none of these.",
    condition: (c, v) => sql`(${c} = any (${v})) is not true`,
  },
} as const satisfies Record<string, Operator>;

const ABSENCE = {
  isNull: {
    operand: "flag",
    description: "Has no value where this is `true`, has one where it is `false`.",
    condition: (c, v) => sql`(${c} is null) = ${v}`,
  },
} as const satisfies Record<string, Operator>;

const COMPARISON = {
  gt: { operand: "value", description: "Is greater.", condition: (c, v) => sql`${c} > ${v}` },
  gte: { operand: "value", description: "Is greater or equal.", condition: (c, v) => sql`${c} >= ${v}` },
  lt: { operand: "value", description: "Is less.", condition: (c, v) => sql`${c} < ${v}` },
  lte: { operand: "value", description: "Is less or equal.", condition: (c, v) => sql`${c} <= ${v}` },
} as const satisfies Record<string, Operator>;

/**
 * Folds a text, so that texts which differ only in case or in the composition of accents become equal. The result is in capitals,
 * because a small letter may depend on its neighbours (Σ becomes σ or ς), a capital never does, and ß becomes SS. It is composed, so that
 * an accent belongs to its letter: "e" is no part of "é". Most texts are ASCII, for which a sixth of the work is enough.
 */
const folded = (text: SQL) =>
  sql`case when octet_length(${text}) = char_length(${text}) then upper(${text} collate "C") collate "C" else normalize(upper(lower(normalize(${text}, NFD) collate "und-x-icu")), NFC) collate "C" end`;

/** Escapes what `like` would not take literally. */
const escaped = (text: SQL) => sql`replace(replace(replace(${text}, '\\', '\\\\'), '%', '\\%'), '_', '\\_')`;

/** The pattern stands in a subquery, so that PostgreSQL builds it once for the statement and not for each row. */
const matches = (text: SQL, part: SQL, pattern: (part: SQL) => SQL) =>
  sql`(${folded(text)}) like (select ${pattern(escaped(sql`part`))} from (select ${folded(sql`given`)} as part from (select ${part} as given) g) p)`;

const LITERALLY =
  "in any case and however its accents are composed; `e` does not find `é`, `%` and `_` mean themselves. At most 1,000 characters. No index serves it.";
const TEXT = {
  contains: {
    operand: "value",
    isPart: true,
    description: `Contains this text, ${LITERALLY}`,
    condition: (c, v) => matches(c, v, (part) => sql`'%' || ${part} || '%'`),
  },
  startsWith: {
    operand: "value",
    isPart: true,
    description: `Starts with this text, ${LITERALLY}`,
    condition: (c, v) => matches(c, v, (part) => sql`${part} || '%'`),
  },
  endsWith: {
    operand: "value",
    isPart: true,
    description: `Ends with this text, ${LITERALLY}`,
    condition: (c, v) => matches(c, v, (part) => sql`'%' || ${part}`),
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
