/** Operations that came before: Apollo has parsed, validated and measured them, so what the plan answers alone goes past it. */
import { type ApolloServerPlugin, type GraphQLResponse, HeaderMap } from "@apollo/server";
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from "graphql";
import { LRUCache } from "lru-cache";
import type { Limits } from "../config.js";
import { AppError } from "../errors.js";
import type { Log } from "../log.js";
import type { RequestContext } from "./context.js";
import type { DirectAnswer } from "./direct-answer.js";
import type { AnswerDirectly } from "./planned-operations.js";
import { coerceVariables, requireBounded } from "./variables.js";

/** The texts of documents that are kept, in characters; the documents themselves take about twenty times as much. */
const MAX_CHARACTERS = 1_048_576;

/** Who takes JSON needs no negotiation. */
const TAKES_JSON: ReadonlySet<string | undefined> = new Set([undefined, "*/*", "application/json"]);

export const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

interface Deps {
  readonly schema: GraphQLSchema;
  readonly limits: Limits;
  readonly answerDirectly: AnswerDirectly;
  readonly log: Log;
}

interface Known {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

/** The limits look at one operation of a document. A document that begins with a name and a NUL is none. */
const keyOf = (query: string, operationName: string | null | undefined) =>
  operationName == null ? query : `${operationName}\0${query}`;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What a request asks for, where it is of the usual form; Apollo tells what is wrong with any other. */
function asked(body: unknown) {
  if (!isRecord(body)) return undefined;
  const { query, operationName = null, variables = null, extensions = null } = body;
  const isUsual =
    typeof query === "string" &&
    (operationName === null || typeof operationName === "string") &&
    (variables === null || isRecord(variables)) &&
    (extensions === null || (isRecord(extensions) && !("persistedQuery" in extensions)));
  return isUsual ? { query, operationName, variables: variables ?? {} } : undefined;
}

export function createKnownDocuments({ schema, limits, answerDirectly, log }: Deps) {
  const operations = new LRUCache<string, Known>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_known, key) => key.length,
  });

  /** Comes after the limits: what reaches it is good. */
  const plugin: ApolloServerPlugin<RequestContext> = {
    async requestDidStart() {
      return {
        // A throw here would answer 500 without a code, and the ordinary way must not run what has run already.
        async responseForOperation({ document, operation, source, contextValue, request }) {
          if (!operation) return null;
          operations.set(keyOf(source, request.operationName), { document, operation });
          const singleResult = await answerDirectly(document, operation, contextValue);
          if (!singleResult) return null;
          // Apollo negotiates where no type is set.
          const takesJson = TAKES_JSON.has(request.http?.headers.get("accept"));
          const http = { status: undefined, headers: new HeaderMap(takesJson ? Object.entries(JSON_TYPE) : []) };
          return { http, body: { kind: "single", singleResult } } as GraphQLResponse;
        },
      };
    },
  };

  return {
    plugin,
    /**
     * @param body of a POST request, parsed as JSON @param accept the header of that name
     * @returns the answer; null where Apollo must, before anything has run
     */
    async answer(body: unknown, accept: string | undefined, context: RequestContext): Promise<DirectAnswer | null> {
      const request = asked(body);
      const known = request && TAKES_JSON.has(accept) && operations.get(keyOf(request.query, request.operationName));
      if (!known) return null;
      const { document, operation } = known;
      try {
        requireBounded(request.variables, limits);
        context.variables = coerceVariables(schema, operation, request.variables);
      } catch (error) {
        // Apollo meets the same fault and reports it.
        if (error instanceof AppError) return null;
        throw error;
      }
      const answer = await answerDirectly(document, operation, context);
      if (answer) log.trace({ requestId: context.origin.requestId }, "went past Apollo");
      return answer;
    },
  };
}
