/** A refresh token that comes again: from the same client at once it is answered again, from anybody else or later it ends its session. */
import { createHmac, hash } from "node:crypto";
import { expect, it } from "vitest";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";

/** Clients are told apart by the address that the proxy names. */
const app = testApp({ TRUSTED_PROXIES: "1" });

const REFRESH = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
  accessToken refreshToken expiresAt viewer { sessionExpiresAt user { email } } } }`;
const VIEWER = "{ viewer { role } }";
const SECOND = 1000;

const HOME = { "x-forwarded-for": "198.51.100.7", "user-agent": "browser/1" };
const refresh = (refreshToken: string, headers: Record<string, string> = HOME, client: Client = app.anonymous) =>
  client.run(REFRESH, { input: { refreshToken } }, headers);

/** Signs in from another place than HOME: what counts is who used the token. */
async function session() {
  const { refreshToken, accessToken } = await signIn(app.anonymous, EMAILS.analyst);
  const [{ id }] = (await app.sql`select id::text from sessions order by created_at desc limit 1`) as [{ id: string }];
  const state = async () => {
    const [row] = await app.sql`
      select revoked_at is not null as ended, expires_at::text, ip_address, user_agent,
        (select count(*)::int from refresh_tokens where session_id = sessions.id) as tokens,
        (select count(*)::int from refresh_tokens where session_id = sessions.id and used_at is not null) as used
      from sessions where id = ${id}`;
    return row as { ended: boolean; expires_at: string; tokens: number; used: number };
  };
  /** What the session's events say, in the order in which they came: one for each call. */
  const events = async () => {
    const rows = await app.sql`
      select event_type, metadata->'repeated' as repeated from security_events
      where metadata->>'sessionId' = ${id} and event_type <> 'authn_login_success' order by id`;
    return rows.map(({ event_type, repeated }) => (repeated ? `${event_type} again` : event_type) as string);
  };
  return { refreshToken, accessToken, state, events };
}

const RENEWED = "session_renewed";
const AGAIN = "session_renewed again";
const REUSED = "authn_token_reuse";

async function expectEnded(answer: Awaited<ReturnType<typeof refresh>>, accessToken: string) {
  expect([answer.code, answer.status, answer.data]).toEqual(["UNAUTHENTICATED", 401, { refreshSession: null }]);
  expect((await app.withToken(accessToken).run(VIEWER)).errors?.[0]?.message).toBe(
    "Your session has ended: sign in again.",
  );
}

it("a lost answer is given again, the same, and extends nothing", async () => {
  const { refreshToken, state, events } = await session();
  const first = await refresh(refreshToken);
  const before = await state();
  expect(before).toMatchObject({ ip_address: "198.51.100.7", user_agent: "browser/1", tokens: 2, used: 1 });
  app.clock.aheadMs += 9 * SECOND;
  const again = await refresh(refreshToken);
  expect(again.status).toBe(200);
  expect(again.data).toEqual(first.data);
  expect(await state()).toEqual(before);
  expect(await events()).toEqual([RENEWED, AGAIN]);
  const { accessToken, refreshToken: next } = again.data.refreshSession;
  expect((await app.withToken(accessToken).run(VIEWER)).status).toBe(200);
  expect((await refresh(next)).status).toBe(200);
});

it("50 parallel refreshes on two replicas get the same tokens; the used one ends the session later", async () => {
  const { refreshToken, accessToken, state, events } = await session();
  const replica = await app.replica();
  const clients = [app.anonymous, replica.as(null)];
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => refresh(refreshToken, HOME, clients[index % 2])),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
  const given = answers.map(({ data }) => data.refreshSession as { accessToken: string; refreshToken: string });
  expect(new Set(given.map((each) => each.refreshToken)).size).toBe(1);
  for (const token of new Set(given.map((each) => each.accessToken))) {
    expect((await app.withToken(token).run(VIEWER)).status).toBe(200);
  }
  expect(await state()).toMatchObject({ ended: false, tokens: 2, used: 1 });
  expect((await events()).sort()).toEqual([RENEWED, ...Array(49).fill(AGAIN)]);

  app.clock.aheadMs += 10.5 * SECOND;
  await expectEnded(await refresh(refreshToken), accessToken);
  expect(await state()).toMatchObject({ ended: true, tokens: 2, used: 1 });
  expect((await events()).slice(50)).toEqual([REUSED]);
  expect((await refresh(given[0]!.refreshToken)).code).toBe("UNAUTHENTICATED");
  await replica.stop();
});

it.each([
  ["after 10 seconds", HOME, 10.5 * SECOND],
  ["by a clock that is behind by more", HOME, -10.5 * SECOND],
  ["from another address", { ...HOME, "x-forwarded-for": "198.51.100.8" }, 0],
  ["by another program", { ...HOME, "user-agent": "browser/2" }, 0],
  ["by a program without a name", { ...HOME, "user-agent": "" }, 0],
])("a used token that comes again %s ends its session", async (_, headers, laterMs) => {
  const { refreshToken, accessToken, state, events } = await session();
  const { refreshToken: next } = (await refresh(refreshToken)).data.refreshSession;
  app.clock.aheadMs += laterMs;
  await expectEnded(await refresh(refreshToken, headers), accessToken);
  expect(await state()).toMatchObject({ ended: true, tokens: 2, used: 1 });
  expect((await refresh(next)).code).toBe("UNAUTHENTICATED");
  expect((await events()).slice(0, 2)).toEqual([RENEWED, REUSED]);
  app.clock.aheadMs = 0;
});

it("a used token whose successor is used too ends the session, at once and for the right client", async () => {
  const { refreshToken, accessToken, state, events } = await session();
  const second = (await refresh(refreshToken)).data.refreshSession;
  const third = (await refresh(second.refreshToken)).data.refreshSession;
  expect(new Set([refreshToken, second.refreshToken, third.refreshToken]).size).toBe(3);
  await expectEnded(await refresh(refreshToken), accessToken);
  expect(await state()).toMatchObject({ ended: true, tokens: 3, used: 2 });
  expect(await events()).toEqual([RENEWED, RENEWED, REUSED]);
  expect((await refresh(third.refreshToken)).code).toBe("UNAUTHENTICATED");
});

it("a session that was ended is not renewed by a token that comes again", async () => {
  const { refreshToken, events } = await session();
  const { accessToken } = (await refresh(refreshToken)).data.refreshSession;
  await app.withToken(accessToken).run("mutation { signOut { signedOut } }");
  expect((await refresh(refreshToken)).code).toBe("UNAUTHENTICATED");
  expect(await events()).toEqual([RENEWED, "session_expired", REUSED]);
});

it("the next token is not told by the used one or by what is stored, but for the key", async () => {
  const { refreshToken } = await session();
  const next = (await refresh(refreshToken)).data.refreshSession.refreshToken as string;
  expect(next).toMatch(/^[\w-]{43}$/);
  for (const told of [refreshToken, hash("sha256", refreshToken, "hex")]) {
    expect(hash("sha256", told, "base64url")).not.toBe(next);
    expect(createHmac("sha256", "").update(told).digest("base64url")).not.toBe(next);
  }
  expect(JSON.stringify(await app.sql`select * from refresh_tokens`)).not.toContain(next);
});
