/** Refuses what asks for too much: documents before they are validated, operations and variables before any resolver runs. */
import type { ApolloServerPlugin } from "@apollo/server";
import { type DocumentNode, getOperationAST, parse } from "graphql";
import { badUserInput, limitExceeded } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import type { RequestContext } from "./context.js";
import { rememberSearch } from "./long-numbers.js";
import { measure, measuredOf } from "./measure.js";
import { takeVariables } from "./variables.js";

/** Goes on in place of what is refused. */
const NOTHING = "{ __typename }";

/**
 * Refuses what exceeds the limits, then coerces the variables for whatever comes after. Apollo answers 500 to what throws before an
 * operation is resolved; so nothing takes the place of what is refused until then, and costs the parser and validation nothing.
 */
export function enforceLimits(limits: RequestLimits): ApolloServerPlugin<RequestContext> {
  // Apollo may keep what took a document's place.
  const faults = new WeakMap<DocumentNode, unknown>();
  return {
    async requestDidStart({ request }) {
      let fault: unknown;
      if (Buffer.byteLength(request.query ?? "") > limits.documentBytes) {
        fault = limitExceeded("document", `Send a document of at most ${limits.documentBytes} bytes.`);
        request.query = NOTHING;
      }
      return {
        async validationDidStart(validating) {
          const { schema, document } = validating;
          if (fault) return;
          try {
            measure(schema, document, getOperationAST(document, request.operationName), limits);
          } catch (error) {
            const nothing = parse(NOTHING);
            faults.set(nothing, error);
            (validating as { document: DocumentNode }).document = nothing;
          }
        },

        async didResolveOperation({ schema, document, operation, contextValue }) {
          fault ??= faults.get(document) ?? (operation && measuredOf(operation)?.fault());
          if (fault) throw fault;
          if (!operation) return;
          if (operation.operation === "subscription") throw badUserInput("query", "Send a query or a mutation.");
          if (request.http?.method === "GET") rememberSearch(request.variables, request.http.search);
          takeVariables(contextValue, schema, operation, request.variables ?? {}, limits);
        },
      };
    },
  };
}
