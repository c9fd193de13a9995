/** Apollo Client and urql follow an operation over the client of graphql-ws, as their documentation says, and come back. */
import { ApolloClient, gql, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import { expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { testApp } from "../support/app.js";
import { insertInstance, insertOperation } from "../support/fleet-port.js";
import { socketUrl } from "../support/live.js";
import { SOON } from "../support/soon.js";

const app = testApp();

const FOLLOW = "subscription ($id: ID!) { operationUpdated(operationId: $id) { id status } }";

const open = async () => {
  const { token } = await app.as("dba");
  return createClient({
    url: socketUrl(app.url),
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ Authorization: `Bearer ${token}` }),
  });
};
const runningOperation = async () => insertOperation(app, await insertInstance(app, "TEST"), "RUNNING");
const succeed = (id: string) => app.sql`update operations set status = 'SUCCEEDED', success = true where id = ${id}`;

it("Apollo Client keeps what it follows in its cache, and gets errors as errors", async () => {
  const client = await open();
  const apollo = new ApolloClient({ link: new GraphQLWsLink(client), cache: new InMemoryCache() });
  const id = await runningOperation();
  const seen: unknown[] = [];
  const following = apollo
    .subscribe<{ operationUpdated: unknown }>({ query: gql(FOLLOW), variables: { id } })
    .subscribe(({ data }) => seen.push(data?.operationUpdated));
  await vi.waitFor(() => expect(seen).toEqual([{ __typename: "Operation", id, status: "RUNNING" }]), SOON);
  await succeed(id);
  await vi.waitFor(() => expect(seen[1]).toEqual({ __typename: "Operation", id, status: "SUCCEEDED" }), SOON);
  expect((apollo.cache.extract() as Record<string, unknown>)[`Operation:${id}`]).toMatchObject({ status: "SUCCEEDED" });
  following.unsubscribe();
  const errors: unknown[] = [];
  apollo.subscribe({ query: gql(FOLLOW), variables: { id: "0" } }).subscribe(({ error }) => errors.push(error));
  await vi.waitFor(() => expect(String(errors[0])).toContain("No such operation, or it is not yours."), SOON);
  await client.dispose();
});

it("urql follows too", async () => {
  const client = await open();
  const urql = new Client({
    url: `${app.url}/graphql`,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: client.subscribe({ query, variables: variables as never }, sink as never),
          }),
        }),
      }),
    ],
  });
  const id = await runningOperation();
  const seen: unknown[] = [];
  const { unsubscribe } = urql.subscription(FOLLOW, { id }).subscribe(({ data, error }) => seen.push(error ?? data));
  await vi.waitFor(() => expect(seen).toMatchObject([{ operationUpdated: { status: "RUNNING" } }]), SOON);
  await succeed(id);
  await vi.waitFor(() => expect(seen[1]).toMatchObject({ operationUpdated: { status: "SUCCEEDED" } }), SOON);
  unsubscribe();
  await client.dispose();
});
