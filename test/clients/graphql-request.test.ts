/** graphql-request as it comes. */
import { ClientError, GraphQLClient, gql, request } from "graphql-request";
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, testApp } from "../support/app.js";

const app = testApp();

const SIGN_IN = gql`
  mutation ($input: SignInInput!) {
    signIn(input: $input) { accessToken }
  }
`;

it("signs in, asks, and is told what is wrong", async () => {
  const url = `${app.url}/graphql`;
  const input = { email: EMAILS.analyst, password: PASSWORD };
  const { signIn } = await request<{ signIn: { accessToken: string } }>(url, SIGN_IN, { input });
  const client = new GraphQLClient(url, { headers: { authorization: `Bearer ${signIn.accessToken}` } });
  expect(await client.request("{ viewer { role } }")).toEqual({ viewer: { role: "ANALYST" } });
  const error = await client.request("{ scans(first: 101) { totalCount } }").catch((reason) => reason);
  expect(error).toBeInstanceOf(ClientError);
  expect(error.response).toMatchObject({ status: 400, errors: [{ extensions: { code: "LIMIT_EXCEEDED" } }] });
});
