/** The audits of graphql-http: whether Postern keeps to GraphQL over HTTP. */
import { serverAudits } from "graphql-http";
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();

/**
 * What does not hold: with `application/json`, a request that failed as a whole has the status of its reason, as with Apollo Server.
 * Whoever reads only statuses sees it fail.
 */
const REFUSED = [
  "572B SHOULD use 200 status code on document parsing failure when accepting application/json",
  "FDE2 SHOULD use 200 status code on document validation failure when accepting application/json",
  "7B9B SHOULD use a status code of 200 on variable coercion failure when accepting application/json",
];

it("all audits hold, but those that have their reason", async () => {
  // A query by GET needs what no page of another site can have a browser send: so it is with a token.
  const { token } = await app.as("viewer");
  const fetchFn: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    return fetch(url, { ...init, headers });
  };
  const audits = serverAudits({ url: `${app.url}/graphql`, fetchFn });
  const results = await Promise.all(audits.map((audit) => audit.fn()));
  expect(results.filter(({ status }) => status !== "ok").map(({ id, name }) => `${id} ${name}`)).toEqual(REFUSED);
  const counts = ["MUST", "SHOULD", "MAY"].map((word) => results.filter(({ name }) => name.startsWith(word)).length);
  expect(counts).toEqual([13, 23, 25]);
});
