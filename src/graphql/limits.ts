/** Refuses requests that ask for too much: documents before their validation, operations and variables before any resolver runs. */
import type { ApolloServerPlugin } from "@apollo/server";
import { type DocumentNode, getOperationAST, type OperationDefinitionNode, parse } from "graphql";
import { badUserInput, limitExceeded } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import type { RequestContext } from "./context.js";
import { LiveContext } from "./live/live-context.js";
import { rememberLongNumbers } from "./long-numbers.js";
import { measure, measuredOf } from "./measure.js";
import { takeOperationVariables } from "./variables.js";

/** The document that goes on in place of a refused one. */
const NOTHING = "{ __typename }";

/** @throws BAD_USER_INPUT for a subscription over HTTP, and for anything else over a WebSocket */
function requireOwnWay({ operation }: OperationDefinitionNode, context: RequestContext): void {
  const isSubscription = operation === "subscription";
  if (isSubscription === context instanceof LiveContext) return;
  throw badUserInput(
    "query",
    isSubscription
      ? "Subscribe over a WebSocket at this address, in the protocol graphql-transport-ws. Send a query or a mutation here."
      : "Send queries and mutations by HTTP: over a WebSocket there are subscriptions only.",
  );
}

/**
 * Enforces the limits, and coerces the variables for what comes after. Apollo answers 500 where something throws before an operation is
 * resolved. So a tiny document takes the place of a refused one, and the fault is thrown after the operation is resolved.
 */
export function enforceLimits(limits: RequestLimits): ApolloServerPlugin<RequestContext> {
  // The faults belong to the documents that replaced refused ones, which Apollo may keep.
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
          requireOwnWay(operation, contextValue);
          if (request.http?.method === "GET") rememberLongNumbers(request.variables, request.http.search);
          takeOperationVariables(contextValue, schema, operation, request.variables ?? {}, limits);
        },
      };
    },
  };
}
