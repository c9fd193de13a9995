/** A fault of the database is told in the log with the store that met it, and to the client without. */
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, testApp } from "../support/app.js";

const app = testApp();

it("names the store in the log", async () => {
  await app.sql`alter table users rename column password_hash to gone`;
  const { code, errors } = await app.anonymous.run(
    "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
    { input: { email: EMAILS.viewer, password: PASSWORD } },
  );
  await app.sql`alter table users rename column gone to password_hash`;
  expect(code).toBe("INTERNAL_SERVER_ERROR");
  expect(JSON.stringify(errors)).not.toMatch(/password_hash|attempts\.store/);
  const [line, ...others] = app.log.filter(({ msg }) => msg === "internal error");
  expect(others).toEqual([]);
  expect(line?.err.stack).toContain("password-attempts.store");
  expect(line?.err.cause).toMatchObject({ type: "PostgresError", code: "42703" });
  expect(JSON.stringify(app.log)).not.toContain(PASSWORD);
});
