/** What both fast ways share: answers made of PostgreSQL's text, what resolvers are told of a field, and errors of fields. */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLFormattedError,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  type OperationDefinitionNode,
} from "graphql";
import { fromPostgres } from "../db/postgres-errors.js";
import type { Fragments } from "../plan/selection.js";
import type { RequestContext } from "./context.js";
import { fieldError } from "./format-error.js";

/** The JSON text of `data`. Everything that is not Apollo sees it only through `stringifyResult`. */
export class DataText {
  constructor(readonly text: string) {}
}

/** What a fast way answers. */
export interface DirectAnswer {
  readonly data: DataText | Readonly<Record<string, null>>;
  readonly errors?: readonly GraphQLFormattedError[];
}

/** @returns the body of an answer; text from PostgreSQL passes through untouched */
export function stringifyResult({ data, errors, ...rest }: { data?: unknown; errors?: unknown }): string {
  // Errors first, as Apollo orders them.
  return data instanceof DataText ? `{"data":${data.text}}` : JSON.stringify({ errors, data, ...rest });
}

/** An operation on its way, as the fast ways see it. */
export interface Running {
  readonly operation: OperationDefinitionNode;
  readonly fragments: Fragments;
  readonly context: RequestContext;
}

export type FormatError = (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;

/** A root field as resolvers and doors are given it. */
export interface RootField {
  readonly args: Record<string, unknown>;
  readonly info: GraphQLResolveInfo;
}

/** @returns undefined where a variable is null that may not be, which the ordinary way reports */
export function rootField(
  schema: GraphQLSchema,
  parentType: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  key: string,
  nodes: readonly FieldNode[],
  { operation, fragments, context }: Running,
): RootField | undefined {
  const variableValues = context.variables as Record<string, unknown>;
  let args: Record<string, unknown>;
  try {
    args = getArgumentValues(field, nodes[0] as FieldNode, variableValues);
  } catch {
    return undefined;
  }
  const info: GraphQLResolveInfo = {
    fieldName: field.name,
    fieldNodes: nodes,
    returnType: field.type,
    parentType,
    path: { prev: undefined, key, typename: parentType.name },
    schema,
    fragments: fragments as Record<string, FragmentDefinitionNode>,
    rootValue: undefined,
    operation,
    variableValues,
  };
  return { args, info };
}

/** Where an error belongs: the path of the field, and the nodes that ask for it. */
export interface Place {
  readonly path: readonly [string, ...string[]];
  readonly nodes: readonly FieldNode[];
}

/** The errors that the ordinary way answers where these fields fail for one reason, and null for their root fields. */
export function failed(places: readonly Place[], thrown: unknown, formatError: FormatError): DirectAnswer {
  const error = fromPostgres(thrown);
  const errors = places.map(({ path, nodes }) => {
    const located = fieldError(error, path, nodes);
    return formatError(located.toJSON(), located);
  });
  return { data: Object.fromEntries(places.map(({ path }) => [path[0], null])), errors };
}
