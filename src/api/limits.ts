/** What one document may ask for: selections, root fields, aliases, depth. Refused before any resolver runs. */
import type { ApolloServerPlugin, GraphQLRequestListener } from "@apollo/server";
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  validate,
} from "graphql";
import depthLimit from "graphql-depth-limit";
import type { Limits } from "../config.js";
import { type AppError, badUserInput, limitExceeded } from "../errors.js";
import type { RequestContext } from "./context.js";
import { rememberSearch } from "./long-numbers.js";
import { coerceVariables, requireBounded } from "./variables.js";

/** graphql-depth-limit walks every fragment as often as it is spread: 2^n times where each spreads the next one twice. */
const MAX_SELECTIONS = 5000;

interface Counts {
  readonly selections: number;
  readonly aliases: number;
  /** Fields at the top of the selection set. */
  readonly fields: number;
}

/** Counts with every fragment expanded wherever it is spread, looking at each only once. */
function countSelections(set: SelectionSetNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): Counts {
  const known = new Map<string, Counts>();
  const visit = ({ selections }: SelectionSetNode): Counts =>
    selections.reduce<Counts>(
      (sum, node) => {
        if (node.kind === Kind.FIELD) {
          const below = node.selectionSet ? visit(node.selectionSet) : { selections: 0, aliases: 0 };
          return {
            selections: sum.selections + 1 + below.selections,
            aliases: sum.aliases + (node.alias ? 1 : 0) + below.aliases,
            fields: sum.fields + 1,
          };
        }
        const inner = node.kind === Kind.INLINE_FRAGMENT ? visit(node.selectionSet) : ofFragment(node.name.value);
        return {
          selections: sum.selections + 1 + inner.selections,
          aliases: sum.aliases + inner.aliases,
          fields: sum.fields + inner.fields,
        };
      },
      { selections: 0, aliases: 0, fields: 0 },
    );
  const ofFragment = (name: string): Counts => {
    const counts = known.get(name) ?? visit(fragments.get(name)?.selectionSet as SelectionSetNode);
    known.set(name, counts);
    return counts;
  };
  return visit(set);
}

/** @returns why a validated document asks for too much, or null */
function faultOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  limits: Limits,
): AppError | null {
  const fragments = new Map(
    document.definitions
      .filter((node) => node.kind === Kind.FRAGMENT_DEFINITION)
      .map((node) => [node.name.value, node]),
  );
  const { selections, aliases, fields } = countSelections(operation.selectionSet, fragments);
  if (fields > limits.rootFields) {
    return limitExceeded("rootFields", `Ask for at most ${limits.rootFields} root fields at once.`);
  }
  if (aliases > limits.aliases) return limitExceeded("aliases", `Use at most ${limits.aliases} aliases.`);
  if (selections > MAX_SELECTIONS) {
    return limitExceeded("selections", `Its fragments expand to more than ${MAX_SELECTIONS} selections. Ask for less.`);
  }
  // Of this operation alone, and without its name: the library looks at all operations, by names in a plain object.
  const alone: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [{ ...operation, name: undefined }, ...fragments.values()],
  };
  if (validate(schema, alone, [depthLimit(limits.depth)]).length > 0) {
    return limitExceeded("depth", `Nest fields at most ${limits.depth} deep.`);
  }
  return null;
}

/** Refuses what exceeds the limits, then coerces the variables for whatever comes after. */
export function enforceLimits(limits: Limits): ApolloServerPlugin<RequestContext> {
  // Apollo keeps parsed documents, so that a repeated one is measured once.
  const measured = new WeakMap<OperationDefinitionNode, AppError | null>();
  const listener: GraphQLRequestListener<RequestContext> = {
    async didResolveOperation({ schema, document, operation, request, contextValue }) {
      if (!operation) return;
      if (operation.operation === "subscription") throw badUserInput("query", "Send a query or a mutation.");
      let fault = measured.get(operation);
      if (fault === undefined) {
        fault = faultOf(schema, document, operation, limits);
        measured.set(operation, fault);
      }
      if (fault) throw fault;
      requireBounded(request.variables, limits);
      if (request.http?.method === "GET") rememberSearch(request.variables, request.http.search);
      contextValue.variables = coerceVariables(schema, operation, request.variables ?? {});
    },
  };
  return { requestDidStart: async () => listener };
}
