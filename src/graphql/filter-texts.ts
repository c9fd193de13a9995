/** How much text the filters of an operation hold, wherever they stand, as often as fields are given them. */
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
import type { Variables } from "../engine/read/query-value.js";
import { limitExceeded } from "../errors.js";

/** A filter, or an input that holds one, and how many fields are given it. */
interface Given {
  readonly type: GraphQLInputType;
  readonly times: number;
}
export type Filters = Map<ArgumentNode, Given>;

const FILTER = "filter";

const filterOf = (type: GraphQLInputType): GraphQLInputType | undefined => {
  const named = getNamedType(type);
  return isInputObjectType(named) ? named.getFields()[FILTER]?.type : undefined;
};

/** @returns whether an argument is a filter, or an input that holds one */
export const mayHoldFilter = ({ name }: ArgumentNode, type: GraphQLInputType): boolean =>
  name.value === FILTER || filterOf(type) !== undefined;

const hasVariable = (node: ValueNode): boolean =>
  node.kind === Kind.VARIABLE ||
  (node.kind === Kind.LIST && node.values.some(hasVariable)) ||
  (node.kind === Kind.OBJECT && node.fields.some(({ value }) => hasVariable(value)));

/** The bytes of the texts and the JSON in a filter. Ids, moments and enums have forms of their own. */
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

/** A value in a filter of a document that is written whole, or is a variable. */
interface Part {
  readonly node: ValueNode;
  readonly type: GraphQLInputType;
}

function partsOf(node: ValueNode, type: GraphQLInputType): Part[] {
  const named = getNullableType(type);
  if (node.kind === Kind.LIST && isListType(named)) return node.values.flatMap((item) => partsOf(item, named.ofType));
  if (node.kind === Kind.OBJECT && isInputObjectType(named)) {
    const fields = named.getFields();
    // Validation refuses what the type does not have.
    return node.fields.flatMap(({ name, value }) => partsOf(value, fields[name.value]?.type ?? GraphQLString));
  }
  return [{ node, type }];
}

/** @returns how many bytes of text an argument's filter holds, with the variables of a request */
function bytesOf({ name, value }: ArgumentNode, type: GraphQLInputType): (variables: Variables) => number {
  const within = name.value === FILTER ? undefined : filterOf(type);
  if (within && value.kind === Kind.VARIABLE) {
    return (variables) => bytesIn((variables[value.name.value] as Variables | null | undefined)?.[FILTER], within);
  }
  const held =
    value.kind === Kind.OBJECT ? value.fields.find((field) => field.name.value === FILTER)?.value : undefined;
  const parts = within ? (held ? partsOf(held, within) : []) : partsOf(value, type);
  const varying = parts.filter((part) => hasVariable(part.node));
  const written = parts.filter((part) => !hasVariable(part.node));
  const bytes = written.reduce((sum, part) => sum + bytesIn(valueFromAST(part.node, part.type), part.type), 0);
  return (variables) => varying.reduce((sum, part) => sum + bytesIn(givenIn(part, variables), part.type), bytes);
}

/** The values of variables are those of their types already. */
const givenIn = ({ node, type }: Part, variables: Variables): unknown =>
  node.kind === Kind.VARIABLE ? variables[node.name.value] : valueFromAST(node, type, variables);

/** @returns what refuses variables with which the filters of an operation hold too much text */
export function filterCheck(filters: Filters, most: number) {
  const all = [...filters].map(([argument, { type, times }]) => ({ bytes: bytesOf(argument, type), times }));
  return (variables: Variables): void => {
    const bytes = all.reduce((sum, filter) => sum + filter.times * filter.bytes(variables), 0);
    if (bytes <= most) return;
    throw limitExceeded("filter", `All filters together hold at most ${most} bytes of text. Ask for less at once.`);
  };
}
