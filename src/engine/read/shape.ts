/** Tells the shape of an operation's variables, on which its SQL may depend: structure, enums that order and group, and booleans. */
import {
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
} from "graphql";
import {
  groupFieldEnumName,
  NULLS_ORDER_ENUM,
  ORDER_DIRECTION_ENUM,
  orderFieldEnumName,
  TIME_BUCKET_ENUM,
} from "./enum-names.js";
import { type QueryVariables, queryVariableOf } from "./query-value.js";

const ORDERING_ENUMS: readonly string[] = [ORDER_DIRECTION_ENUM, NULLS_ORDER_ENUM, TIME_BUCKET_ENUM];

/** Whether the values of an enum decide the SQL. */
const decidesSql = (typeName: string) =>
  ORDERING_ENUMS.includes(typeName) ||
  [orderFieldEnumName(""), groupFieldEnumName("")].some((suffix) => typeName.endsWith(suffix));

function shapeOf(value: unknown, type: GraphQLInputType): string {
  if (value === undefined) return "-";
  if (value === null) return "0";
  if (isNonNullType(type)) return shapeOf(value, type.ofType);
  if (isListType(type)) {
    const item = isNonNullType(type.ofType) ? type.ofType.ofType : type.ofType;
    const structural = isInputObjectType(item) || (isEnumType(item) && decidesSql(item.name));
    return structural && Array.isArray(value) ? `[${value.map((entry) => shapeOf(entry, item)).join(",")}]` : "[]";
  }
  if (isInputObjectType(type)) {
    const record = value as Record<string, unknown>;
    const parts = Object.values(type.getFields()).flatMap((field) =>
      record[field.name] === undefined ? [] : [`${field.name}:${shapeOf(record[field.name], field.type)}`],
    );
    return `{${parts.join(",")}}`;
  }
  if (typeof value === "boolean" || (isEnumType(type) && decidesSql(type.name))) return String(value);
  return "1";
}

/**
 * @returns a function from coerced variables to a key, such that equal keys compile to equal SQL. It remembers the key, because a request
 * asks for it more than once.
 */
export function shapeReader(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
): (variables: QueryVariables) => string {
  const readers = (operation.variableDefinitions ?? []).map((definition) => {
    const name = definition.variable.name.value;
    const type = typeFromAST(schema, definition.type) as GraphQLInputType;
    return (variables: QueryVariables) => shapeOf(queryVariableOf(variables, name), type);
  });
  const keys = new WeakMap<QueryVariables, string>();
  return (variables) => {
    let key = keys.get(variables);
    if (key === undefined) {
      key = "";
      for (const read of readers) key += `${read(variables)};`;
      keys.set(variables, key);
    }
    return key;
  };
}
