/** The naive evaluation of a filter, in a logic of two values: a condition on an absent value does not hold, its negation does. */
import type { ManyRelation, TypeDeclaration } from "../../../src/engine/declaration.js";
import { compare, JSON_NULL, type Kind, type Row, type World } from "./world.js";

type Condition = Readonly<Record<string, unknown>>;

/** Composed or not, in any case; "e" is no part of "é". */
const folded = (text: unknown) => String(text).normalize("NFD").toLowerCase().toUpperCase().normalize("NFC");

/** The fields whose values are the same in any case, and what compares them so. Written out, so that a wrong declaration shows. */
const IN_ANY_CASE: ReadonlySet<string> = new Set(["Organization.domain", "User.email"]);
const EQUALITY: ReadonlySet<string> = new Set(["eq", "ne", "in", "notIn"]);
const lower = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(lower) : typeof value === "string" ? value.toLowerCase() : value;

const isObject = (value: unknown): value is Condition =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Containment of jsonb; a list at the top also contains its scalars. */
function contains(whole: unknown, part: unknown, top = true): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(whole) && part.every((item) => whole.some((each) => contains(each, item, false)));
  }
  if (isObject(part)) {
    return (
      isObject(whole) &&
      Object.entries(part).every(([key, value]) => Object.hasOwn(whole, key) && contains(whole[key], value, false))
    );
  }
  return whole === part || (top && Array.isArray(whole) && whole.includes(part));
}

const listOf = (value: unknown): unknown[] => [value].flat();

/** By operator: whether it holds of a value that is present. */
const PRESENT: Readonly<Record<string, (kind: Kind, value: unknown, operand: unknown) => boolean>> = {
  eq: (kind, value, operand) => compare(kind, value, operand) === 0,
  in: (kind, value, operand) => listOf(operand).some((item) => compare(kind, value, item) === 0),
  gt: (kind, value, operand) => compare(kind, value, operand) > 0,
  gte: (kind, value, operand) => compare(kind, value, operand) >= 0,
  lt: (kind, value, operand) => compare(kind, value, operand) < 0,
  lte: (kind, value, operand) => compare(kind, value, operand) <= 0,
  contains: ({ name }, value, operand) =>
    name === "jsonb" ? contains(value === JSON_NULL ? null : value, operand) : folded(value).includes(folded(operand)),
  startsWith: (_, value, operand) => folded(value).startsWith(folded(operand)),
  endsWith: (_, value, operand) => folded(value).endsWith(folded(operand)),
};

function compares(operator: string, operand: unknown, value: unknown, kind: Kind): boolean {
  if (operator === "isNull") return (value === null) === operand;
  if (operator === "ne") return !compares("eq", operand, value, kind);
  if (operator === "notIn") return !compares("in", operand, value, kind);
  const present = PRESENT[operator];
  if (!present) throw new Error(`The naive evaluation does not know the operator ${operator}`);
  return value !== null && present(kind, value, operand);
}

/** @returns the column that a filter's field means: its own, or `<relation>Id` of a relation to one */
export function columnOf(type: TypeDeclaration, name: string): string | undefined {
  const field = type.fields[name] ?? type.filters?.[name];
  if (field) return field.column.name;
  const relation = type.relations[name.replace(/Id$/, "")];
  return name.endsWith("Id") && relation?.kind === "one" ? relation.column.name : undefined;
}

function quantified(world: World, relation: ManyRelation, row: Row, condition: Condition): boolean {
  const related = world.many(relation, row);
  return Object.entries(condition).every(([quantifier, filter]) => {
    const matches = (each: Row) => holds(world, relation.to(), each, filter as Condition);
    switch (quantifier) {
      case "some":
        return related.some(matches);
      case "every":
        return related.every(matches);
      case "none":
        return !related.some(matches);
      default:
        throw new Error(`The naive evaluation does not know ${quantifier}`);
    }
  });
}

/** @param filter as GraphQL coerces it @returns whether all its conditions hold of the row */
export function holds(world: World, type: TypeDeclaration, row: Row, filter: Condition): boolean {
  return Object.entries(filter).every(([name, condition]): boolean => {
    const each = (item: unknown) => holds(world, type, row, item as Condition);
    if (name === "and") return listOf(condition).every(each);
    if (name === "or") return listOf(condition).some(each);
    if (name === "not") return !each(condition);
    const relation = type.relations[name];
    if (relation?.kind === "one") {
      const target = world.one(relation, row);
      return target !== undefined && holds(world, relation.to(), target, condition as Condition);
    }
    if (relation) return quantified(world, relation, row, condition as Condition);
    const column = columnOf(type, name);
    if (column === undefined) throw new Error(`The naive evaluation does not know the condition ${type.name}.${name}`);
    const kind = world.kind(type, column);
    return Object.entries(condition as Condition).every(([operator, operand]) => {
      const cased =
        IN_ANY_CASE.has(`${type.name}.${name}`) && EQUALITY.has(operator) ? lower : (value: unknown) => value;
      return compares(operator, cased(operand), cased(row[column]), kind);
    });
  });
}
