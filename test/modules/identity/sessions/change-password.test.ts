/** Users change their own password: the current one must be right, and cannot be guessed through a session. */
import { expect, it } from "vitest";
import { clientOfAddress, nextAddress } from "../../../rate-limits/asking.js";
import { EMAILS, PASSWORD, signIn, testApp } from "../../../support/app.js";

const app = testApp({ RATE_LIMITS: "", TRUSTED_PROXIES: "1" });

const CHANGE = `mutation($input: ChangePasswordInput!) { changePassword(input: $input) { deviceToken user { id version } } }`;
const SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken deviceToken refreshToken } }";
const REFRESH = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken refreshToken } }";
const VIEWER = "{ viewer { role } }";
const WRONG = "not-the-right-one";
const NEW = "four-random-words";

const asking = (token: string | null) => clientOfAddress(app, nextAddress(), token);
interface Opened {
  readonly code: string;
  readonly accessToken: string;
  readonly deviceToken: string;
  readonly refreshToken: string;
}
/** Signs in. @returns the code, or "in", and the tokens of the session */
async function open(email: string, password = PASSWORD, more: object = {}): Promise<Opened> {
  const { data, code } = await asking(null).run(SIGN_IN, { input: { email, password, ...more } });
  return { code: code ?? "in", ...data.signIn };
}

let made = 0;
async function newUser(role = "VIEWER") {
  const email = `kay.${++made}@demo.example`;
  const { accessToken } = await signIn(asking(null), EMAILS.admin);
  const create = `mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }`;
  const input = {
    email,
    password: PASSWORD,
    fullName: "Kay Adams",
    role,
    organizationId: role === "VIEWER" ? "1" : null,
  };
  const { data } = await app.withToken(accessToken).run(create, { input });
  return { id: data.createUser.user.id as string, email, ...(await open(email)) };
}

let calls = 0;
async function change(token: string | null, input: object) {
  const requestId = `change.${++calls}`;
  const answer = await clientOfAddress(app, nextAddress(), token).run(CHANGE, { input }, { "x-request-id": requestId });
  return { ...answer, requestId };
}
const audited = (requestId: string) => app.sql`
  select action, success, resource_id, parameters, result - 'message' - 'requestId' as result
  from audit_logs where request_id = ${requestId}`;
const events = (requestId: string) => app.sql`
  select event_type, event_status, user_id::text, metadata - 'requestId' as metadata
  from security_events where metadata->>'requestId' = ${requestId} order by id`;
const REDACTED = "[redacted]";

it.each(["VIEWER", "DBA"])(
  "a %s's other sessions end, this one stays, and device tokens of before are void",
  async (role) => {
    const user = await newUser(role);
    const elsewhere = await open(user.email);
    const input = { currentPassword: PASSWORD, newPassword: NEW, deviceToken: user.deviceToken };
    const { data, errors, requestId } = await change(user.accessToken, input);
    expect(errors).toBeUndefined();
    expect(data.changePassword).toEqual({ deviceToken: expect.any(String), user: { id: user.id, version: 2 } });
    expect(await audited(requestId)).toEqual([
      {
        action: "user.change-password",
        success: true,
        resource_id: user.id,
        parameters: { currentPassword: REDACTED, newPassword: REDACTED, deviceToken: REDACTED },
        result: { endedSessions: 1 },
      },
    ]);
    expect(await events(requestId)).toEqual([]);
    expect((await app.withToken(user.accessToken).run(VIEWER)).status).toBe(200);
    expect((await app.withToken(elsewhere.accessToken).run(VIEWER)).code).toBe("UNAUTHENTICATED");
    const renewed = await asking(null).run(REFRESH, { input: { refreshToken: user.refreshToken } });
    expect(renewed.data.refreshSession).toEqual({ accessToken: expect.any(String), refreshToken: expect.any(String) });
    expect((await open(user.email)).code, "the old password").toBe("UNAUTHENTICATED");
    expect((await open(user.email, NEW)).code).toBe("in");
    // The failures of five strangers lock the account, but not for the device that changed the password.
    for (let n = 0; n < 5; n++) await open(user.email, WRONG);
    expect((await open(user.email, NEW, { deviceToken: user.deviceToken })).code).toBe("UNAUTHENTICATED");
    expect((await open(user.email, NEW, { deviceToken: data.changePassword.deviceToken })).code).toBe("in");
  },
);

it("a wrong current password counts as a failed sign-in, from whatever address, and changes nothing", async () => {
  const user = await newUser();
  const before = await app.sql`select password_hash, version from users where id = ${user.id}`;
  for (let n = 0; n < 5; n++) {
    const refused = await change(user.accessToken, { currentPassword: WRONG, newPassword: NEW });
    expect([refused.status, refused.code, refused.errors?.[0]?.extensions.field]).toEqual([
      400,
      "BAD_USER_INPUT",
      "currentPassword",
    ]);
    expect(await audited(refused.requestId)).toMatchObject([
      { action: "user.change-password", success: false, result: { code: "BAD_USER_INPUT", field: "currentPassword" } },
    ]);
    expect((await events(refused.requestId)).map(({ event_type }) => event_type)).toEqual([
      "authn_password_change_fail",
      ...(n === 4 ? ["authn_login_lock"] : []),
    ]);
  }
  const locked = await change(user.accessToken, { currentPassword: PASSWORD, newPassword: NEW });
  expect(locked.errors?.[0]?.extensions.field, "the right one, during the lock").toBe("currentPassword");
  expect((await open(user.email)).code).toBe("UNAUTHENTICATED");
  // The device is known, so nobody who guesses elsewhere keeps its user from changing the password.
  expect(await app.sql`select password_hash, version from users where id = ${user.id}`).toEqual(before);
  expect((await app.withToken(user.accessToken).run(VIEWER)).status, "the session goes on").toBe(200);
  const input = { currentPassword: PASSWORD, newPassword: NEW, deviceToken: user.deviceToken };
  expect((await change(user.accessToken, input)).code).toBeUndefined();
});

it("one address has five wrong ones, and none is hashed after them", async () => {
  const user = await newUser();
  const client = asking(user.accessToken);
  const codes: (string | undefined)[] = [];
  for (let n = 0; n < 6; n++) {
    codes.push((await client.run(CHANGE, { input: { currentPassword: WRONG, newPassword: NEW } })).code);
  }
  expect(codes).toEqual([...Array(5).fill("BAD_USER_INPUT"), "RATE_LIMITED"]);
});

it.each([
  ["short", "newPassword"],
  ["password1234", "newPassword"],
  ["Kay Adams 1990", "newPassword"],
  [PASSWORD, "newPassword"],
  [PASSWORD.normalize("NFD"), "newPassword"],
])("the new password %s is refused, and nothing is counted", async (newPassword, field) => {
  const user = await newUser();
  const refused = await change(user.accessToken, { currentPassword: PASSWORD, newPassword });
  expect([refused.code, refused.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
  expect(await events(refused.requestId)).toEqual([]);
  expect(await app.sql`select failures from lockouts where user_id = ${user.id}`).toEqual([{ failures: 0 }]);
});

it("the longest password is one in whatever form it is typed, new or current, and longer texts are refused", async () => {
  // Each of these 128 characters is four in its decomposed form.
  const longest = Array.from({ length: 128 }, (_, n) => "\u1f82\u1f83\u1f86\u1f87\u1f92"[(n * n + (n >> 3)) % 5]).join(
    "",
  );
  const hangul = Array.from({ length: 100 }, (_, n) => String.fromCharCode(0xac01 + n * 29)).join("");
  const forms = [longest, hangul].map((text) => [text.normalize("NFD"), text] as const);
  expect(forms.map(([decomposed]) => decomposed.length)).toEqual([512, expect.any(Number)]);
  const { email, accessToken } = await newUser();
  let currentPassword = PASSWORD;
  for (const [decomposed, composed] of forms) {
    expect((await change(accessToken, { currentPassword, newPassword: decomposed })).errors).toBeUndefined();
    expect((await open(email, decomposed)).code).toBe("in");
    expect((await open(email, composed)).code).toBe("in");
    currentPassword = decomposed;
  }
  const tooLong = `${"a\u0301".repeat(512)}b`;
  const faults = [
    await asking(null).run(SIGN_IN, { input: { email, password: tooLong } }),
    await change(accessToken, { currentPassword: tooLong, newPassword: NEW }),
    await change(accessToken, { currentPassword, newPassword: tooLong }),
    // Its composed form would be short enough to be judged, but nobody could use it.
    await change(accessToken, { currentPassword, newPassword: `${longest}x` }),
  ].map(({ errors }) => [errors?.[0]?.extensions.field, errors?.[0]?.message]);
  const most = "Choose a password of at most 128 characters.";
  expect(faults).toEqual([
    ["password", "Give at most 1024 characters."],
    ["currentPassword", "Give at most 1024 characters."],
    ["newPassword", most],
    ["newPassword", most],
  ]);
});

it("nobody who is not signed in changes a password", async () => {
  const { code, requestId } = await change(null, { currentPassword: PASSWORD, newPassword: NEW });
  expect(code).toBe("UNAUTHENTICATED");
  expect((await events(requestId)).map(({ event_type }) => event_type)).toEqual(["authz_fail"]);
});

it("of two changes at once with the same current password, one is made", async () => {
  const user = await newUser();
  const answers = await Promise.all(
    [NEW, "other-random-words"].map((newPassword) =>
      change(user.accessToken, { currentPassword: PASSWORD, newPassword }),
    ),
  );
  expect(answers.map(({ code }) => code).sort()).toEqual(["BAD_USER_INPUT", undefined]);
  expect(await app.sql`select version from users where id = ${user.id}`).toEqual([{ version: 2 }]);
});

it("a session that has ended while the password was looked at changes none", async () => {
  const user = await newUser();
  const passwordOf = () => app.sql`select password_hash, version from users where id = ${user.id}`;
  const before = await passwordOf();
  const changing = await app.sql.begin(async (sql) => {
    await sql`select from users where id = ${user.id} for update`;
    const changing = change(user.accessToken, { currentPassword: PASSWORD, newPassword: NEW });
    const waits = () =>
      app.sql`select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await expect.poll(waits, { timeout: 10_000 }).toHaveLength(1);
    await sql`update sessions set revoked_at = now() where user_id = ${user.id}`;
    return { changing };
  });
  const { code, errors, requestId } = await changing.changing;
  expect([code, errors?.[0]?.message]).toEqual(["UNAUTHENTICATED", "Your session has ended: sign in again."]);
  expect(await passwordOf()).toEqual(before);
  expect(await audited(requestId)).toMatchObject([{ action: "user.change-password", success: false }]);
});
