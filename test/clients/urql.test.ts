/** urql as it comes. */
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, testApp } from "../support/app.js";

const app = testApp();

const SIGN_IN = gql`
  mutation ($input: SignInInput!) {
    signIn(input: $input) { accessToken }
  }
`;
const FIRST = gql`
  query ($first: Int!) {
    scans(first: $first) { edges { node { id organization { name } } } }
  }
`;

it("signs in, asks, and is told what is wrong", async () => {
  let token: string | undefined;
  const client = new Client({
    url: `${app.url}/graphql`,
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: () => ({ headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }),
  });
  const input = { email: EMAILS.analyst, password: PASSWORD };
  const codeOf = async (first: number, context = {}) =>
    (await client.query(FIRST, { first }, context)).error?.graphQLErrors.map(({ extensions }) => extensions.code);
  expect(await codeOf(1), "by GET without a token").toEqual(["BAD_USER_INPUT"]);
  expect(await codeOf(1, { preferGetMethod: false }), "by POST without a token").toEqual(["UNAUTHENTICATED"]);
  token = (await client.mutation(SIGN_IN, { input })).data.signIn.accessToken;
  const { data, error } = await client.query(FIRST, { first: 2 });
  expect(error).toBeUndefined();
  expect(data.scans.edges).toHaveLength(2);
  expect(await codeOf(101)).toEqual(["LIMIT_EXCEEDED"]);
  token = "ended";
  expect(await codeOf(1)).toEqual(["UNAUTHENTICATED"]);
});
