/** Documents that came before and passed the doors: kept parsed, so that what the plan or a kept answer can answer goes past Apollo. */
import type { EventLoopUtilization } from "node:perf_hooks";
import { type ApolloServerPlugin, type GraphQLRequestContext, type GraphQLResponse, HeaderMap } from "@apollo/server";
import { type DocumentNode, type GraphQLSchema, type OperationDefinitionNode, visit } from "graphql";
import { type Cache, textWeight } from "../../cache.js";
import { AppError, rateLimited } from "../../errors.js";
import type { KeptBody } from "../../http/compression.js";
import type { RequestLimits } from "../../limits.js";
import type { Log } from "../../log.js";
import type { RequestContext } from "../context.js";
import { answerTypeOf, type GraphqlRequest } from "../graphql-request.js";
import type { createIntrospection } from "../introspection.js";
import { REFUSALS } from "../recording.js";
import { takeVariables } from "../variables.js";
import { DataText, type DirectAnswer, type FormatError } from "./direct-answer.js";
import type { AnswerDirectly } from "./planned-operations.js";

interface Deps {
  readonly schema: GraphQLSchema;
  readonly limits: RequestLimits;
  readonly cache: Cache;
  readonly introspection: ReturnType<typeof createIntrospection>;
  readonly answerDirectly: AnswerDirectly;
  readonly formatError: FormatError;
  readonly log: Log;
}

export interface KnownDocument {
  readonly text: string;
  /** SHA-256 of the text. */
  readonly hash: string;
  readonly document: DocumentNode;
  /** Those that have passed, by the name that asked for them: the limits look at one operation of a document. */
  readonly operations: Map<string | null, OperationDefinitionNode>;
}

/** Of a node with its place in the text, in bytes: measured, and a test measures again. */
const NODE_WEIGHT = 256;
/** Of what is derived of a document: its fragments, the shapes of its variables, what the limits said. */
const DERIVED_WEIGHT = 2048;

/**
 * Lets go of the tokens, comments among them: they take a third of a document, and errors tell places without them.
 * @returns what the document and its text weigh, in bytes
 */
export function trimDocument(document: DocumentNode, text: string): number {
  let nodes = 0;
  visit(document, {
    enter({ loc }) {
      nodes++;
      if (loc) Object.assign(loc, { startToken: undefined, endToken: undefined });
    },
  });
  return textWeight(text) + NODE_WEIGHT * nodes + DERIVED_WEIGHT;
}

const BEFORE_DATA = '{"data":';

type Result = { readonly data?: unknown; readonly errors?: DirectAnswer["errors"] };

/** @returns whether a root field has passed its doors */
function hasPassed({ data, errors }: Result): boolean {
  if (!data || data instanceof DataText) return data !== undefined && data !== null;
  const refused = new Set<unknown>();
  for (const { path, extensions } of errors ?? []) {
    if (path?.length === 1 && REFUSALS.has(extensions?.code as never)) refused.add(path[0]);
  }
  return Object.keys(data).some((key) => !refused.has(key));
}

const answerKey = (hash: string, operationName: string | null | undefined, variables: object) =>
  `${hash} ${operationName ?? ""} ${JSON.stringify(variables)}`;

export function createKnownDocuments(deps: Deps) {
  const { schema, limits, cache, introspection, answerDirectly, formatError, log } = deps;
  const byHash = new Map<string, KnownDocument>();
  const byText = cache.region<KnownDocument>(({ hash }) => byHash.delete(hash));

  function keep(holder: string, text: string, hash: string, document: DocumentNode): KnownDocument {
    const known: KnownDocument = { text, hash, document, operations: new Map() };
    byText.set(holder, text, known, trimDocument(document, text));
    if (byText.get(text)) byHash.set(hash, known);
    return known;
  }

  const singleResult = (result: object, accept: string | undefined) =>
    ({
      http: { status: undefined, headers: new HeaderMap([["content-type", answerTypeOf(accept)]]) },
      body: { kind: "single", singleResult: result },
    }) as GraphQLResponse;

  /** Keeps a document that has passed, and, under its key, an answer that is all about the schema. */
  function keepAnswered(
    { document, operation, source, queryHash, request, response, contextValue }: GraphQLRequestContext<RequestContext>,
    answer: string | undefined,
  ): void {
    if (!document || !operation || !source || !queryHash || response.body?.kind !== "single") return;
    const result = response.body.singleResult as Result;
    if (!hasPassed(result)) return;
    const known = byText.get(source) ?? keep(contextValue.holder, source, queryHash, document);
    if (known.document === document) known.operations.set(request.operationName ?? null, operation);
    if (answer === undefined || result.errors) return;
    introspection.keep(contextValue.holder, answer, `${BEFORE_DATA}${JSON.stringify(result.data)}}`);
  }

  /** Comes after the limits: what reaches it is good. */
  const plugin: ApolloServerPlugin<RequestContext> = {
    async requestDidStart() {
      /** An answer about the schema that was begun, and how busy this process was then. */
      let begun: { readonly key: string | undefined; readonly load: EventLoopUtilization } | undefined;
      return {
        // A throw here would answer 500 without a code, and the ordinary way must not run what has run already.
        async responseForOperation({ document, operation, contextValue, request, queryHash = "" }) {
          if (!operation) return null;
          const accept = request.http?.headers.get("accept");
          if (introspection.about(operation, document) === "none") {
            const answer = await answerDirectly(document, operation, contextValue);
            return answer && singleResult(answer, accept);
          }
          const { holder, variables } = contextValue;
          const key =
            introspection.about(operation, document) === "all"
              ? answerKey(queryHash, request.operationName, variables)
              : undefined;
          const busy = await introspection.turn(holder, key);
          if (busy === undefined) {
            // Somebody else may have asked the same while this one waited.
            const made = key === undefined ? undefined : introspection.find(key);
            if (made) return singleResult({ data: new DataText(made.text.slice(BEFORE_DATA.length, -1)) }, accept);
            begun = { key, load: performance.eventLoopUtilization() };
            return null;
          }
          const error = rateLimited(busy);
          return singleResult({ errors: [formatError({ message: error.message }, error)], data: null }, accept);
        },

        async willSendResponse(answered) {
          keepAnswered(answered, begun?.key);
          if (begun) introspection.made(begun.key, performance.eventLoopUtilization(begun.load).active);
        },
      };
    },
  };

  return {
    plugin,

    /** Apollo's store of documents: ours, which keeps them later, when they have passed. */
    documentStore: {
      get: async (key: string) => byHash.get(key.slice(key.lastIndexOf(":") + 1))?.document,
      set: async () => undefined,
      delete: async () => false,
    },

    /** @param hash SHA-256 @returns the text of a document that has passed */
    textOf: (hash: string): string | undefined => byHash.get(hash)?.text,

    /** @returns the answer; null where Apollo must, before anything has run */
    async answer(
      { method, operationName, variables }: GraphqlRequest,
      query: string,
      context: RequestContext,
    ): Promise<DirectAnswer | KeptBody | null> {
      const known = byText.get(query);
      const operation = known?.operations.get(operationName);
      if (!known || !operation) return null;
      try {
        takeVariables(context, schema, operation, variables, limits);
      } catch (error) {
        // Apollo meets the same fault and reports it.
        if (error instanceof AppError) return null;
        throw error;
      }
      const isAboutSchema = introspection.about(operation, known.document) !== "none";
      if (method === "GET" && !isAboutSchema) return null;
      const answer = isAboutSchema
        ? (introspection.find(answerKey(known.hash, operationName, context.variables)) ?? null)
        : await answerDirectly(known.document, operation, context);
      if (answer) log.trace({ requestId: context.origin.requestId }, "went past Apollo");
      return answer;
    },
  };
}
