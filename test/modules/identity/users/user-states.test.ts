/** Officers keep users out and let them in again: who may, what it ends, and that an administrator always remains. */
import { expect, it } from "vitest";
import { signIn, testApp } from "../../../support/app.js";

const app = testApp();

const VERBS = ["lock", "unlock", "deactivate", "reactivate"] as const;
type Verb = (typeof VERBS)[number];
const typeOf = (verb: Verb) => `${verb.charAt(0).toUpperCase()}${verb.slice(1)}User`;
const documentOf = (verb: Verb) =>
  `mutation($input: ${typeOf(verb)}Input!) { ${verb}User(input: $input) { user { id version lockedAt deactivatedAt } } }`;
const VIEWER = "{ viewer { role } }";
const REASON = "The phone was stolen.";
const NEW_PASSWORD = "four-random-words";

async function call(verb: Verb, input: Record<string, unknown>, who: "security" | "admin" = "security") {
  const requestId = `state.${++calls}`;
  const client = await app.as(who);
  const answer = await client.run(
    documentOf(verb),
    { input: { reason: REASON, ...input } },
    { "x-request-id": requestId },
  );
  return { ...answer, requestId, user: answer.data?.[`${verb}User`]?.user };
}
let calls = 0;

let made = 0;
async function newUser(role = "VIEWER") {
  const email = `kept${++made}@demo.example`;
  const organizationId = role === "VIEWER" ? "1" : null;
  const create = `mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }`;
  const input = { email, password: NEW_PASSWORD, role, organizationId };
  const { data } = await (await app.as("admin")).run(create, { input });
  const { accessToken, refreshToken } = await signIn(app.anonymous, email, NEW_PASSWORD);
  return { id: data.createUser.user.id as string, email, refreshToken, client: app.withToken(accessToken) };
}

const row = async (id: string) =>
  (
    await app.sql`select version, locked_at is not null as locked, deactivated_at is not null as deactivated
                  from users where id = ${id}`
  )[0] as { version: number; locked: boolean; deactivated: boolean };
const open = (id: string) => app.sql`select id from sessions where user_id = ${id} and revoked_at is null`;
const audited = (requestId: string) => app.sql`
  select action, success, resource_id, parameters->>'reason' as reason, result - 'message' - 'requestId' as result
  from audit_logs where request_id = ${requestId}`;
const reasonOfRefusal = (email: string, password = NEW_PASSWORD) =>
  signIn(app.anonymous, email, password).then(
    () => "signed in",
    (error: Error) => error.message,
  );
const WRONG = "The e-mail address or the password is wrong. Check both and try again.";

it.each([
  ["lock", "unlock", "locked"],
  ["deactivate", "reactivate", "deactivated"],
] as const)("%s ends the sessions at once and keeps the user out, until %s", async (begin, end, state) => {
  const user = await newUser();
  const kept = await call(begin, { id: user.id, version: 1 });
  expect(kept.errors).toBeUndefined();
  expect(kept.user).toEqual({
    id: user.id,
    version: 2,
    lockedAt: state === "locked" ? expect.any(String) : null,
    deactivatedAt: state === "deactivated" ? expect.any(String) : null,
  });
  expect(await audited(kept.requestId)).toEqual([
    {
      action: `user.${begin}`,
      success: true,
      resource_id: user.id,
      reason: REASON,
      result: { changed: true, endedSessions: 1 },
    },
  ]);
  expect((await user.client.run(VIEWER)).code).toBe("UNAUTHENTICATED");
  const refresh = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken } }`;
  const renewed = await app.anonymous.run(refresh, { input: { refreshToken: user.refreshToken } });
  expect(renewed.code).toBe("UNAUTHENTICATED");
  expect(await open(user.id)).toEqual([]);
  expect(await reasonOfRefusal(user.email), "the right password").toBe(WRONG);
  expect(await open(user.id)).toEqual([]);

  // A lost answer: the same call again changes nothing.
  const again = await call(begin, { id: user.id });
  expect(again.user).toEqual(kept.user);
  expect((await audited(again.requestId))[0]!.result).toEqual({ changed: false, endedSessions: 0 });

  const let_in = await call(end, { id: user.id, version: 2 });
  expect(let_in.user).toEqual({ id: user.id, version: 3, lockedAt: null, deactivatedAt: null });
  expect(await audited(let_in.requestId)).toMatchObject([
    { action: `user.${end}`, success: true, resource_id: user.id, reason: REASON, result: { changed: true } },
  ]);
  expect(await reasonOfRefusal(user.email)).toBe("signed in");
  const once_more = await call(end, { id: user.id });
  expect((await audited(once_more.requestId))[0]!.result).toEqual({ changed: false });
});

it.each(["locked_at", "deactivated_at"])("a session whose user has %s is not refreshed, and ends", async (column) => {
  const refresh = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken refreshToken } }`;
  const renew = (refreshToken: string, requestId: string) =>
    app.anonymous.run(refresh, { input: { refreshToken } }, { "x-request-id": requestId });
  const fresh = await newUser();
  const repeating = await newUser();
  expect((await renew(repeating.refreshToken, "first")).code).toBeUndefined();
  // A replica of the release before opens sessions for users who are kept out.
  await app.sql`update users set ${app.sql(column)} = now() where id in (${fresh.id}, ${repeating.id})`;
  const seen = async ({ id, refreshToken, client }: typeof fresh) => {
    const requestId = `kept.${column}.${id}`;
    const { code } = await renew(refreshToken, requestId);
    const events = await app.sql`
      select event_type, user_id::text, metadata->>'reason' as reason from security_events
      where metadata->>'requestId' = ${requestId}`;
    return { code, events: [...events], open: [...(await open(id))], viewer: (await client.run(VIEWER)).code };
  };
  const ended = { code: "UNAUTHENTICATED", open: [], viewer: "UNAUTHENTICATED" };
  expect(await seen(fresh)).toEqual({
    ...ended,
    events: [{ event_type: "authn_login_fail", user_id: fresh.id, reason: "account_kept_out" }],
  });
  expect(await seen(repeating)).toEqual({
    ...ended,
    events: [{ event_type: "authn_token_reuse", user_id: repeating.id, reason: null }],
  });
});

it("a lock and a deactivation are two things: each keeps the user out alone", async () => {
  const user = await newUser();
  await call("lock", { id: user.id });
  await call("deactivate", { id: user.id });
  await call("unlock", { id: user.id });
  expect(await row(user.id)).toEqual({ version: 4, locked: false, deactivated: true });
  expect(await reasonOfRefusal(user.email)).toBe(WRONG);
  await call("reactivate", { id: user.id });
  expect(await reasonOfRefusal(user.email)).toBe("signed in");
});

it.each(VERBS)("%s asks for a reason, a user who exists, and the version that the officer saw", async (verb) => {
  const user = await newUser();
  const before = await row(user.id);
  for (const [input, code, field] of [
    [{ id: user.id, reason: "" }, "BAD_USER_INPUT", "reason"],
    [{ id: user.id, reason: "x".repeat(501) }, "BAD_USER_INPUT", "reason"],
    [{ id: "one" }, "BAD_USER_INPUT", "id"],
    [{ id: user.id, version: 0 }, "BAD_USER_INPUT", "version"],
    [{ id: user.id, version: 7 }, "CONFLICT", "version"],
    [{ id: "999999999" }, "NOT_FOUND", undefined],
  ] as const) {
    const refused = await call(verb, input);
    expect([refused.code, refused.errors?.[0]?.extensions.field]).toEqual([code, field]);
    expect(await audited(refused.requestId)).toMatchObject([{ action: `user.${verb}`, success: false }]);
  }
  expect(await row(user.id)).toEqual(before);
  expect((await user.client.run(VIEWER)).status).toBe(200);
});

it.each(["viewer", "analyst", "dba"] as const)("%s may do none of it, nor see who is kept out", async (who) => {
  const user = await newUser();
  const client = await app.as(who);
  for (const verb of VERBS) {
    const { code, errors } = await client.run(documentOf(verb), { input: { id: user.id, reason: REASON } });
    expect([code, errors?.[0]?.extensions.permission]).toEqual(["FORBIDDEN", "users:lock"]);
  }
  const seen = await client.run(`{ users(filter: { lockedAt: { isNull: true } }) { nodes { id } } }`);
  expect(seen.code).toBe("FORBIDDEN");
  expect(await row(user.id)).toEqual({ version: 1, locked: false, deactivated: false });
});

/** All administrators who can sign in. */
const administrators = async () =>
  (
    await app.sql`select id::text from users
      where role = 'ADMIN' and locked_at is null and deactivated_at is null and password_hash is not null order by id`
  ).map(({ id }) => id as string);

it("the last administrator who can sign in cannot be locked, deactivated, deleted or demoted, not even by two at once", async () => {
  await app.as("security");
  await app.as("admin");
  const [one, two] = (await administrators()) as [string, string];
  const answers = await Promise.all([call("lock", { id: one }), call("deactivate", { id: two })]);
  expect(answers.map(({ code }) => code).sort()).toEqual(["FAILED_PRECONDITION", undefined]);
  const left = await administrators();
  expect(left).toHaveLength(1);
  const last = { id: left[0] as string };
  // An administrator without a password does not count, because nobody can sign in as one.
  await app.sql`insert into users (email, role) values ('no-password@states.example', 'ADMIN')`;
  const kept = one === last.id ? two : one;
  const email = (await app.sql`select email from users where id = ${last.id}`)[0]!.email as string;
  const client = app.withToken((await signIn(app.anonymous, email)).accessToken);
  const { version } = await row(last.id);
  for (const [document, input] of [
    [documentOf("lock"), { ...last, reason: REASON }],
    [documentOf("deactivate"), { ...last, reason: REASON }],
    ["mutation($input: DeleteUserInput!) { deleteUser(input: $input) { deletedUserId } }", last],
    [
      "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }",
      { ...last, version, role: "DBA" },
    ],
  ] as const) {
    const { code, errors } = await client.run(document, { input });
    expect([code, errors?.[0]?.extensions.state], document).toEqual(["FAILED_PRECONDITION", "last administrator"]);
  }
  expect(await administrators()).toEqual([last.id]);
  expect((await client.run(VIEWER)).data.viewer.role).toBe("ADMIN");
  // One who is kept out may go: they do not count.
  const demote = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id role } } }";
  const demoted = await client.run(demote, { input: { id: kept, version: (await row(kept)).version, role: "DBA" } });
  expect(demoted.data.updateUser.user).toEqual({ id: kept, role: "DBA" });
});
