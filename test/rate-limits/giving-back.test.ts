/** Points come back from attempts that told nothing, whatever kept them from an end. */
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, signIn, testApp } from "../support/app.js";
import { clientOfAddress, nextAddress } from "./asking.js";

const app = testApp({ RATE_LIMITS: "", TRUSTED_PROXIES: "1", STATEMENT_TIMEOUT_MS: "300" });
const points = () => app.sql`select points from rate_limits where points > 0`;

it("where there was no time left", async () => {
  const client = clientOfAddress(app, nextAddress());
  const query = `mutation { signIn(input: { email: "${EMAILS.viewer}", password: "${PASSWORD}" }) { accessToken } }`;
  await app.sql.begin(async (sql) => {
    await sql`select from users where email = ${EMAILS.viewer} for update`;
    for (let n = 0; n < 6; n++) expect(await client.run(query)).toMatchObject({ status: 504, code: "TIMEOUT" });
  });
  await expect.poll(points).toEqual([]);
  await signIn(client, EMAILS.viewer);
});

it("but not from a refusal of which no record can be kept", async () => {
  const client = clientOfAddress(app, nextAddress());
  const query = `mutation { signIn(input: { email: "${EMAILS.analyst}", password: "not the password" }) { accessToken } }`;
  await app.sql`alter table security_events add constraint closed check (event_type <> 'authn_login_fail') not valid`;
  try {
    for (let n = 0; n < 5; n++) await client.run(query);
    expect(await client.run(query)).toMatchObject({ status: 429, code: "RATE_LIMITED" });
  } finally {
    await app.sql`alter table security_events drop constraint closed`;
  }
});
