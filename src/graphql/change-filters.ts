/** A filter of a change says all that it means: what drops out of it, such as a variable without a value, would let more rows change. */
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLResolveInfo,
  getNamedType,
  isInputObjectType,
  Kind,
  type ValueNode,
} from "graphql";
import { type Variables, variableOf } from "../engine/read/query-value.js";
import { badUserInput } from "../errors.js";

/** Filters, and what stands in them. */
const isFilter = (type: GraphQLInputType): type is GraphQLInputObjectType =>
  isInputObjectType(getNamedType(type)) && getNamedType(type).name.endsWith("Filter");

/** @throws BAD_USER_INPUT for a variable that the document names in the filter and the request has not */
function requireVariables(node: ValueNode, variables: Variables, at: string): void {
  if (node.kind === Kind.VARIABLE) {
    const name = node.name.value;
    if (variableOf(variables, name) !== undefined) return;
    throw badUserInput(at, `Give the variable \`$${name}\`: without it more rows would match. Nothing has changed.`);
  }
  if (node.kind === Kind.LIST) {
    for (const [index, item] of node.values.entries()) requireVariables(item, variables, `${at}.${index}`);
  } else if (node.kind === Kind.OBJECT) {
    for (const { name, value } of node.fields) requireVariables(value, variables, `${at}.${name.value}`);
  }
}

const isEmpty = (given: unknown) => (Array.isArray(given) || typeof given === "string") && given.length === 0;
/** Operands with which a condition holds for every row that has a value. */
const MEANS_EVERY_ROW: Readonly<Record<string, (given: unknown) => boolean>> = {
  notIn: isEmpty,
  contains: isEmpty,
  startsWith: isEmpty,
  endsWith: isEmpty,
};

/** @throws BAD_USER_INPUT for conditions that are none */
function requireConditions(value: unknown, type: GraphQLInputType, at: string): void {
  if (Array.isArray(value)) {
    if (value.length === 0) throw badUserInput(at, "Give at least one condition here, or leave it out.");
    for (const [index, item] of value.entries()) requireConditions(item, type, `${at}.${index}`);
    return;
  }
  const entries = Object.entries((value ?? {}) as object).filter(([, given]) => given !== undefined);
  // What is null is refused where the filter is read.
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
  for (const [name, given] of entries) {
    const below = fields[name]?.type;
    if (below && isFilter(below)) requireConditions(given, below, `${at}.${name}`);
    else if (MEANS_EVERY_ROW[name]?.(given)) {
      throw badUserInput(`${at}.${name}`, "Every row matches this. Give a value, or leave it out.");
    }
  }
}

/**
 * @param args of a mutation
 * @throws BAD_USER_INPUT where a filter in its input says less than it was meant to
 */
export function requireSaid(
  { fieldNodes, parentType, fieldName, variableValues }: GraphQLResolveInfo,
  args: Readonly<Record<string, unknown>>,
): void {
  for (const { name: argument, type } of parentType.getFields()[fieldName]?.args ?? []) {
    const input = getNamedType(type);
    if (!isInputObjectType(input)) continue;
    for (const { name, type } of Object.values(input.getFields())) {
      if (!isFilter(type)) continue;
      const value = (args[argument] as Record<string, unknown> | null | undefined)?.[name];
      const node = fieldNodes[0]?.arguments?.find((given) => given.name.value === argument)?.value;
      const written =
        node?.kind === Kind.OBJECT ? node.fields.find((field) => field.name.value === name)?.value : undefined;
      if (written) requireVariables(written, variableValues, name);
      requireBelow(Object.entries(value ?? {}), getNamedType(type) as GraphQLInputObjectType, name);
    }
  }
}
