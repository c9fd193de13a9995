/** create-admin gives an administrator back, whatever keeps the account closed. */
import { expect, inject, it } from "vitest";
import { createClient } from "../../../../src/db/client.js";
import { restoreAdministrator, type SeededAccount } from "../../../../src/seed/administrator.js";
import { EMAILS, PASSWORD, signIn, testApp } from "../../../support/app.js";

const app = testApp();

const NEW = "four-random-words";
const row = async () =>
  (
    await app.sql`select role, locked_at, deactivated_at, password_hash, version,
        (select count(*)::int from lockouts where user_id = users.id) as lockouts,
        (select count(*)::int from sessions where user_id = users.id and revoked_at is null) as sessions
      from users where email = ${EMAILS.admin}`
  )[0] as Record<string, unknown>;

/** Does what the command does once it has the database. */
async function restore(password: string) {
  const [{ name }] = (await app.sql`select current_database() as name`) as [{ name: string }];
  const { db, close } = createClient({ connection: { ...inject("connection"), database: name }, poolSize: 1 });
  const announced: SeededAccount[] = [];
  const seeding = { generatePasswords: false, announce: (account: SeededAccount) => void announced.push(account) };
  await restoreAdministrator(db, { email: EMAILS.admin, password }, seeding).finally(close);
  return announced;
}

it("an administrator who is locked, deactivated, locked out and demoted signs in again, with no session of before", async () => {
  await signIn(app.anonymous, EMAILS.admin);
  await app.sql`update users set locked_at = now(), deactivated_at = now() where role = 'ADMIN'`;
  await app.sql`update users set role = 'DBA' where email = ${EMAILS.admin}`;
  await app.sql`update lockouts set failures = 5, locks_in_a_row = 9, locked_until = now() + interval '1 hour'`;
  const before = await row();
  expect(before).toMatchObject({ lockouts: 1, sessions: 1 });

  for (const bad of ["password1234", "Admin.Demo.2026", "admin@demo.example"]) {
    await expect(restore(bad), bad).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
  }
  expect(await row()).toEqual(before);
  await expect(signIn(app.anonymous, EMAILS.admin)).rejects.toThrow("is wrong");

  expect(await restore(NEW)).toEqual([{ email: EMAILS.admin, password: NEW, generated: false }]);
  expect(await row()).toEqual({
    ...before,
    ...{ role: "ADMIN", locked_at: null, deactivated_at: null, version: (before.version as number) + 1 },
    ...{ password_hash: expect.not.stringContaining(before.password_hash as string), lockouts: 0, sessions: 0 },
  });
  const { accessToken } = await signIn(app.anonymous, EMAILS.admin, NEW);
  expect((await app.withToken(accessToken).run("{ viewer { role } }")).data).toEqual({ viewer: { role: "ADMIN" } });
  await expect(signIn(app.anonymous, EMAILS.admin, PASSWORD)).rejects.toThrow("is wrong");
  const [audit] = await app.sql`
    select actor, success, parameters, result from audit_logs where actor->>'name' = 'create-admin'`;
  expect(audit).toMatchObject({ success: true, parameters: { password: "[redacted]" }, result: { endedSessions: 1 } });
});
