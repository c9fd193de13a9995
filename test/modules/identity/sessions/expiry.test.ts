/** How long a session lives: 15 minutes by its access token, 7 days without a refresh, 30 days in all. */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EMAILS, signIn, testApp } from "../../../support/app.js";

const app = testApp();

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const VIEWER = "{ viewer { sessionExpiresAt } }";
const REFRESH = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
  accessToken refreshToken expiresAt viewer { sessionExpiresAt } } }`;

const refresh = (refreshToken: string, requestId = "refresh") =>
  app.anonymous.run(REFRESH, { input: { refreshToken } }, { "x-request-id": requestId });
const reasonOf = async (requestId: string) =>
  (
    await app.sql`select metadata->>'reason' as reason from security_events where metadata->>'requestId' = ${requestId}`
  ).map(({ reason }) => reason);
/** The only session: its ends in days after it was opened, and whether it was used since. */
async function moments() {
  const [row] = await app.sql`
    select last_used_at > created_at as used,
      round(extract(epoch from expires_at - created_at) / 86400, 4)::float8 as expires,
      round(extract(epoch from ends_at - created_at) / 86400, 4)::float8 as ends
    from sessions order by created_at desc limit 1`;
  return row;
}

beforeEach(() => app.sql`delete from sessions`);
afterEach(() => {
  app.clock.aheadMs = 0;
});

it("an access token lives 15 minutes", async () => {
  const client = app.withToken((await signIn(app.anonymous, EMAILS.viewer)).accessToken);
  app.clock.aheadMs += 14.9 * MINUTE;
  expect((await client.run(VIEWER)).status).toBe(200);
  app.clock.aheadMs += MINUTE;
  const { code, errors } = await client.run(VIEWER);
  expect([code, errors?.[0]?.message]).toEqual([
    "UNAUTHENTICATED",
    "Your access token has expired: call refreshSession or sign in again.",
  ]);
});

it("a session ends after 7 days without a refresh; requests in between do not count", async () => {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  expect(await moments()).toEqual({ used: false, expires: 7, ends: 30 });
  app.clock.aheadMs += 10 * MINUTE;
  expect((await app.withToken(accessToken).run(VIEWER)).status).toBe(200);
  expect(await moments()).toEqual({ used: false, expires: 7, ends: 30 });
  app.clock.aheadMs = 7 * DAY + MINUTE;
  expect((await refresh(refreshToken, "idle")).code).toBe("UNAUTHENTICATED");
  expect(await reasonOf("idle")).toEqual(["refresh_token_expired"]);
});

it("each refresh gives it 7 days, but none lets it or its access token live longer than 30 days", async () => {
  const opened = Date.now();
  let { refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  for (const [day, expires] of [
    [6.9, 13.9],
    [13.8, 20.8],
    [20.7, 27.7],
    [27.6, 30],
  ] as const) {
    app.clock.aheadMs = day * DAY;
    const renewed = (await refresh(refreshToken)).data.refreshSession;
    refreshToken = renewed.refreshToken;
    const stored = await moments();
    expect(stored?.used).toBe(true);
    expect(stored?.expires).toBeCloseTo(expires, 3);
    expect(stored?.ends).toBe(30);
    expect((Date.parse(renewed.viewer.sessionExpiresAt) - opened) / DAY).toBeCloseTo(expires, 3);
    // What the session says of its end, every access token of it says.
    expect((await app.withToken(renewed.accessToken).run(VIEWER)).data).toEqual({ viewer: renewed.viewer });
  }
  app.clock.aheadMs = 30 * DAY - 5 * MINUTE;
  const last = (await refresh(refreshToken)).data.refreshSession;
  expect(last.expiresAt).toBe(last.viewer.sessionExpiresAt);
  expect((await app.withToken(last.accessToken).run(VIEWER)).status).toBe(200);
  app.clock.aheadMs = 30 * DAY + MINUTE;
  expect((await app.withToken(last.accessToken).run(VIEWER)).code).toBe("UNAUTHENTICATED");
  expect((await refresh(last.refreshToken, "over")).code).toBe("UNAUTHENTICATED");
  expect(await reasonOf("over")).toEqual(["refresh_token_expired"]);
});

it("a lost answer of the last days is given again, the same", async () => {
  const { refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  await app.sql`update sessions set ends_at = now() + interval '10 minutes 0.7 seconds'`;
  const first = await refresh(refreshToken);
  expect(first.data.refreshSession.expiresAt).toBe(first.data.refreshSession.viewer.sessionExpiresAt);
  expect((await refresh(refreshToken)).data).toEqual(first.data);
});

it("a replica of the release before opens and refreshes sessions beside this one", async () => {
  const { refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  // What that release writes: at a refresh, and at a sign-in.
  await app.sql`update sessions set expires_at = now() + interval '30 days'`;
  await app.sql`update refresh_tokens set expires_at = now() + interval '30 days'`;
  await app.sql`insert into sessions (id, user_id, expires_at) values (${randomUUID()}, 1, now() + interval '30 days')`;
  expect(await moments()).toEqual({ used: false, expires: 30, ends: 30 });
  app.clock.aheadMs = 29.9 * DAY;
  const { status, data } = await refresh(refreshToken);
  expect(status).toBe(200);
  app.clock.aheadMs = 30 * DAY + MINUTE;
  expect((await refresh(data.refreshSession.refreshToken)).code).toBe("UNAUTHENTICATED");
});

it("sessions of the release before get their ends when it is updated", async () => {
  const migration = readFileSync(new URL("../../../../drizzle/0013_session_ends.sql", import.meta.url), "utf8");
  const before = await app.sql.begin(async (sql) => {
    await sql`alter table sessions drop column last_used_at, drop column ends_at`;
    const opened = async (name: string, age: string, usedBefore: string) => {
      await sql`insert into sessions (id, user_id, created_at, expires_at, user_agent)
        values (${randomUUID()}, 1, now() - ${age}::interval, now() - ${usedBefore}::interval + interval '30 days', ${name})`;
      await sql`insert into refresh_tokens (token_hash, session_id, expires_at, used_at)
        select ${name}, id, expires_at, null from sessions where user_agent = ${name}`;
    };
    await opened("young", "3 days", "1 day");
    await opened("idle", "20 days", "8 days");
    await opened("near its end", "29 days", "1 hour");
    await opened("old", "100 days", "5 minutes");
    for (const statement of migration.split("--> statement-breakpoint")) await sql.unsafe(statement);
    const inDays = (column: string) => sql.unsafe(`round(extract(epoch from ${column} - now()) / 86400, 2)::float8`);
    return sql`
      select s.user_agent as name, ${inDays("last_used_at")} as used, ${inDays("s.expires_at")} as expires,
        ${inDays("ends_at")} as ends, ${inDays("t.expires_at")} as token
      from sessions s join refresh_tokens t on t.session_id = s.id order by s.created_at desc`;
  });
  expect(before).toEqual([
    { name: "young", used: -1, expires: 6, ends: 27, token: 6 },
    { name: "idle", used: -8, expires: 0, ends: 10, token: -1 },
    { name: "near its end", used: -0.04, expires: 1, ends: 1, token: 1 },
    { name: "old", used: 0, expires: 0, ends: -70, token: -70 },
  ]);
});
