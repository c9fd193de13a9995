/** The fast way: a query whose root fields are all planned is answered with the text that PostgreSQL built. */
import { type ApolloServerPlugin, type GraphQLResponse, HeaderMap } from "@apollo/server";
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLFormattedError,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  Kind,
  type OperationDefinitionNode,
} from "graphql";
import { fromPostgres } from "../db/postgres-errors.js";
import type { Log } from "../log.js";
import type { Unit } from "../plan/compile.js";
import type { Planner } from "../plan/planner.js";
import type { Fragments } from "../plan/selection.js";
import type { RequestContext } from "./context.js";
import { fieldError } from "./format-error.js";
import type { RootMiddleware } from "./schema.js";

/** The JSON text of `data`. Everything that is not Apollo sees it only through `stringifyResult`. */
class DataText {
  constructor(readonly text: string) {}
}

/** @returns the body of an answer; text from PostgreSQL passes through untouched */
export function stringifyResult(result: { data?: unknown; errors?: unknown }): string {
  return result.data instanceof DataText ? `{"data":${result.data.text}}` : JSON.stringify(result);
}

const respond = (singleResult: { data: unknown; errors?: GraphQLFormattedError[] }) =>
  ({
    http: { status: undefined, headers: new HeaderMap() },
    body: { kind: "single", singleResult },
  }) as GraphQLResponse;

const PASSED = Symbol("passed");
const passed = () => PASSED;

const fragmentsOf = (definitions: readonly { kind: string }[]): Fragments =>
  Object.fromEntries(
    definitions
      .filter((node): node is FragmentDefinitionNode => node.kind === Kind.FRAGMENT_DEFINITION)
      .map((node) => [node.name.value, node]),
  );

interface FastWay {
  readonly schema: GraphQLSchema;
  readonly planner: Planner;
  /** The doors of the root query fields, as the ordinary way applies them. */
  readonly gates: RootMiddleware["Query"];
  readonly formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  readonly log: Log;
}

/** @returns the arguments, or undefined where a variable is null that may not be */
function argumentsOf(field: GraphQLField<unknown, unknown>, node: FieldNode, variables: Record<string, unknown>) {
  try {
    return getArgumentValues(field, node, variables);
  } catch {
    return undefined;
  }
}

export function answerPlannedOperations({
  schema,
  planner,
  gates,
  formatError,
  log,
}: FastWay): ApolloServerPlugin<RequestContext> {
  const queryType = schema.getQueryType();
  const fields = queryType?.getFields() as Record<string, GraphQLField<unknown, unknown>>;
  const fragmentsByOperation = new WeakMap<OperationDefinitionNode, Fragments>();

  /** Whether every root field passes its doors; a refusal is left to the ordinary way, which reports it. */
  async function mayPass(
    units: readonly Unit[],
    operation: OperationDefinitionNode,
    fragments: Fragments,
    context: RequestContext,
  ) {
    for (const { key, nodes } of units) {
      const node = nodes[0] as FieldNode;
      const field = fields[node.name.value];
      const gate = field && gates[field.name];
      if (!field || !gate || !queryType) return false;
      const args = argumentsOf(field, node, context.variables as Record<string, unknown>);
      if (!args) return false;
      const info: GraphQLResolveInfo = {
        fieldName: field.name,
        fieldNodes: nodes,
        returnType: field.type,
        parentType: queryType,
        path: { prev: undefined, key, typename: queryType.name },
        schema,
        fragments: fragments as Record<string, FragmentDefinitionNode>,
        rootValue: undefined,
        operation,
        variableValues: context.variables as Record<string, unknown>,
      };
      const answer = await gate(passed, undefined, args, context, info).catch((error) => error);
      if (answer !== PASSED) return false;
    }
    return true;
  }

  /** The same errors that the ordinary way answers when the statement of its reads fails. */
  function failed(units: readonly Unit[], thrown: unknown) {
    const error = fromPostgres(thrown);
    const errors = units.map(({ key }) => {
      const located = fieldError(error, [key]);
      return formatError(located.toJSON(), located);
    });
    return respond({ data: Object.fromEntries(units.map(({ key }) => [key, null])), errors });
  }

  const listener = {
    // A throw here would answer 500 without a code, and the ordinary way must not run what has run already.
    async responseForOperation(request: {
      operation: OperationDefinitionNode | undefined;
      document: { definitions: readonly { kind: string }[] };
      contextValue: RequestContext;
    }): Promise<GraphQLResponse | null> {
      const { operation, document, contextValue: context } = request;
      if (operation?.operation !== "query") return null;
      let fragments = fragmentsByOperation.get(operation);
      if (!fragments) {
        fragments = fragmentsOf(document.definitions);
        fragmentsByOperation.set(operation, fragments);
      }
      const units = planner.rootUnits(operation, fragments, context.variables);
      if (!units) return null;
      try {
        if (!(await mayPass(units, operation, fragments, context))) return null;
        const text = await planner.answer(operation, units, fragments, context.variables, context.access);
        if (text === undefined) return null;
        log.trace({ requestId: context.origin.requestId }, "answered by the plan alone");
        return respond({ data: new DataText(text) });
      } catch (error) {
        return failed(units, error);
      }
    },
  };
  return { requestDidStart: async () => listener as never };
}
