/** Refuses incomplete filters in changes: a condition that drops out, such as one with a missing variable, would change more rows. */
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLResolveInfo,
  getNamedType,
  isInputObjectType,
  Kind,
  type ValueNode,
} from "graphql";
import { type QueryVariables, queryVariableOf } from "../engine/read/query-value.js";
import { badUserInput } from "../errors.js";

/** Whether a type is a filter, or an operand type within one. */
const isFilter = (type: GraphQLInputType): type is GraphQLInputObjectType =>
  isInputObjectType(getNamedType(type)) && getNamedType(type).name.endsWith("Filter");

/** @throws BAD_USER_INPUT for a variable that the filter names and the request does not give */
function requireVariables(node: ValueNode, variables: QueryVariables, at: string): void {
  if (node.kind === Kind.VARIABLE) {
    const name = node.name.value;
    if (queryVariableOf(variables, name) !== undefined) return;
    throw badUserInput(at, `Give the variable \`$${name}\`: without it more rows would match. Nothing has changed.`);
  }
  if (node.kind === Kind.LIST) {
    for (const [index, item] of node.values.entries()) requireVariables(item, variables, `${at}.${index}`);
  } else if (node.kind === Kind.OBJECT) {
    for (const { name, value } of node.fields) requireVariables(value, variables, `${at}.${name.value}`);
  }
}

const isEmpty = (operand: unknown) => (Array.isArray(operand) || typeof operand === "string") && operand.length === 0;
/** Tells for an operator whether its condition holds with this operand for every row that has a value. */
const MATCHES_EVERY_ROW: Readonly<Record<string, (operand: unknown) => boolean>> = {
  notIn: isEmpty,
  contains: isEmpty,
  startsWith: isEmpty,
  endsWith: isEmpty,
};

/** @throws BAD_USER_INPUT for empty lists and empty objects, which are no conditions, and for conditions that always hold */
function requireConditions(value: unknown, type: GraphQLInputType, at: string): void {
  if (Array.isArray(value)) {
    if (value.length === 0) throw badUserInput(at, "Give at least one condition here, or leave it out.");
    for (const [index, item] of value.entries()) requireConditions(item, type, `${at}.${index}`);
    return;
  }
  const entries = Object.entries((value ?? {}) as object).filter(([, condition]) => condition !== undefined);
  // The compilation of the filter refuses null.
  if (entries.length === 0 && value !== null) {
    throw badUserInput(
      at,
      "Give a condition here, or leave it out. All rows are meant by a filter that is `{}` as a whole.",
    );
  }
  requireBelow(entries, getNamedType(type) as GraphQLInputObjectType, at);
}

function requireBelow(entries: [string, unknown][], type: GraphQLInputObjectType, at: string): void {
  const fields = type.getFields();
  for (const [name, value] of entries) {
    const below = fields[name]?.type;
    if (below && isFilter(below)) requireConditions(value, below, `${at}.${name}`);
    else if (MATCHES_EVERY_ROW[name]?.(value)) {
      throw badUserInput(`${at}.${name}`, "Every row matches this. Give a value, or leave it out.");
    }
  }
}

/**
 * Checks the filters in the input of a mutation.
 * @param args the arguments of the mutation
 * @throws BAD_USER_INPUT where a filter says less than its author meant
 */
export function requireCompleteFilters(
  { fieldNodes, parentType, fieldName, variableValues }: GraphQLResolveInfo,
  args: Readonly<Record<string, unknown>>,
): void {
  for (const { name: argument, type } of parentType.getFields()[fieldName]?.args ?? []) {
    const input = getNamedType(type);
    if (!isInputObjectType(input)) continue;
    for (const { name, type } of Object.values(input.getFields())) {
      if (!isFilter(type)) continue;
      const value = (args[argument] as Record<string, unknown> | null | undefined)?.[name];
      const node = fieldNodes[0]?.arguments?.find((candidate) => candidate.name.value === argument)?.value;
      const literal =
        node?.kind === Kind.OBJECT ? node.fields.find((field) => field.name.value === name)?.value : undefined;
      if (literal) requireVariables(literal, variableValues, name);
      requireBelow(Object.entries(value ?? {}), getNamedType(type) as GraphQLInputObjectType, name);
    }
  }
}
