/** How much text the filters of an operation hold, wherever they stand, as often as fields are given them. */
import {
  type ArgumentNode,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  Kind,
  type ValueNode,
  valueFromAST,
} from "graphql";
import { limitExceeded } from "../errors.js";
import type { Variables } from "../plan/reference.js";

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
    return Object.entries(value).reduce((sum, [name, item]) => sum + bytesIn(item, fields[name]!.type), 0);
  }
  if (named.name === "JSON") return Buffer.byteLength(JSON.stringify(value));
  return named.name === "String" ? Buffer.byteLength(String(value)) : 0;
}

/** @returns what refuses variables with which the filters of an operation hold too much text */
export function filterCheck(filters: Filters, most: number) {
  const bytesOf = (argument: ArgumentNode, { type, times }: Given, variables: Variables): number => {
    const value = valueFromAST(argument.value, type, variables) as Record<string, unknown> | null | undefined;
    const within = filterOf(type);
    const bytes = argument.name.value === FILTER || !within ? bytesIn(value, type) : bytesIn(value?.[FILTER], within);
    return times * bytes;
  };
  const [varying, constant] = [
    [...filters].filter(([{ value }]) => hasVariable(value)),
    [...filters].filter(([{ value }]) => !hasVariable(value)),
  ];
  let written: number | undefined;
  return (variables: Variables): void => {
    // Not before validation, which says what is no value of its type.
    written ??= constant.reduce((sum, [argument, given]) => sum + bytesOf(argument, given, {}), 0);
    const bytes = varying.reduce((sum, [argument, given]) => sum + bytesOf(argument, given, variables), written);
    if (bytes <= most) return;
    throw limitExceeded("filter", `All filters together hold at most ${most} bytes of text. Ask for less at once.`);
  };
}
