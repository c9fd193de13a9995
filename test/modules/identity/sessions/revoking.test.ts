/** Revoking sessions: one's own by everybody, anybody's by SECURITY and ADMIN, at once, with an event for each and an audit record. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Client, EMAILS, type Somebody, signIn, testApp } from "../../../support/app.js";
import { digestOf } from "../../../support/digest.js";

const app = testApp();

const ONE = "mutation($input: RevokeSessionInput!) { revokeSession(input: $input) { session { id current endedAt } } }";
const MANY = "mutation($input: RevokeSessionsInput) { revokeSessions(input: $input) { revoked } }";
const digest = digestOf(app, ["audit_logs", "security_events"]);
const VIEWER = "{ viewer { role } }";
const REFRESH = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { expiresAt } }";
const ENDED = "Your session has ended: sign in again.";

let serial = 0;
/** Sends with a request id of its own. @returns the answer, and what it has left */
async function run(client: Client, document: string, input: object | undefined) {
  const requestId = `revoke.${++serial}`;
  const answer = await client.run(document, { input }, { "x-request-id": requestId });
  const events = await app.sql`
    select event_type, event_status, user_id::text, ip_address, metadata - 'requestId' as metadata
    from security_events where metadata->>'requestId' = ${requestId} order by id`;
  const records = await app.sql`
    select action, resource_type, resource_id, success, user_id::text, parameters, result
    from audit_logs where request_id = ${requestId} order by id`;
  return { answer, events: [...events], records: [...records] };
}
type Record = { result: object };

const idOf = async (who: Somebody): Promise<string> =>
  (await app.sql`select id::text from users where email = ${EMAILS[who]}`)[0]?.id;

/** Signs in anew. */
async function open(who: Somebody) {
  const { accessToken, refreshToken } = await signIn(app.anonymous, EMAILS[who]);
  const [row] = await app.sql`select key::text, id::text as sid from sessions order by created_at desc limit 1`;
  const client = app.withToken(accessToken);
  const isRefused = async () => {
    const { code, errors } = await client.run(VIEWER);
    const refreshed = await app.anonymous.run(REFRESH, { input: { refreshToken } });
    return code === "UNAUTHENTICATED" && errors?.[0]?.message === ENDED && refreshed.code === "UNAUTHENTICATED";
  };
  const lives = async () => (await client.run(VIEWER)).status === 200;
  return { key: row?.key as string, sid: row?.sid as string, client, isRefused, lives };
}
const rowsOf = async (...keys: string[]) =>
  (await app.sql`select revoked_at is not null as ended from sessions where key in ${app.sql(keys)} order by key`).map(
    ({ ended }) => ended,
  );
const actorOf = async (who: Somebody) => ({
  type: "user",
  id: await idOf(who),
  email: EMAILS[who],
  role: who.toUpperCase(),
});

beforeEach(() => app.sql`delete from sessions`);

describe("revokeSession", () => {
  it("ends another of one's own sessions, its access token and its refresh token", async () => {
    const [here, there] = [await open("viewer"), await open("viewer")];
    const { answer, events, records } = await run(here.client, ONE, { id: there.key });
    expect(answer.errors).toBeUndefined();
    expect(answer.data.revokeSession.session).toEqual({ id: there.key, current: false, endedAt: expect.any(String) });
    expect([await there.isRefused(), await here.lives()]).toEqual([true, true]);
    expect(await rowsOf(here.key, there.key)).toEqual([false, true]);
    const userId = await idOf("viewer");
    expect(events).toEqual([
      {
        event_type: "session_expired",
        event_status: "SUCCESS",
        user_id: userId,
        ip_address: "127.0.0.1",
        metadata: { sessionId: there.sid, reason: "revoked", revokedBy: await actorOf("viewer") },
      },
    ]);
    expect(records).toEqual([
      {
        action: "session.revoke",
        resource_type: "session",
        resource_id: there.key,
        success: true,
        user_id: userId,
        parameters: { id: there.key },
        result: { endedNow: true },
      },
    ]);
  });

  it("ends the session that asks, which gets its answer", async () => {
    const here = await open("dba");
    const { answer } = await run(here.client, ONE, { id: here.key });
    expect(answer.data.revokeSession.session).toMatchObject({ id: here.key, current: true });
    expect(await here.isRefused()).toBe(true);
  });

  it("leaves one that has ended as it is: no fault, no event, a record", async () => {
    const [here, there] = [await open("viewer"), await open("viewer")];
    const first = await run(here.client, ONE, { id: there.key });
    const again = await run(here.client, ONE, { id: there.key });
    expect(again.answer.data).toEqual(first.answer.data);
    expect(again.events).toEqual([]);
    expect(again.records).toMatchObject([{ success: true, result: { endedNow: false } }]);
  });

  it.each(["viewer", "analyst", "dba"] as const)("of somebody else is to %s as one that is not there", async (who) => {
    const [theirs, here] = [await open("otherViewer"), await open(who)];
    const before = await digest();
    const bodies = [];
    for (const id of [theirs.key, "987654321"]) {
      const { answer, events, records } = await run(here.client, ONE, { id });
      expect([answer.status, answer.code, answer.data]).toEqual([404, "NOT_FOUND", { revokeSession: null }]);
      expect(events).toEqual([]);
      expect(records).toMatchObject([
        { action: "session.revoke", resource_id: id, success: false, result: { code: "NOT_FOUND" } },
      ]);
      bodies.push(answer.errors?.map(({ extensions: { requestId: _, ...rest }, ...error }) => ({ ...error, rest })));
    }
    expect(bodies[0]).toEqual(bodies[1]);
    expect(await digest()).toBe(before);
    expect(await theirs.lives()).toBe(true);
  });

  it.each(["security", "admin"] as const)("is anybody's for %s", async (who) => {
    const [theirs, officer] = [await open("otherViewer"), await open(who)];
    const { answer, events, records } = await run(officer.client, ONE, { id: theirs.key });
    expect(answer.data.revokeSession.session).toMatchObject({ id: theirs.key, current: false });
    expect(await theirs.isRefused()).toBe(true);
    expect(events).toMatchObject([
      { user_id: await idOf("otherViewer"), metadata: { sessionId: theirs.sid, revokedBy: await actorOf(who) } },
    ]);
    expect(records).toMatchObject([{ user_id: await idOf(who), resource_id: theirs.key, success: true }]);
  });

  it.each(["", "x", "1.5", "99999999999999999999"])("refuses the id %o", async (id) => {
    const here = await open("viewer");
    const { answer } = await run(here.client, ONE, { id });
    expect([answer.status, answer.code, answer.errors?.[0]?.extensions.field]).toEqual([400, "BAD_USER_INPUT", "id"]);
    expect(await here.lives()).toBe(true);
  });
});

describe("revokeSessions", () => {
  it.each([undefined, null, {}, { userId: null }])("with %o ends all of one's own but this one", async (input) => {
    const [here, ...others] = [await open("analyst"), await open("analyst"), await open("analyst")];
    const theirs = await open("viewer");
    const { answer, events, records } = await run(here.client, MANY, input as object | undefined);
    expect(answer.data).toEqual({ revokeSessions: { revoked: 2 } });
    expect(await Promise.all(others.map(({ isRefused }) => isRefused()))).toEqual([true, true]);
    expect([await here.lives(), await theirs.lives()]).toEqual([true, true]);
    expect(events.map(({ metadata }) => metadata.sessionId).sort()).toEqual(others.map(({ sid }) => sid).sort());
    expect(records).toMatchObject([
      {
        action: "session.revoke-many",
        resource_type: "session",
        resource_id: await idOf("analyst"),
        success: true,
        result: { revoked: 2 },
      },
    ]);
    expect((await run(here.client, MANY, input as object | undefined)).answer.data).toEqual({
      revokeSessions: { revoked: 0 },
    });
  });

  it("with one's own id ends them all", async () => {
    const sessions = [await open("viewer"), await open("viewer")];
    const { answer } = await run(sessions[0]!.client, MANY, { userId: await idOf("viewer") });
    expect(answer.data).toEqual({ revokeSessions: { revoked: 2 } });
    expect(await Promise.all(sessions.map(({ isRefused }) => isRefused()))).toEqual([true, true]);
  });

  it.each(["viewer", "analyst", "dba"] as const)("of another user is refused to %s, there or not", async (who) => {
    const [theirs, here] = [await open("otherViewer"), await open(who)];
    for (const userId of [await idOf("otherViewer"), "987654321"]) {
      const { answer, events, records } = await run(here.client, MANY, { userId });
      expect([answer.status, answer.code, answer.data]).toEqual([403, "FORBIDDEN", { revokeSessions: null }]);
      expect(answer.errors?.[0]).toMatchObject({
        message: "Your role may end only your own sessions.",
        extensions: { permission: "sessions:revoke" },
      });
      expect(events).toMatchObject([{ event_type: "authz_fail", user_id: await idOf(who) }]);
      expect(records).toMatchObject([{ success: false, result: { code: "FORBIDDEN" } }]);
    }
    expect([await theirs.lives(), await rowsOf(theirs.key)]).toEqual([true, [false]]);
  });

  it.each(["security", "admin"] as const)("of any user end at the word of %s", async (who) => {
    const [one, other, officer] = [await open("otherViewer"), await open("otherViewer"), await open(who)];
    const userId = await idOf("otherViewer");
    const { answer, events } = await run(officer.client, MANY, { userId });
    expect(answer.data).toEqual({ revokeSessions: { revoked: 2 } });
    expect([await one.isRefused(), await other.isRefused(), await officer.lives()]).toEqual([true, true, true]);
    const revokedBy = await actorOf(who);
    expect(events.map(({ user_id, metadata }) => [user_id, metadata.revokedBy])).toEqual(
      Array(2).fill([userId, revokedBy]),
    );
    const unknown = await run(officer.client, MANY, { userId: "987654321" });
    expect([unknown.answer.status, unknown.answer.code, unknown.events]).toEqual([404, "NOT_FOUND", []]);
    expect(unknown.answer.errors?.[0]?.extensions.field).toBe("userId");
    expect(unknown.records).toMatchObject([{ success: false, result: { code: "NOT_FOUND" } }]);
  });

  it("leaves at most a hundred events, and one for how many more there were", async () => {
    const here = await open("viewer");
    const userId = await idOf("viewer");
    await app.sql`insert into sessions (id, user_id, expires_at)
      select gen_random_uuid(), ${userId}, now() + interval '7 days' from generate_series(1, 150)`;
    const { answer, events, records } = await run(here.client, MANY, {});
    expect(answer.data).toEqual({ revokeSessions: { revoked: 150 } });
    expect(new Set(events.map(({ metadata }) => metadata.sessionId)).size).toBe(101);
    expect(events).toHaveLength(101);
    expect(events.at(-1)).toMatchObject({ user_id: userId, metadata: { sessionId: null, sessions: 50 } });
    expect(records.map((record) => (record as unknown as Record).result)).toEqual([{ revoked: 150 }]);
  });

  it("beside changes of the account neither waits for ever, and no session is left behind", async () => {
    const [officer, userId] = [await app.as("security"), await idOf("otherAnalyst")];
    await app.sql`insert into sessions (id, user_id, expires_at)
      select gen_random_uuid(), ${userId}, now() + interval '7 days' from generate_series(1, 200)`;
    const owner = await app.as("admin");
    const assign = (n: number) =>
      owner.run("mutation($input: UpdateUsersInput!) { updateUsers(input: $input) { users { id } } }", {
        input: { filter: { id: { eq: userId } }, expectedCount: 1, changes: { role: n % 2 ? "ANALYST" : "VIEWER" } },
      });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => (n % 2 ? assign((n - 1) / 2) : officer.run(MANY, { input: { userId } }))),
    );
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => undefined));
    expect(await app.sql`select from sessions where user_id = ${userId} and revoked_at is null`).toHaveLength(0);
  });
});
