/** Keeps documents that have passed the doors, parsed. When one comes again, a plan or a kept answer can answer it without Apollo. */
import type { EventLoopUtilization } from "node:perf_hooks";
import { type ApolloServerPlugin, type GraphQLRequestContext, type GraphQLResponse, HeaderMap } from "@apollo/server";
import { type DocumentNode, type GraphQLSchema, type OperationDefinitionNode, visit } from "graphql";
import { type Cache, cacheWeightOfText } from "../../cache.js";
import { AppError, rateLimited } from "../../errors.js";
import type { CompressibleBody } from "../../http/compression.js";
import type { RequestLimits } from "../../limits.js";
import type { Log } from "../../log.js";
import { currentRequest } from "../../values/request-facts.js";
import type { RequestContext } from "../context.js";
import { documentHash } from "../document-hash.js";
import { type GraphqlRequest, requestAnswerTypeOf } from "../graphql-request.js";
import type { createIntrospection } from "../introspection.js";
import { RECORDED_REFUSALS } from "../recording.js";
import { takeOperationVariables } from "../variables.js";
import { type DirectAnswer, DirectAnswerText, type FormatDirectAnswerError } from "./direct-answer.js";
import type { AnswerPlannedOperation } from "./planned-operations.js";

interface Deps {
  readonly schema: GraphQLSchema;
  readonly limits: RequestLimits;
  readonly cache: Cache;
  readonly introspection: ReturnType<typeof createIntrospection>;
  readonly answerDirectly: AnswerPlannedOperation;
  readonly formatError: FormatDirectAnswerError;
  readonly log: Log;
}

interface KnownDocument {
  readonly text: string;
  /** The SHA-256 of the text. */
  readonly hash: string;
  /** The hash by which the log names it. */
  readonly hashForLog: string;
  readonly document: DocumentNode;
  /** The operations that have passed, by the `operationName` of their requests: the limits check only the operation that runs. */
  readonly operations: Map<string | null, OperationDefinitionNode>;
}

/** The bytes that a node takes in memory. A test measures them again. */
const NODE_WEIGHT = 256;
/** The bytes of what others keep for a document: its fragments, the shapes of its variables, the faults of its limits. */
const DERIVED_WEIGHT = 2048;

/**
 * Removes the tokens, comments among them. They take a third of a document's memory, and errors find their places without them.
 * @returns the bytes that the document and its text take in memory
 */
export function trimDocument(document: DocumentNode, text: string): number {
  let nodes = 0;
  visit(document, {
    enter({ loc }) {
      nodes++;
      if (loc) Object.assign(loc, { startToken: undefined, endToken: undefined });
    },
  });
  return cacheWeightOfText(text) + NODE_WEIGHT * nodes + DERIVED_WEIGHT;
}

const BEFORE_DATA = '{"data":';

type Result = { readonly data?: unknown; readonly errors?: DirectAnswer["errors"] };

/** @returns whether a root field has passed its doors */
function hasPassed({ data, errors }: Result): boolean {
  if (!data || data instanceof DirectAnswerText) return data !== undefined && data !== null;
  const refused = new Set<unknown>();
  for (const { path, extensions } of errors ?? []) {
    if (path?.length === 1 && RECORDED_REFUSALS.has(extensions?.code as never)) refused.add(path[0]);
  }
  return Object.keys(data).some((key) => !refused.has(key));
}

/** Notes the name of an operation that limits and validation have looked at. */
function noteOperation({ name }: OperationDefinitionNode, document?: string): void {
  const facts = currentRequest();
  if (!facts) return;
  if (name) facts.operation = name.value;
  if (document) facts.document = document;
}

/** The key of a kept answer about the schema. */
const answerKey = (hash: string, operationName: string | null | undefined, variables: object) =>
  `${hash} ${operationName ?? ""} ${JSON.stringify(variables)}`;

/**
 * Makes the store of known documents. For example,
 * `query ($id: ID!) { scan(id: $id) { id } }` comes twice:
 *
 *     first     `answer` does not know the text and returns null. Apollo parses and validates the document and resolves the operation.
 *               `responseForOperation` lets the planner answer it: {"scan":{"id":"7"}}. A root field has passed its doors, so
 *               `willSendResponse` keeps the document with its operation, by its text and by its hash.
 *     again     `answer` finds the parsed operation, coerces the new variables and lets the planner answer. Apollo sees nothing of it.
 *     by hash   `textOf` finds the text, and the request goes on as if it had sent it.
 *     refused   A document whose root fields are all FORBIDDEN, or that is not valid, is not kept: it costs Apollo's time again.
 */
export function createKnownDocuments(deps: Deps) {
  const { schema, limits, cache, introspection, answerDirectly, formatError, log } = deps;
  const byHash = new Map<string, KnownDocument>();
  const byText = cache.region<KnownDocument>(({ hash }) => byHash.delete(hash));

  function keep(holder: string, text: string, hash: string, document: DocumentNode): KnownDocument {
    const hashForLog = documentHash(text, hash);
    const known: KnownDocument = { text, hash, hashForLog, document, operations: new Map() };
    byText.set(holder, text, known, trimDocument(document, text));
    if (byText.get(text)) byHash.set(hash, known);
    return known;
  }

  const singleResult = (result: object, accept: string | undefined) =>
    ({
      http: { status: undefined, headers: new HeaderMap([["content-type", requestAnswerTypeOf(accept)]]) },
      body: { kind: "single", singleResult: result },
    }) as GraphQLResponse;

  /** Keeps a document that has passed. @param schemaKey the key under which to keep its answer, where that is only about the schema */
  function keepAnswered(
    { document, operation, source, queryHash, request, response, contextValue }: GraphQLRequestContext<RequestContext>,
    schemaKey: string | undefined,
  ): void {
    if (!document || !operation || !source || !queryHash || response.body?.kind !== "single") return;
    const result = response.body.singleResult as Result;
    if (!hasPassed(result)) return;
    const known = byText.get(source) ?? keep(contextValue.holder, source, queryHash, document);
    if (known.document === document) known.operations.set(request.operationName ?? null, operation);
    if (schemaKey === undefined || result.errors) return;
    introspection.keep(contextValue.holder, schemaKey, `${BEFORE_DATA}${JSON.stringify(result.data)}}`);
  }

  /** The plugin runs after the limits, so that every operation that reaches it is within them. */
  const plugin: ApolloServerPlugin<RequestContext> = {
    async requestDidStart() {
      /** The answer about the schema that this request makes, and the load of this process when it began. */
      let making: { readonly key: string | undefined; readonly load: EventLoopUtilization } | undefined;
      return {
        async didResolveOperation({ operation }) {
          if (operation) noteOperation(operation);
        },

        // This must not throw: Apollo would answer 500 without a code, and a change may already have been made.
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
          const retryAfterSeconds = await introspection.awaitTurn(holder, key);
          if (retryAfterSeconds === undefined) {
            // Another request may have made the same answer while this one waited.
            const kept = key === undefined ? undefined : introspection.find(key);
            if (kept)
              return singleResult({ data: new DirectAnswerText(kept.text.slice(BEFORE_DATA.length, -1)) }, accept);
            making = { key, load: performance.eventLoopUtilization() };
            return null;
          }
          const error = rateLimited(retryAfterSeconds);
          contextValue.rates.note(error);
          return singleResult({ errors: [formatError({ message: error.message }, error)], data: null }, accept);
        },

        async willSendResponse(requestContext) {
          keepAnswered(requestContext, making?.key);
          if (making) introspection.finish(making.key, performance.eventLoopUtilization(making.load).active);
        },
      };
    },
  };

  return {
    plugin,

    /** The store in which Apollo looks for documents. Apollo's `set` does nothing: documents are kept later, when they have passed. */
    documentStore: {
      get: async (key: string) => byHash.get(key.slice(key.lastIndexOf(":") + 1))?.document,
      set: async () => undefined,
      delete: async () => false,
    },

    /** @param hash the SHA-256 of a document @returns its text, where it has passed */
    textOf: (hash: string): string | undefined => byHash.get(hash)?.text,

    /** @returns the answer; null where Apollo must answer, and then nothing has run yet */
    async answer(
      { method, operationName, variables }: GraphqlRequest,
      query: string,
      context: RequestContext,
    ): Promise<DirectAnswer | CompressibleBody | null> {
      const known = byText.get(query);
      const operation = known?.operations.get(operationName);
      if (!known || !operation) return null;
      noteOperation(operation, known.hashForLog);
      try {
        takeOperationVariables(context, schema, operation, variables, limits);
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
