/** Compiles a filter to an SQL condition. Logic has two values: a condition on an absent value is false, and its negation is true. */
import { and, or, type SQL, sql } from "drizzle-orm";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { FieldDeclaration, ManyRelation, OneRelation, TypeDeclaration } from "../declaration.js";
import type { Compilation, CompilationLimits } from "./compilation.js";
import { boundFieldValue, fieldParameterType, isFieldTextLonger, maxFieldLengthOf } from "./field.js";
import { OPERATORS_OF, type Operator } from "./operators.js";
import type { QueryValue } from "./query-value.js";
import { type VisibilitySource, visibleFieldValue } from "./visibility.js";

/** The fields by which a type can be filtered: its own, and `<relation>Id` for each relation to one. */
export function filterFields(type: TypeDeclaration): ReadonlyMap<string, FieldDeclaration> {
  const comparable = Object.entries(type.fields).filter(([, { kind }]) => Object.keys(OPERATORS_OF[kind]).length > 0);
  const fields = new Map([...comparable, ...Object.entries(type.filters ?? {})]);
  for (const [name, relation] of Object.entries(type.relations)) {
    // A type may also declare a field over the column itself.
    if (relation.kind !== "one" || fields.has(`${name}Id`)) continue;
    fields.set(`${name}Id`, {
      column: relation.column,
      kind: "id",
      description: `The id of the ${name}.`,
      read: relation.to().read,
    });
  }
  return fields;
}

/** @returns the function that both the column and the operand go through before they are compared */
const caseOf = ({ inAnyCase }: FieldDeclaration, { isEquality }: Operator) =>
  inAnyCase && isEquality ? (value: SQL) => sql`lower(${value})` : (value: SQL) => value;

/** Lists travel as one JSON parameter, so that their length does not change the statement. */
const listOf = (item: SQL, parameter: SQL) =>
  sql`array(select ${item} from jsonb_array_elements_text(${parameter}::text::jsonb))`;

const MAX_LIST = 1000;

/** @returns the function that binds a value of the field, and refuses texts that are too long. Other kinds have short forms anyway. */
function binder(field: FieldDeclaration, isPart: boolean, path: string, limits: CompilationLimits) {
  const { kind, column } = field;
  const isText = kind === "string" || kind === "opaqueId" || kind === "json";
  const max = isPart ? limits.partCharacters : (maxFieldLengthOf(column) ?? limits.valueCharacters);
  return (value: unknown): unknown => {
    const parameter = boundFieldValue(field, value, path);
    if (isText && isFieldTextLonger(String(parameter), max)) {
      throw limitExceeded("text", `Give at most ${max} characters to \`${path}\`.`);
    }
    return parameter;
  };
}

function operandOf(c: Compilation, field: FieldDeclaration, operator: Operator, value: QueryValue, path: string): SQL {
  const { operand, isPart = false } = operator;
  const type = fieldParameterType(field);
  const bind = binder(field, isPart, path, c.limits);
  const folds = caseOf(field, operator);
  // The plan may keep only `get`: the query value itself refers to the variables of the request.
  const { get } = value;
  if (operand === "flag") return sql`${c.param((run) => get(run.variables), path)}::boolean`;
  if (operand === "value") {
    const parameter = c.param((run) => get(run.variables), path, bind);
    return folds(sql`${parameter}::${type}`);
  }
  const list = c.param(
    (run) => {
      const values = get(run.variables) as unknown[];
      if (values.length > MAX_LIST) throw limitExceeded("filter", `Give at most ${MAX_LIST} values to \`${path}\`.`);
      return values;
    },
    path,
    (values) => JSON.stringify((values as unknown[]).map((value) => String(bind(value)))),
  );
  return listOf(folds(sql`value::${type}`), list);
}

/** How many of the related rows must match. */
type Quantifier = "some" | "every" | "none";

/**
 * @param path where the filter stands, for errors
 * @throws FORBIDDEN for a field that the actor may not read, LIMIT_EXCEEDED for too many conditions, BAD_USER_INPUT for null
 */
export function compileFilter(
  c: Compilation,
  source: VisibilitySource,
  filter: QueryValue,
  path = "filter",
): SQL | undefined {
  let conditions = 0;

  /** Counts every condition, also those that only combine others. */
  const count = (depth: number): void => {
    const { maxConditions, maxFilterDepth } = c.limits;
    if (++conditions > maxConditions) {
      throw limitExceeded("filter", `A filter has at most ${maxConditions} conditions.`);
    }
    if (depth > maxFilterDepth) throw limitExceeded("filter", `Nest a filter at most ${maxFilterDepth} deep.`);
  };

  const requirePresent = (queryValue: QueryValue, at: string): QueryValue => {
    if (queryValue.value === null) throw badUserInput(at, `Leave \`${at}\` out, or use \`isNull\`.`);
    return queryValue;
  };

  const onField = (on: VisibilitySource, field: FieldDeclaration, operators: QueryValue, at: string): SQL[] => {
    c.requireReadable(field.read);
    return operators.entries().map(([name, operand]) => {
      count(0);
      const operator = OPERATORS_OF[field.kind][name] as Operator;
      const where = `${at}.${name}`;
      const column = caseOf(field, operator)(visibleFieldValue(on, field));
      return operator.condition(column, operandOf(c, field, operator, requirePresent(operand, where), where));
    });
  };

  /** Tells whether the row has related rows that the actor sees and for which the condition holds. */
  const existsRelated = (to: VisibilitySource, joined: SQL, condition: SQL | undefined) =>
    sql`exists (select 1 from ${to.from} where ${and(joined, c.visible(to), condition)})`;

  const onOne = (on: VisibilitySource, relation: OneRelation, filter: QueryValue, at: string, depth: number): SQL => {
    const to = c.source(relation.to());
    const joined = sql`${to.column(to.type.fields.id.column)} = ${on.column(relation.column)}`;
    return existsRelated(to, joined, compileAll(to, filter, at, depth));
  };

  const onMany = (
    on: VisibilitySource,
    relation: ManyRelation,
    quantifiers: QueryValue,
    at: string,
    depth: number,
  ): SQL[] => {
    count(depth);
    return quantifiers.entries().map(([name, filter]) => {
      const where = `${at}.${name}`;
      const to = c.source(relation.to());
      const joined = or(...c.leadsBack(relation, to, on)) as SQL;
      const condition = compileAll(to, requirePresent(filter, where), where, depth + 1);
      const conditions: Record<Quantifier, () => SQL> = {
        some: () => existsRelated(to, joined, condition),
        every: () => sql`not ${existsRelated(to, joined, sql`(${condition ?? sql`true`}) is not true`)}`,
        none: () => sql`not ${existsRelated(to, joined, condition)}`,
      };
      return conditions[name as Quantifier]();
    });
  };

  const compileAll = (on: VisibilitySource, filter: QueryValue, at: string, depth: number): SQL | undefined => {
    count(depth);
    const fields = filterFields(on.type);
    const below = (nested: QueryValue, where: string) => compileAll(on, nested, where, depth + 1) ?? sql`true`;
    return and(
      ...filter.entries().flatMap(([name, entry]): (SQL | undefined)[] => {
        const where = `${at}.${name}`;
        const child = requirePresent(entry, where);
        const items = () => child.items().map((item, index) => below(item, `${where}.${index}`));
        if (name === "and") return items();
        if (name === "or") return [or(...items()) ?? sql`false`];
        if (name === "not") return [sql`(${below(child, where)}) is not true`];
        const field = fields.get(name);
        if (field) return onField(on, field, child, where);
        const relation = on.type.relations[name] as OneRelation | ManyRelation;
        c.requireReadable(relation.to().read);
        return relation.kind === "one"
          ? [onOne(on, relation, child, where, depth + 1)]
          : onMany(on, relation, child, where, depth + 1);
      }),
    );
  };

  return compileAll(source, filter, path, 0);
}
