/** A filter argument -> a condition. Logic has two values: a condition on an absent value is false, and its negation true. */
import { and, or, type SQL, sql } from "drizzle-orm";
import { badUserInput, limitExceeded } from "../errors.js";
import type { Compilation } from "./compilation.js";
import type { FieldDeclaration, FieldKind, TypeDeclaration } from "./declaration.js";
import { bound, parameterType } from "./field.js";
import type { Reference } from "./reference.js";
import type { Source } from "./visibility.js";

/** What an operator takes: one value, a list of values, or true/false. */
type Operand = "value" | "list" | "flag";

interface Operator {
  readonly operand: Operand;
  readonly description: string;
  /** `operand` is already cast to the type of the column. */
  condition(column: SQL, operand: SQL): SQL;
}

/** `%`, `_` and the escape itself, taken literally. */
const literal = (text: SQL) => sql`replace(replace(replace(${text}, '\\', '\\\\'), '%', '\\%'), '_', '\\_')`;

export const OPERATORS = {
  eq: { operand: "value", description: "Equals.", condition: (c, v) => sql`${c} = ${v}` },
  ne: { operand: "value", description: "Does not equal.", condition: (c, v) => sql`${c} is distinct from ${v}` },
  in: { operand: "list", description: "Equals one of these.", condition: (c, v) => sql`${c} = any (${v})` },
  notIn: {
    operand: "list",
    description: "Equals none of these.",
    condition: (c, v) => sql`(${c} = any (${v})) is not true`,
  },
  gt: { operand: "value", description: "Is greater.", condition: (c, v) => sql`${c} > ${v}` },
  gte: { operand: "value", description: "Is greater or equal.", condition: (c, v) => sql`${c} >= ${v}` },
  lt: { operand: "value", description: "Is less.", condition: (c, v) => sql`${c} < ${v}` },
  lte: { operand: "value", description: "Is less or equal.", condition: (c, v) => sql`${c} <= ${v}` },
  contains: {
    operand: "value",
    description: "Contains this text, in any case; `%` and `_` mean themselves.",
    condition: (c, v) => sql`${c} ilike '%' || ${literal(v)} || '%'`,
  },
  startsWith: {
    operand: "value",
    description: "Starts with this text, in any case; `%` and `_` mean themselves.",
    condition: (c, v) => sql`${c} ilike ${literal(v)} || '%'`,
  },
  isNull: { operand: "flag", description: "Has no value.", condition: (c, v) => sql`(${c} is null) = ${v}` },
} as const satisfies Record<string, Operator>;

export type OperatorName = keyof typeof OPERATORS;

const EQUALITY = ["eq", "ne", "in", "notIn", "isNull"] as const;
const ORDERED = [...EQUALITY, "gt", "gte", "lt", "lte"] as const;

/** Which operators a field of each kind offers. */
export const OPERATORS_OF: Readonly<Record<FieldKind, readonly OperatorName[]>> = {
  id: EQUALITY,
  opaqueId: EQUALITY,
  boolean: ["eq", "ne", "isNull"],
  enum: EQUALITY,
  int: ORDERED,
  float: ORDERED,
  dateTime: ORDERED,
  string: [...ORDERED, "contains", "startsWith"],
  json: [],
  embedded: [],
  derived: [],
};

/** The fields by which a type can be filtered: its own, and `<relation>Id` for each relation to one. */
export function filterFields(type: TypeDeclaration): ReadonlyMap<string, FieldDeclaration> {
  const comparable = Object.entries(type.fields).filter(([, field]) => OPERATORS_OF[field.kind].length > 0);
  const fields = new Map([...comparable, ...Object.entries(type.filters ?? {})]);
  for (const [name, relation] of Object.entries(type.relations)) {
    if (relation.kind !== "one") continue;
    fields.set(`${name}Id`, {
      column: relation.column,
      kind: "id",
      description: `The id of the ${name}.`,
      read: relation.to().read,
    });
  }
  return fields;
}

/** Lists travel as one JSON parameter, so that their length does not change the statement. */
const listOf = (type: SQL, parameter: SQL) =>
  sql`array(select value::${type} from jsonb_array_elements_text(${parameter}::text::jsonb))`;

const MAX_LIST = 1000;

function operandOf(c: Compilation, field: FieldDeclaration, operand: Operand, given: Reference, path: string): SQL {
  const type = parameterType(field);
  // Only `get` outlives the compilation: the reference holds the values of the request that was compiled.
  const { get } = given;
  if (operand === "flag") return sql`${c.param((run) => get(run.variables), path)}::boolean`;
  if (operand === "value") {
    return sql`${c.param((run) => bound(field, get(run.variables), path), path)}::${type}`;
  }
  const list = c.param((run) => {
    const values = get(run.variables) as unknown[];
    if (values.length > MAX_LIST) throw limitExceeded("filter", `Give at most ${MAX_LIST} values to \`${path}\`.`);
    return JSON.stringify(values.map((value) => String(bound(field, value, path))));
  }, path);
  return listOf(type, list);
}

/**
 * @param path where the filter stands, for errors
 * @throws FORBIDDEN for a field that may not be read, LIMIT_EXCEEDED for too many conditions, BAD_USER_INPUT for null
 */
export function compileFilter(c: Compilation, source: Source, filter: Reference, path = "filter"): SQL | undefined {
  const fields = filterFields(source.type);
  let conditions = 0;

  /** Every condition counts, those that only combine others too. */
  const count = (depth: number): void => {
    const { maxConditions, maxFilterDepth } = c.limits;
    if (++conditions > maxConditions) {
      throw limitExceeded("filter", `A filter has at most ${maxConditions} conditions.`);
    }
    if (depth > maxFilterDepth) throw limitExceeded("filter", `Nest a filter at most ${maxFilterDepth} deep.`);
  };

  const present = (reference: Reference, at: string): Reference => {
    if (reference.value === null) throw badUserInput(at, `Leave \`${at}\` out, or use \`isNull\`.`);
    return reference;
  };

  const fieldCondition = (field: FieldDeclaration, given: Reference, at: string): SQL[] => {
    c.requireReadable(field);
    return given.entries().map(([name, operand]) => {
      count(0);
      const { operand: takes, condition } = OPERATORS[name as OperatorName] as Operator;
      const where = `${at}.${name}`;
      return condition(source.column(field.column), operandOf(c, field, takes, present(operand, where), where));
    });
  };

  const all = (given: Reference, at: string, depth = 0): SQL | undefined => {
    count(depth);
    return and(
      ...given.entries().flatMap(([name, entry]): (SQL | undefined)[] => {
        const where = `${at}.${name}`;
        const child = present(entry, where);
        if (name === "and") return child.items().map((item, index) => all(item, `${where}.${index}`, depth + 1));
        if (name === "or") {
          const alternatives = child
            .items()
            .map((item, index) => all(item, `${where}.${index}`, depth + 1) ?? sql`true`);
          return [or(...alternatives) ?? sql`false`];
        }
        if (name === "not") return [sql`(${all(child, where, depth + 1) ?? sql`true`}) is not true`];
        const field = fields.get(name);
        return field ? fieldCondition(field, child, where) : [];
      }),
    );
  };

  return all(filter, path);
}
