/** One GraphQL request over HTTP -> its answer: by what is known, or by Apollo; what was refused is recorded before it is sent. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import { networkOf } from "../audit/call.js";
import type { Actor } from "../auth/actor.js";
import type { KeptBody } from "../http/compression.js";
import type { RequestLimits } from "../limits.js";
import { asCaller, type Caller } from "../values/caller.js";
import { RequestTime } from "../values/request-time.js";
import type { RequestContext } from "./context.js";
import { type DirectAnswer, stringifyResult } from "./fast-path/direct-answer.js";
import { statusOf } from "./format-error.js";
import {
  ANSWER_TYPES,
  type AnswerType,
  apolloRequestOf,
  type GraphqlRequest,
  readGraphqlRequest,
  wantsPage,
} from "./graphql-request.js";
import type { PersistedQueries } from "./persisted-queries.js";

/** @param timeoutMs of a root field */
const callerOf = (actor: Actor, address: string | null, timeoutMs: number): Caller => ({
  name: actor.kind === "user" ? `user ${actor.userId}` : `address ${networkOf(address)}`,
  hasLeft: false,
  time: new RequestTime(timeoutMs),
});

export interface GraphqlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | KeptBody;
}

export interface GraphqlOptions {
  readonly apollo: ApolloServer<RequestContext>;
  /** Whether a browser gets Apollo's page. */
  readonly landingPage: boolean;
  readonly persistedQueries: PersistedQueries;
  /** Answers what needs no Apollo, to a request for the document of this text; null where it does. */
  readonly answerKnown: (
    request: GraphqlRequest,
    query: string,
    context: RequestContext,
  ) => Promise<DirectAnswer | KeptBody | null>;
  /** Records what was refused to a request. */
  readonly recordRefusals: (context: RequestContext) => Promise<void>;
  /** Stops the reads of a client that goes before it is answered. */
  readonly stopReads: (caller: Caller) => void;
  readonly limits: RequestLimits;
  readonly statementTimeoutMs: number;
}

/** Of an answer that is no page. */
export const NO_CONTENT_POLICY = { "content-security-policy": "default-src 'none'; frame-ancestors 'none'" };

/** Of answers that need no Apollo, by their type. */
const knownHeaders = new Map<AnswerType, Readonly<Record<string, string>>>(
  ANSWER_TYPES.map((type) => [type, { ...NO_CONTENT_POLICY, "content-type": type }]),
);

/** What Apollo looks at: what is sent, what is wanted, and what a browser cannot send without asking first. */
const READ_HEADERS = ["content-type", "accept", "apollo-require-preflight", "x-apollo-operation-name"] as const;

function headersOf({ headers: given }: IncomingMessage): HeaderMap {
  const headers = new HeaderMap();
  for (const name of READ_HEADERS) {
    const value = given[name];
    if (value !== undefined) headers.set(name, String(value));
  }
  return headers;
}

const PAGE_HEADERS = new HeaderMap([["accept", "text/html"]]);

export function createAnswerGraphql(options: GraphqlOptions) {
  const { apollo, landingPage, persistedQueries, answerKnown, recordRefusals, stopReads, limits, statementTimeoutMs } =
    options;

  async function askApollo(
    headers: HeaderMap,
    asked: { method: string; search: string; body: unknown },
    context: () => Promise<RequestContext>,
  ): Promise<GraphqlAnswer> {
    const httpGraphQLRequest = { headers, ...asked };
    const { status, headers: answered, body } = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest, context });
    if (body.kind !== "complete") throw new Error("incremental delivery is not enabled");
    return { status: status ?? 200, headers: Object.fromEntries(answered), body: body.string };
  }

  async function answer(
    request: IncomingMessage,
    asked: GraphqlRequest,
    context: RequestContext,
  ): Promise<GraphqlAnswer> {
    const query = persistedQueries.textOf(asked, context);
    const known = await answerKnown(asked, query, context);
    if (!known) {
      const answer = await askApollo(headersOf(request), apolloRequestOf(asked, query), async () => context);
      return { ...answer, headers: { ...NO_CONTENT_POLICY, ...answer.headers } };
    }
    const headers = knownHeaders.get(asked.answerType) ?? NO_CONTENT_POLICY;
    if ("text" in known) return { status: 200, headers, body: known };
    const { data, errors } = known;
    const status = (errors && statusOf(data as Record<string, null>, errors)) ?? 200;
    return { status, headers, body: stringifyResult(known) };
  }

  /** @throws AppError where the request is none, or may not run at all */
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    search: string,
    contextOf: () => Promise<RequestContext>,
  ): Promise<GraphqlAnswer> => {
    // Whatever else the request says: nothing of it may run past what follows.
    if (landingPage && wantsPage(request)) {
      return askApollo(PAGE_HEADERS, { method: "GET", search: "", body: undefined }, contextOf);
    }
    const asked = await readGraphqlRequest(request, search, limits);
    const context = await contextOf();
    const caller = callerOf(context.actor, context.origin.ipAddress, statementTimeoutMs);
    response.once("close", () => response.writableFinished || stopReads(caller));
    try {
      return await asCaller(caller, () => answer(request, asked, context));
    } finally {
      await recordRefusals(context);
    }
  };
}
