/** Runs what GraphiQL is asked to run: subscriptions over a WebSocket to this address, and all else as requests. */
import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import { type DocumentNode, getOperationAST } from "graphql";
import { createClient } from "graphql-ws";
import { fetchInSession, headersInSession } from "./session.js";

/** The close code of a token that does not count any more. */
const FORBIDDEN = 4403;

/** @returns what a person may read of the end of a connection, or the errors that Postern has sent */
const explained = (thrown: unknown): unknown => {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown && "reason" in thrown)) return thrown;
  return new Error(`The connection has ended: ${thrown.reason || thrown.code}`);
};

/** Follows a subscription with a connection of its own, which ends with it. */
function follow({ query, operationName, variables }: FetcherParams, headers: Record<string, string>) {
  let isRefused = false;
  const client = createClient({
    url: `${location.origin.replace(/^http/, "ws")}${location.pathname}`,
    async connectionParams() {
      const saysWho = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
      return saysWho ? headers : headersInSession(isRefused);
    },
    on: {
      closed: (event) => {
        isRefused = (event as CloseEvent).code === FORBIDDEN;
      },
    },
    retryAttempts: 3,
  });
  const items = client.iterate({ query, operationName: operationName ?? null, variables });
  const following: AsyncIterableIterator<unknown> = {
    next: () =>
      items.next().catch((thrown) => {
        throw explained(thrown);
      }),
    async return() {
      await items.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => following,
  };
  return following;
}

const isSubscription = (document: DocumentNode | undefined, name: string | null | undefined) =>
  document !== undefined && getOperationAST(document, name)?.operation === "subscription";

/** Runs an operation in the session, unless a header says who asks. */
export const runInSession: Fetcher = (params, { headers = {}, documentAST } = {}) =>
  isSubscription(documentAST, params.operationName)
    ? (follow(params, headers) as ReturnType<Fetcher>)
    : fetchInSession(params, { headers, documentAST });
