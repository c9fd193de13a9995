/** Coerces a request's variables. Unlike those of graphql-js, its messages name only the place of a fault and never hold the value. */
import {
  coerceInputValue,
  GraphQLID,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getVariableValues,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
} from "graphql";
import type { QueryVariables } from "../engine/read/query-value.js";
import { INEXACT_SCALAR, JSONScalar, ScalarError } from "../engine/types/scalars.js";
import { badUserInput, limitExceeded } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import { longNumbersOf } from "./long-numbers.js";
import { measuredOf } from "./measure.js";

type Holder = Record<string | number, unknown>;

const nullableType = (type: GraphQLInputType): GraphQLInputType => (isNonNullType(type) ? type.ofType : type);

/** @returns the type at a path below a type */
function typeAt(type: GraphQLInputType, path: readonly (string | number)[]): GraphQLInputType | undefined {
  return path.reduce<GraphQLInputType | undefined>((at, key) => {
    const inner = at && nullableType(at);
    if (isListType(inner)) return typeof key === "number" ? inner.ofType : typeAt(inner.ofType, [key]);
    return isInputObjectType(inner) ? inner.getFields()[key]?.type : undefined;
  }, type);
}

const REQUIRED = /^Field "(\w+)" of required type/;
const UNKNOWN = /^Field "(\w+)" is not defined/;
const ONE_OF = /^Exactly one key must be specified/;

const tooManyValues = (max: number) => limitExceeded("variables", `Send at most ${max} values in variables.`);

const [QUOTE, BACKSLASH, COMMA] = [34, 92, 44];

/**
 * Refuses too many values before they are parsed, because parsing a megabyte of keys takes thirty times as long as this. It counts commas,
 * of which there are fewer than values.
 * @param source the JSON text @throws LIMIT_EXCEEDED
 */
export function requireFewVariables(source: string, { variableValues }: RequestLimits): void {
  if (source.length <= variableValues) return;
  let commas = 0;
  for (let at = 0; at < source.length; at++) {
    const character = source.charCodeAt(at);
    if (character === COMMA && ++commas >= variableValues) throw tooManyValues(variableValues);
    if (character !== QUOTE) continue;
    // Skips to the end of the string: a quote without a backslash before it.
    for (at++; at < source.length && source.charCodeAt(at) !== QUOTE; at++) {
      if (source.charCodeAt(at) === BACKSLASH) at++;
    }
  }
}

/** Limits the number and the depth of values before anything recursive walks them. @throws LIMIT_EXCEEDED */
function requireBounded(given: unknown, { variableValues, variableDepth }: RequestLimits): void {
  let values = 0;
  let level: unknown[] = [given];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > variableDepth) {
      throw limitExceeded("variables", `Nest values in variables at most ${variableDepth} deep.`);
    }
    values += level.length;
    if (values > variableValues) throw tooManyValues(variableValues);
    const below: unknown[] = [];
    for (const value of level) {
      if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) below.push(inner);
    }
    level = below;
  }
}

/**
 * Gives ids that were sent as long numbers their digits back.
 * @throws BAD_USER_INPUT for a long number in JSON, which would not keep them
 */
function keepDigits(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
  given: Readonly<Record<string, unknown>>,
): void {
  for (const { path, digits } of longNumbersOf(given)) {
    const [name, ...below] = path;
    const definition = definitions.find(({ variable }) => variable.name.value === name);
    if (!definition) continue;
    const declared = typeFromAST(schema, definition.type) as GraphQLInputType;
    // All values within a JSON value belong to its scalar.
    const type = below.reduce<GraphQLInputType | undefined>(
      (at, key) => (isScalarType(getNamedType(at)) ? at : at && typeAt(at, [key])),
      declared,
    );
    // Scalars are compared by name, because the schema may hold copies of types.
    const scalar = type && getNamedType(type).name;
    if (scalar === JSONScalar.name) throw badUserInput((type === declared ? path : below).join("."), INEXACT_SCALAR);
    if (scalar !== GraphQLID.name) continue;
    const holder = path.slice(0, -1).reduce<unknown>((value, key) => (value as Holder)[key], given) as Holder;
    holder[path.at(-1) as string | number] = digits;
  }
}

/** @returns the coerced variables @throws BAD_USER_INPUT with the place of the first fault; LIMIT_EXCEEDED for filters with too much text */
function coerceVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
): QueryVariables {
  const definitions = operation.variableDefinitions ?? [];
  keepDigits(schema, definitions, given);
  const result = getVariableValues(schema, definitions, given, { maxErrors: 1 });
  if (result.coerced) {
    measuredOf(operation)?.requireFilters(result.coerced);
    return result.coerced;
  }
  for (const definition of definitions) {
    const name = definition.variable.name.value;
    const type = typeFromAST(schema, definition.type) as GraphQLInputType;
    if (given[name] === undefined || given[name] === null) {
      if (isNonNullType(type) && !definition.defaultValue) throw badUserInput(name, `Give the variable \`${name}\`.`);
      continue;
    }
    coerceInputValue(given[name], type, (path, _value, error) => {
      const { message } = error;
      const missing = REQUIRED.exec(message)?.[1];
      const unknown = UNKNOWN.exec(message)?.[1];
      const named = missing ?? unknown;
      const field = [...path, ...(named ? [named] : [])].join(".") || name;
      if (missing) throw badUserInput(field, "This field is required.");
      const typeName = typeAt(type, path) ?? type;
      if (unknown) throw badUserInput(field, `${getNamedType(typeName)} has no such field.`);
      if (ONE_OF.test(message)) throw badUserInput(field, `Give exactly one field of ${getNamedType(typeName)}.`);
      throw badUserInput(field, error instanceof ScalarError ? message : `Give a value of the type ${typeName}.`);
    });
  }
  throw badUserInput(definitions[0]?.variable.name.value ?? "variables", "A variable does not fit its type.");
}

/**
 * Coerces a request's variables and hands them to its context.
 * @throws BAD_USER_INPUT with the place of the first fault; LIMIT_EXCEEDED for too many values, or for filters with too much text
 */
export function takeOperationVariables(
  context: { variables: QueryVariables },
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
  limits: RequestLimits,
): void {
  requireBounded(given, limits);
  context.variables = coerceVariables(schema, operation, given);
}
