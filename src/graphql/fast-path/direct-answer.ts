/** Builds what queries and changes share on the fast path: answers of PostgreSQL's text, arguments of resolvers, and errors of fields. */
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
import type { Fragments } from "../../engine/read/selection.js";
import { asAppError } from "../../errors.js";
import type { RequestContext } from "../context.js";
import type { Middleware } from "../doors.js";
import { formatFieldError } from "../format-error.js";

/** The JSON text of `data`. Only `stringifyAnswer` looks into it. */
export class DirectAnswerText {
  constructor(readonly text: string) {}
}

/** An answer of the fast path. */
export interface DirectAnswer {
  readonly data: DirectAnswerText | Readonly<Record<string, null>>;
  readonly errors?: readonly GraphQLFormattedError[];
}

/** @returns the body of an answer; PostgreSQL's text stays as it is */
export function stringifyDirectAnswer({ data, errors, ...rest }: { data?: unknown; errors?: unknown }): string {
  // Errors come first, as in Apollo's answers.
  if (!(data instanceof DirectAnswerText)) return JSON.stringify({ errors, data, ...rest });
  return `{${errors ? `"errors":${JSON.stringify(errors)},` : ""}"data":${data.text}}`;
}

/** An operation under way on the fast path. */
export interface DirectAnswerRun {
  readonly operation: OperationDefinitionNode;
  readonly fragments: Fragments;
  readonly context: RequestContext;
}

export type FormatDirectAnswerError = (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;

/** The arguments with which doors and resolvers of a root field are called. */
interface RootField {
  readonly args: Record<string, unknown>;
  readonly info: GraphQLResolveInfo;
}

/** @returns undefined where a variable is null that may not be; the ordinary path reports that */
export function answeredRootField(
  schema: GraphQLSchema,
  parentType: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  key: string,
  nodes: readonly FieldNode[],
  { operation, fragments, context }: DirectAnswerRun,
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

const PASSED = Symbol("passed");
const passed = () => PASSED;

/** @returns whether a root field passes its doors; the ordinary path meets a refusal again and reports it */
export async function mayAnswerPass(
  door: Middleware,
  { args, info }: RootField,
  context: RequestContext,
): Promise<boolean> {
  return (await door(passed, undefined, args, context, info).catch(() => undefined)) === PASSED;
}

/** The place of an error: the path of the field, and the nodes that ask for it. */
export interface DirectAnswerPath {
  readonly path: readonly [string, ...string[]];
  readonly nodes: readonly FieldNode[];
}

/** A field that failed, and why. */
export interface DirectAnswerFault extends DirectAnswerPath {
  readonly error: unknown;
}

/** @returns the errors as the ordinary path answers them */
export const directAnswerErrors = (
  faults: readonly DirectAnswerFault[],
  formatError: FormatDirectAnswerError,
): GraphQLFormattedError[] =>
  faults.map(({ path, nodes, error }) => {
    const located = formatFieldError(asAppError(error), path, nodes);
    return formatError(located.toJSON(), located);
  });

/** Makes the answer of the ordinary path where every root field fails. */
export const failedAnswer = (
  faults: readonly DirectAnswerFault[],
  formatError: FormatDirectAnswerError,
): DirectAnswer => ({
  data: Object.fromEntries(faults.map(({ path }) => [path[0], null])),
  errors: directAnswerErrors(faults, formatError),
});
