/** Signing in, staying signed in and signing out, over HTTP, with the security events that each leaves. */
import { expect, it } from "vitest";
import { type Client, EMAILS, PASSWORD, signIn, testApp } from "../../../support/app.js";

const app = testApp();

const SIGN_IN = `mutation($input: SignInInput!) { signIn(input: $input) {
  accessToken refreshToken expiresAt viewer { role permissions sessionExpiresAt user { email } organization { name } } } }`;
const REFRESH = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken refreshToken } }`;
const SIGN_OUT = `mutation($input: SignOutInput) { signOut(input: $input) { signedOut } }`;
const VIEWER = "{ viewer { role } }";

/** The events of a request, without those of others. */
const events = (requestId: string) => app.sql`
  select event_type, event_status, user_id::text, ip_address, user_agent, metadata - 'requestId' as metadata
  from security_events where metadata->>'requestId' = ${requestId} order by id`;
const idOf = async (email: string) =>
  (await app.sql`select id::text from users where email = ${email}`)[0]!.id as string;
const counts = async () =>
  (
    await app.sql`select (select count(*)::int from sessions) as sessions,
      (select count(*)::int from refresh_tokens) as tokens, (select count(*)::int from audit_logs) as audit`
  )[0] as { sessions: number; tokens: number; audit: number };
const refresh = (client: Client, refreshToken: string, requestId = "refresh") =>
  client.run(REFRESH, { input: { refreshToken } }, { "x-request-id": requestId });

let serial = 0;
const nextId = (name: string) => `${name}.${++serial}`;

it.each(["viewer@demo.example", "VIEWER@Demo.Example"])("signs %s in", async (email) => {
  const requestId = nextId("in");
  const before = await counts();
  const headers = { "x-request-id": requestId, "user-agent": "tester/1" };
  const { data, status } = await app.anonymous.run(SIGN_IN, { input: { email, password: PASSWORD } }, headers);
  expect(status).toBe(200);
  const { accessToken, refreshToken, expiresAt, viewer } = data.signIn;
  expect(viewer).toMatchObject({
    role: "VIEWER",
    user: { email: EMAILS.viewer },
    organization: { name: "Harbour Bank" },
  });
  expect(viewer.permissions).toContain("scans:read");
  expect(viewer.permissions).not.toContain("scans:write");
  expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(14 * 60_000);
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
  expect(Date.parse(viewer.sessionExpiresAt) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
  expect(Date.parse(viewer.sessionExpiresAt) - Date.now()).toBeLessThanOrEqual(7 * 86_400_000);
  expect((await app.withToken(accessToken).run(VIEWER)).data).toEqual({ viewer: { role: "VIEWER" } });
  expect(await counts()).toEqual({ ...before, sessions: before.sessions + 1, tokens: before.tokens + 1 });
  expect(await events(requestId)).toEqual([
    {
      event_type: "authn_login_success",
      event_status: "SUCCESS",
      user_id: await idOf(EMAILS.viewer),
      ip_address: "127.0.0.1",
      user_agent: "tester/1",
      metadata: { sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    },
  ]);
  const stored = JSON.stringify(await app.sql`select * from refresh_tokens`);
  expect(stored).not.toContain(refreshToken);
});

it.each([
  ["a wrong password", EMAILS.viewer, "not the password", true],
  ["an unknown address", "nobody@demo.example", PASSWORD, false],
  ["a one-time code where none is asked", EMAILS.viewer, "not the password", true],
  ["a password in the field of the address", "correct horse battery", "x", false],
])("refuses %s in the same words", async (_, email, password, known) => {
  const requestId = nextId("fail");
  const before = await counts();
  const { code, status, errors, data } = await app.anonymous.run(
    SIGN_IN,
    { input: { email, password, otp: "123456" } },
    { "x-request-id": requestId },
  );
  expect([code, status, data]).toEqual(["UNAUTHENTICATED", 401, { signIn: null }]);
  expect(errors?.[0]?.message).toBe("The e-mail address or the password is wrong. Check both and try again.");
  expect(await counts()).toEqual(before);
  const kept = await events(requestId);
  expect(kept).toMatchObject([
    { event_type: "authn_login_fail", event_status: "FAILURE", user_id: known ? await idOf(EMAILS.viewer) : null },
  ]);
  expect(JSON.stringify(kept)).not.toContain(password);
  expect(JSON.stringify(kept)).not.toContain("correct horse");
});

it("a refresh gives new credentials of the same session; the old refresh token then ends it, once it is old", async () => {
  const first = await signIn(app.anonymous, EMAILS.analyst);
  const renewedBy = nextId("refresh");
  const { data, status } = await refresh(app.anonymous, first.refreshToken, renewedBy);
  expect(status).toBe(200);
  const second = data.refreshSession;
  expect(second.refreshToken).not.toBe(first.refreshToken);
  expect(await events(renewedBy)).toMatchObject([
    { event_type: "session_renewed", user_id: await idOf(EMAILS.analyst) },
  ]);
  for (const token of [first.accessToken, second.accessToken]) {
    expect((await app.withToken(token).run(VIEWER)).status).toBe(200);
  }

  app.clock.aheadMs += 11_000;
  const reusedBy = nextId("reuse");
  const reuse = await refresh(app.anonymous, first.refreshToken, reusedBy);
  expect([reuse.code, reuse.status]).toEqual(["UNAUTHENTICATED", 401]);
  const { sessionId } = (await events(renewedBy))[0]!.metadata;
  expect(await events(reusedBy)).toMatchObject([
    { event_type: "authn_token_reuse", user_id: await idOf(EMAILS.analyst), metadata: { sessionId } },
  ]);
  for (const token of [first.accessToken, second.accessToken]) {
    const { code, errors } = await app.withToken(token).run(VIEWER);
    expect([code, errors?.[0]?.message]).toEqual(["UNAUTHENTICATED", "Your session has ended: sign in again."]);
  }
  expect((await refresh(app.anonymous, second.refreshToken)).code).toBe("UNAUTHENTICATED");
  app.clock.aheadMs = 0;
});

it.each(["", "unknown", "x".repeat(100_000), "\u00e9"])(
  "refuses a refresh token that is none: %.10s",
  async (refreshToken) => {
    const requestId = nextId("none");
    const { code, status } = await refresh(app.anonymous, refreshToken, requestId);
    expect([code, status]).toEqual(["UNAUTHENTICATED", 401]);
    expect(await events(requestId)).toMatchObject([
      { event_type: "authn_login_fail", user_id: null, metadata: { reason: "refresh_token_unknown" } },
    ]);
  },
);

it("signing out ends the session and its access token, here at once and on a replica within two seconds", async () => {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  const replica = await app.replica();
  const [here, there] = [app.withToken(accessToken), replica.as(accessToken)];
  expect((await there.run(VIEWER)).status).toBe(200);
  const requestId = nextId("out");
  const before = await counts();
  expect((await here.run(SIGN_OUT, {}, { "x-request-id": requestId })).data).toEqual({ signOut: { signedOut: true } });
  expect(await events(requestId)).toMatchObject([{ event_type: "session_expired", metadata: { reason: "sign_out" } }]);
  expect(await counts()).toEqual(before);
  expect((await here.run(VIEWER)).code).toBe("UNAUTHENTICATED");
  expect((await refresh(app.anonymous, refreshToken)).code).toBe("UNAUTHENTICATED");
  const deadline = Date.now() + 2000;
  while ((await there.run(VIEWER)).code !== "UNAUTHENTICATED") expect(Date.now()).toBeLessThan(deadline);
  await replica.stop();
});

it("signs out by the refresh token alone, and once more without a fault", async () => {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  for (const left of [1, 0]) {
    const requestId = nextId("out");
    const { data } = await app.anonymous.run(SIGN_OUT, { input: { refreshToken } }, { "x-request-id": requestId });
    expect(data).toEqual({ signOut: { signedOut: true } });
    expect(await events(requestId)).toHaveLength(left);
  }
  expect((await app.withToken(accessToken).run(VIEWER)).status).toBe(401);
});

it.each([null, {}, { refreshToken: null }, { refreshToken: "unknown" }])(
  "there is nothing to sign out of: %o",
  async (input) => {
    const requestId = nextId("nothing");
    const { code, status } = await app.anonymous.run(SIGN_OUT, { input }, { "x-request-id": requestId });
    expect([code, status]).toEqual(["UNAUTHENTICATED", 401]);
    expect(await events(requestId)).toMatchObject([{ metadata: { reason: "sign_out_without_session" } }]);
  },
);
