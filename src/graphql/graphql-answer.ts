/** Answers a GraphQL request over HTTP, by the fast path or by Apollo. Refusals are recorded before the answer is sent. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import type { Actor } from "../auth/actor.js";
import { type AppError, rateLimited } from "../errors.js";
import type { CompressibleBody } from "../http/compression.js";
import type { RequestLimits } from "../limits.js";
import type { ApiLimit } from "../rate-limits/index.js";
import type { Timings } from "../timings.js";
import { ANONYMOUS_SHARE, asCaller, type Caller, networkOf } from "../values/caller.js";
import type { RateState } from "../values/rate-state.js";
import { type RequestFacts, requestOperationName } from "../values/request-facts.js";
import { RequestTime } from "../values/request-time.js";
import type { RequestContext } from "./context.js";
import { documentHash } from "./document-hash.js";
import { type DirectAnswer, stringifyDirectAnswer } from "./fast-path/direct-answer.js";
import { formattedErrorStatus } from "./format-error.js";
import {
  apolloRequestOf,
  type GraphqlRequest,
  PREFLIGHT_HEADERS_OF_GET,
  REQUEST_ANSWER_TYPES,
  type RequestAnswerType,
  readGraphqlRequest,
} from "./graphql-request.js";
import type { PersistedQueries } from "./persisted-queries.js";
import { createRefusalPause } from "./refusal-pause.js";

/** @returns in whose name a request runs @param timeoutMs the time-out of a root field */
export const callerOf = (actor: Actor, address: string | null, timeoutMs: number, request: RequestFacts): Caller => ({
  name: actor.kind === "user" ? `user ${actor.userId}` : `address ${networkOf(address)}`,
  ...(actor.kind === "anonymous" && { share: ANONYMOUS_SHARE }),
  hasLeft: false,
  time: new RequestTime(timeoutMs),
  request,
});

export interface GraphqlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | CompressibleBody;
}

export interface GraphqlAnswerOptions {
  readonly apollo: ApolloServer<RequestContext>;
  readonly apiLimit: ApiLimit;
  readonly persistedQueries: PersistedQueries;
  /** Answers a request whose document is known without Apollo, or returns null. */
  readonly answerKnown: (
    request: GraphqlRequest,
    query: string,
    context: RequestContext,
  ) => Promise<DirectAnswer | CompressibleBody | null>;
  /** Records the refusals of a request. */
  readonly recordRefusals: (context: RequestContext) => Promise<void>;
  /** Stops the reads of a client that goes before it is answered. */
  readonly stopReads: (caller: Caller) => void;
  readonly limits: RequestLimits;
  readonly statementTimeoutMs: number;
  readonly timings: Pick<Timings, "refusalPauseMs">;
}

/** The header for answers that are no page. */
export const NO_CONTENT_POLICY = { "content-security-policy": "default-src 'none'; frame-ancestors 'none'" };

/** The headers of answers without Apollo, by media type. */
const directHeaders = new Map<RequestAnswerType, Readonly<Record<string, string>>>(
  REQUEST_ANSWER_TYPES.map((type) => [type, { ...NO_CONTENT_POLICY, "content-type": type }]),
);

/** The headers that Apollo reads: media types, and those that a browser sends to another site only after it has asked that site. */
const APOLLO_HEADERS = ["content-type", "accept", ...PREFLIGHT_HEADERS_OF_GET] as const;

function apolloHeadersOf(request: IncomingMessage): HeaderMap {
  const headers = new HeaderMap();
  for (const name of APOLLO_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers.set(name, String(value));
  }
  return headers;
}

/** Asks Apollo as over HTTP, so that all its checks count. */
export async function askApollo(
  apollo: ApolloServer<RequestContext>,
  headers: HeaderMap,
  request: { method: string; search: string; body: unknown },
  context: () => Promise<RequestContext>,
): Promise<GraphqlAnswer> {
  const httpGraphQLRequest = { headers, ...request };
  const response = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest, context });
  if (response.body.kind !== "complete") throw new Error("incremental delivery is not enabled");
  const { status = 200, body } = response;
  return { status, headers: Object.fromEntries(response.headers), body: body.string };
}

/** Makes the function that answers with the page of Apollo Sandbox. */
export const createAnswerSandbox = (apollo: ApolloServer<RequestContext>) => (): Promise<GraphqlAnswer> =>
  askApollo(
    apollo,
    new HeaderMap([["accept", "text/html"]]),
    { method: "GET", search: "", body: undefined },
    // Nothing runs for a page, so nobody asks.
    async () => {
      throw new Error("a page needs no context");
    },
  );

/** @returns the error of a request that is not answered, whose headers the response has from now on */
function refused(state: RateState, { rates }: RequestContext, response: ServerResponse): AppError {
  const error = rateLimited(state.resetSeconds, state);
  rates.note(error);
  for (const [name, value] of Object.entries(rates.headers())) response.setHeader(name, value);
  return error;
}

/** Makes the function that answers GraphQL requests. */
export function createAnswerGraphql(options: GraphqlAnswerOptions) {
  const { apollo, apiLimit, persistedQueries, answerKnown, recordRefusals, stopReads, limits, statementTimeoutMs } =
    options;
  const pauseRefusal = createRefusalPause(options.timings.refusalPauseMs);

  /** Takes the turn of a request, before anything of it is read, so that what is no GraphQL counts too. @throws RATE_LIMITED */
  async function admit(facts: RequestFacts, response: ServerResponse, contextOf: () => Promise<RequestContext>) {
    const context = await contextOf();
    const { actor, origin, rates } = context;
    facts.actor = { kind: actor.kind, id: actor.kind === "user" ? actor.userId : null };
    const taken = apiLimit.take(actor, origin);
    const turn = "then" in taken ? await taken : taken;
    const { state, refusal } = turn;
    if (state) rates.add(state);
    if (refusal === "repeated") await pauseRefusal(context.holder, response);
    if (state && refusal) throw refused(state, context, response);
    return { context, turn };
  }

  /**
   * A hash that a client has sent is not logged: it may be that of a text with a password, which whoever reads the log could find by trying.
   * @returns the hash by which the log names a request's document; null where it is not known, or too long to be read
   */
  const hashForLog = (query: string | undefined): string | null =>
    query === undefined || query.length > limits.documentBytes ? null : documentHash(query);

  async function answer(
    request: IncomingMessage,
    graphqlRequest: GraphqlRequest,
    query: string,
    context: RequestContext,
  ): Promise<GraphqlAnswer> {
    const direct = await answerKnown(graphqlRequest, query, context);
    if (!direct) {
      const apolloRequest = apolloRequestOf(graphqlRequest, query);
      const answer = await askApollo(apollo, apolloHeadersOf(request), apolloRequest, async () => context);
      return { ...answer, headers: { ...NO_CONTENT_POLICY, ...answer.headers } };
    }
    const headers = directHeaders.get(graphqlRequest.answerType) ?? NO_CONTENT_POLICY;
    if ("text" in direct) return { status: 200, headers, body: direct };
    const { data, errors } = direct;
    const status = (errors && formattedErrorStatus(data as Record<string, null>, errors)) ?? 200;
    return { status, headers, body: stringifyDirectAnswer(direct) };
  }

  /** @throws AppError where the request is no GraphQL request, or may not run at all */
  return async (
    facts: RequestFacts,
    request: IncomingMessage,
    response: ServerResponse,
    search: string,
    contextOf: () => Promise<RequestContext>,
  ): Promise<GraphqlAnswer> => {
    let admitted = await admit(facts, response, contextOf);
    const graphqlRequest = await readGraphqlRequest(request, search, limits);
    // A body may come long after its headers.
    if (admitted.context.signedOut !== undefined) admitted = await admit(facts, response, contextOf);
    const { context, turn } = admitted;
    const { actor, origin } = context;
    facts.operation = requestOperationName(graphqlRequest.operationName);
    const caller = callerOf(actor, origin.ipAddress, statementTimeoutMs, facts);
    response.once("close", () => response.writableFinished || stopReads(caller));
    let { query } = graphqlRequest;
    try {
      const text = persistedQueries.textOf(graphqlRequest, context);
      query = text;
      const { headers, ...rest } = await asCaller(caller, () => answer(request, graphqlRequest, text, context));
      const { signedIn } = context.rates;
      if (signedIn && actor.kind === "anonymous") {
        // Who has signed in counts as themselves from here, so that any number of people can at one address, as long as they have points.
        const own = await apiLimit.take(signedIn, origin);
        if (!own.refusal) turn.giveBack();
      }
      return { ...rest, headers: { ...headers, ...context.rates.headers() } };
    } finally {
      // The fast path knows the hash already.
      facts.document ??= hashForLog(query);
      await recordRefusals(context);
    }
  };
}
