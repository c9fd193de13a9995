/** A request that takes long does not outlive its session, and a user has no more sessions than can be ended at once. */
import { connect } from "node:net";
import { expect, it } from "vitest";
import { EMAILS, signIn, testApp } from "../../../support/app.js";

const app = testApp();
const rows = () => app.sql`select * from users order by id`;

/** Sends the headers of a request, and its body later. @returns the function that sends it, and answers what comes */
async function holdBack(token: string, query: string): Promise<() => Promise<string>> {
  const { hostname, port } = new URL(app.url);
  const body = JSON.stringify({ query });
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (data) => (text += data));
  const said = (pattern: RegExp) => expect.poll(() => text, { timeout: 10_000 }).toMatch(pattern);
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`,
  );
  // It says so when it has read the headers.
  await said(/100 Continue/);
  return async () => {
    socket.write(body);
    await said(/\r\n\r\n\{.*\}/s);
    socket.destroy();
    return text;
  };
}

it.each(["query", "mutation"])("a %s whose body comes after the session has ended is refused", async (kind) => {
  const admin = await app.as("admin");
  const { accessToken } = await signIn(app.anonymous, EMAILS.otherAnalyst);
  const [user] = await app.sql`select id::text, version from users where email = ${EMAILS.otherAnalyst}`;
  const query =
    kind === "query"
      ? "{ viewer { role } }"
      : `mutation { updateUser(input: { id: "${user?.id}", version: ${user?.version}, fullName: "Late" }) { user { id } } }`;
  const send = await holdBack(accessToken, query);
  expect((await app.withToken(accessToken).run("{ viewer { role } }")).status).toBe(200);
  expect((await admin.run(`mutation { revokeSessions(input: { userId: ${user?.id} }) { revoked } }`)).status).toBe(200);
  const before = await rows();
  expect(await send()).toMatch(/401 .*Your session has ended: sign in again\./s);
  expect(await rows()).toEqual(before);
});

it("what stands behind the end of its session in a request is not done", async () => {
  const { accessToken } = await signIn(app.anonymous, EMAILS.otherAnalyst);
  const [user] = await app.sql`select id::text, version from users where email = ${EMAILS.otherAnalyst}`;
  const before = await rows();
  const answer = await app.withToken(accessToken).run(`mutation {
    signOut { signedOut }
    updateUser(input: { id: "${user?.id}", version: ${user?.version}, fullName: "Late" }) { user { id } }
  }`);
  expect(answer.data).toEqual({ signOut: { signedOut: true }, updateUser: null });
  expect(answer.errors).toMatchObject([
    {
      path: ["updateUser"],
      message: "Your session has ended: sign in again.",
      extensions: { code: "UNAUTHENTICATED" },
    },
  ]);
  expect(await rows()).toEqual(before);
});

it("one session more than a hundred ends the one that was not used for longest, on record", async () => {
  const [user] = await app.sql`select id from users where email = ${EMAILS.dba}`;
  await app.sql`delete from sessions where user_id = ${user?.id}`;
  await app.sql`insert into sessions (id, user_id, expires_at, last_used_at)
    select gen_random_uuid(), ${user?.id}, now() + interval '1 day', now() - n * interval '1 hour' from generate_series(1, 99) as n`;
  const living = () =>
    app.sql`select id from sessions where user_id = ${user?.id} and revoked_at is null order by last_used_at desc`;
  const { accessToken } = await signIn(app.anonymous, EMAILS.dba);
  const before = await living();
  expect(before).toHaveLength(100);
  const second = await signIn(app.anonymous, EMAILS.dba);
  const after = await living();
  expect(after.slice(1)).toEqual(before.slice(0, 99));
  for (const token of [accessToken, second.accessToken]) {
    expect((await app.withToken(token).run("{ viewer { role } }")).status).toBe(200);
  }
  const [event] = await app.sql`select event_type, user_id, metadata - 'requestId' as metadata from security_events
    where metadata->>'reason' = 'too_many_sessions'`;
  expect(event).toEqual({
    event_type: "session_expired",
    user_id: user?.id,
    metadata: { sessionId: before[99]?.id, reason: "too_many_sessions" },
  });
});
