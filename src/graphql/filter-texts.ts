/** Limits the text in all filters of an operation. A filter counts once for each field that is given it. */
import {
  type ArgumentNode,
  type GraphQLInputType,
  GraphQLString,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  Kind,
  type ValueNode,
  valueFromAST,
} from "graphql";
import type { QueryVariables } from "../engine/read/query-value.js";
import { limitExceeded } from "../errors.js";

/** The type of an argument that is a filter or holds one, and the number of fields that are given it. */
interface FilterUse {
  readonly type: GraphQLInputType;
  readonly times: number;
}
export type FilterTexts = Map<ArgumentNode, FilterUse>;

const FILTER = "filter";

const filterOf = (type: GraphQLInputType): GraphQLInputType | undefined => {
  const named = getNamedType(type);
  return isInputObjectType(named) ? named.getFields()[FILTER]?.type : undefined;
};

/** @returns whether an argument is a filter, or an input that may hold one */
export const mayHoldFilterTexts = ({ name }: ArgumentNode, type: GraphQLInputType): boolean =>
  name.value === FILTER || filterOf(type) !== undefined;

const hasVariable = (node: ValueNode): boolean =>
  node.kind === Kind.VARIABLE ||
  (node.kind === Kind.LIST && node.values.some(hasVariable)) ||
  (node.kind === Kind.OBJECT && node.fields.some(({ value }) => hasVariable(value)));

/** Counts the bytes of the texts and the JSON in a filter. Ids, moments and enums are short anyway. */
function bytesIn(value: unknown, type: GraphQLInputType): number {
  if (value === null || value === undefined) return 0;
  const named = getNullableType(type);
  if (isListType(named)) {
    return [value].flat().reduce<number>((sum, item) => sum + bytesIn(item, named.ofType), 0);
  }
  if (isInputObjectType(named)) {
    const fields = named.getFields();
    let sum = 0;
    for (const name in value) sum += bytesIn((value as Record<string, unknown>)[name], fields[name]!.type);
    return sum;
  }
  if (named.name === "JSON") return Buffer.byteLength(JSON.stringify(value));
  return named.name === "String" ? Buffer.byteLength(String(value)) : 0;
}

/** A value in the filter of a document: a literal, or a variable. */
interface Part {
  readonly node: ValueNode;
  readonly type: GraphQLInputType;
}

function partsOf(node: ValueNode, type: GraphQLInputType): Part[] {
  const named = getNullableType(type);
  if (node.kind === Kind.LIST && isListType(named)) return node.values.flatMap((item) => partsOf(item, named.ofType));
  if (node.kind === Kind.OBJECT && isInputObjectType(named)) {
    const fields = named.getFields();
    // Validation refuses fields that the type does not have.
    return node.fields.flatMap(({ name, value }) => partsOf(value, fields[name.value]?.type ?? GraphQLString));
  }
  return [{ node, type }];
}

/** @returns a function that counts the bytes of text in an argument's filter, with the variables of a request */
function bytesOf({ name, value }: ArgumentNode, type: GraphQLInputType): (variables: QueryVariables) => number {
  const within = name.value === FILTER ? undefined : filterOf(type);
  if (within && value.kind === Kind.VARIABLE) {
    return (variables) => bytesIn((variables[value.name.value] as QueryVariables | null | undefined)?.[FILTER], within);
  }
  const filter =
    value.kind === Kind.OBJECT ? value.fields.find((field) => field.name.value === FILTER)?.value : undefined;
  const parts = within ? (filter ? partsOf(filter, within) : []) : partsOf(value, type);
  const varying = parts.filter((part) => hasVariable(part.node));
  const literals = parts.filter((part) => !hasVariable(part.node));
  const bytes = literals.reduce((sum, part) => sum + bytesIn(valueFromAST(part.node, part.type), part.type), 0);
  return (variables) => varying.reduce((sum, part) => sum + bytesIn(partValue(part, variables), part.type), bytes);
}

/** Variables are coerced already. */
const partValue = ({ node, type }: Part, variables: QueryVariables): unknown =>
  node.kind === Kind.VARIABLE ? variables[node.name.value] : valueFromAST(node, type, variables);

/** @returns a function that refuses variables with which the filters of an operation hold more than `max` bytes of text */
export function filterTextsCheck(filters: FilterTexts, max: number) {
  const uses = [...filters].map(([argument, { type, times }]) => ({ bytes: bytesOf(argument, type), times }));
  return (variables: QueryVariables): void => {
    const bytes = uses.reduce((sum, filter) => sum + filter.times * filter.bytes(variables), 0);
    if (bytes <= max) return;
    throw limitExceeded("filter", `All filters together hold at most ${max} bytes of text. Ask for less at once.`);
  };
}
