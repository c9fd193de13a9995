/** The context in which a subscription is opened: Apollo checks its document and leaves here what is to run. */
import type { ApolloServerPlugin, GraphQLResponse } from "@apollo/server";
import { HeaderMap } from "@apollo/server";
import type { DocumentNode, GraphQLResolveInfo, OperationDefinitionNode } from "graphql";
import type { CallOrigin } from "../../audit/call.js";
import type { Actor } from "../../auth/actor.js";
import type { QueryVariables } from "../../engine/read/query-value.js";
import type { LiveRows, LiveRowsContext } from "../../engine/types/live-fields.js";
import { type ContextDeps, RequestContext } from "../context.js";

/** What has passed the checks of documents. */
export interface LiveDocument {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The coerced variables. */
  readonly variables: QueryVariables;
}

export class LiveContext extends RequestContext implements LiveRowsContext {
  /** What Apollo has checked. Its copies of this context share it. */
  readonly checked: { live?: LiveDocument } = {};

  /** @param following follows rows, once the doors are passed */
  constructor(
    actor: Actor,
    origin: CallOrigin,
    deps: ContextDeps,
    private readonly following: LiveRowsContext["follow"],
  ) {
    super(actor, origin, deps);
  }

  follow(rows: LiveRows, info: GraphQLResolveInfo): Promise<AsyncIterable<unknown>> {
    return this.following(rows, info);
  }
}

/** Takes subscriptions from Apollo once they are checked. An answer without data is not kept as one of a known document. */
export const liveDocumentPlugin: ApolloServerPlugin<RequestContext> = {
  async requestDidStart() {
    return {
      async responseForOperation({ document, operation, contextValue }) {
        // Apollo itself says what is wrong with the name of an operation.
        if (!(contextValue instanceof LiveContext) || !operation) return null;
        contextValue.checked.live = { document, operation, variables: contextValue.variables };
        return {
          http: { status: undefined, headers: new HeaderMap() },
          body: { kind: "single", singleResult: { data: null } },
        } as GraphQLResponse;
      },
    };
  },
};
