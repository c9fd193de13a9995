/** A connection lasts as long as its token, its session and its account do, and clients come back with a fresh token. */
import { once } from "node:events";
import { afterEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { type Client, signIn, testApp } from "../../support/app.js";
import { leftBy } from "../../support/fleet-app.js";
import { insertInstance, insertOperation } from "../../support/fleet-port.js";
import { begun, openLive, socketUrl, untilPolled } from "../../support/live.js";
import { openProxy } from "../../support/proxy.js";
import { SOON } from "../../support/soon.js";

const app = testApp({}, undefined, { liveMs: 100, revocationsMs: 50 });
afterEach(() => {
  app.clock.aheadMs = 0;
});

const EVENTS = 'subscription { securityEventRecorded(filter: { eventType: { startsWith: "end" } }) { id eventType } }';
const ENDED = "Your session has ended: sign in again.";
const EXPIRED = "Your access token has expired: call refreshSession or sign in again.";

async function somebody(name: string, role = "SECURITY") {
  const admin = await app.as("admin");
  const input = { email: `${name}@ends.example`, password: "correct horse battery", role };
  const { data, errors } = await admin.run(
    "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id version } } }",
    { input },
  );
  expect(errors).toBeUndefined();
  const tokens = await signIn(app.anonymous, input.email, input.password);
  return { ...tokens, id: data.createUser.user.id as string, email: input.email, password: input.password };
}

type Person = Awaited<ReturnType<typeof somebody>>;

const ENDINGS: Record<string, (person: Person, admin: Client) => Promise<{ errors: unknown }>> = {
  "signing out": ({ accessToken }) => app.withToken(accessToken).run("mutation { signOut { signedOut } }"),
  "a lock": ({ id }, admin) =>
    admin.run('mutation($id: ID!) { lockUser(input: { id: $id, reason: "OPS-7" }) { user { id } } }', { id }),
  "another role": ({ id }, admin) =>
    admin.run("mutation($id: ID!) { updateUser(input: { id: $id, version: 1, role: DBA }) { user { id } } }", { id }),
};

it.each(Object.keys(ENDINGS))("%s on another replica closes it, and nothing comes any more", async (name) => {
  const replica = await app.replica();
  const person = await somebody(name.replaceAll(" ", "-"));
  const live = openLive(replica.url, person.accessToken);
  const following = await begun(app, () => live.follow(EVENTS));
  await app.sql`insert into security_events (event_type, event_status) values ('end_before', 'SUCCESS')`;
  await following.count(1);
  expect((await ENDINGS[name]!(person, await app.as("admin"))).errors).toBeUndefined();
  expect(await live.closed()).toEqual([4403, ENDED]);
  await app.sql`insert into security_events (event_type, event_status) values ('end_after', 'SUCCESS')`;
  expect(following.messages).toHaveLength(1);
  await replica.stop();
});

it("the end of the token closes it, and a client that asks for a fresh one goes on by itself", async () => {
  const person = await somebody("expiring");
  let token = person.accessToken;
  const live = openLive(app.url, null, {
    connectionParams: () => ({ authorization: `Bearer ${token}` }),
    retryAttempts: 5,
    retryWait: async () => {
      // As an application does: it refreshes before it comes back.
      const { data } = await app.anonymous.run(
        "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken } }",
        { input: { refreshToken: person.refreshToken } },
      );
      token = data.refreshSession.accessToken;
    },
    shouldRetry: () => true,
  });
  const following = await begun(app, () => live.follow(EVENTS));
  app.clock.aheadMs = 16 * 60_000;
  expect(await live.closed()).toEqual([4403, EXPIRED]);
  await vi.waitFor(async () => {
    await app.sql`insert into security_events (event_type, event_status) values ('end_again', 'SUCCESS')`;
    expect(following.messages.length).toBeGreaterThan(0);
  }, SOON);
  live.dispose();
});

it.each([
  ["no token", null, "Send `Authorization: Bearer <access token>` in connection_init."],
  ["a token that is none", "x.y.z", "Your access token is not valid: sign in again."],
])("%s closes it before it begins, and is recorded and logged", async (_, token, reason) => {
  app.log.length = 0;
  const { events } = await leftBy(app, async () => {
    const live = openLive(app.url, token);
    live.follow(EVENTS);
    expect(await live.closed()).toEqual([4403, reason]);
  });
  expect(events).toMatchObject([
    { event_type: "authz_fail", metadata: { code: "UNAUTHENTICATED", field: "connection_init" } },
  ]);
  const lines = app.log.filter(({ msg }) => msg === "request");
  expect(lines).toMatchObject([{ method: "GET", route: "/graphql", status: 101, code: "UNAUTHENTICATED" }]);
});

it("a role that loses a field gets it no more once it is back", async () => {
  const person = await somebody("demoted", "DBA");
  const instanceId = await insertInstance(app, "TEST");
  const id = await insertOperation(app, instanceId, "RUNNING");
  const query = `subscription { operationUpdated(operationId: ${id}) { instance { endpoint { host } } resourceStatus } }`;
  const before = openLive(app.url, person.accessToken);
  const [shown] = await before.follow(query).count(1);
  expect(shown.instance.endpoint).toEqual({ host: expect.any(String) });
  await (await app.as("admin")).run(
    "mutation($id: ID!) { updateUser(input: { id: $id, version: 1, role: SECURITY }) { user { id } } }",
    { id: person.id },
  );
  expect(await before.closed()).toEqual([4403, ENDED]);
  const { accessToken } = await signIn(app.anonymous, person.email, person.password);
  const after = openLive(app.url, accessToken);
  const following = after.follow(query);
  const [hidden] = await following.count(1);
  expect(hidden).toEqual({ instance: { endpoint: null }, resourceStatus: null });
  expect(following.messages[0]?.errors?.[0]?.extensions?.code).toBe("FORBIDDEN");
  after.dispose();
});

it("a stop closes it with a code with which clients connect again, and is not held up", async () => {
  const replica = await app.replica();
  const live = openLive(replica.url, (await app.as("security")).token);
  await begun(app, () => live.follow(EVENTS));
  await replica.stop();
  expect(await live.closed()).toEqual([1001, "Postern stops: connect again."]);
});

it("a client that does not answer the close of a stop is cut off", async () => {
  const replica = await app.replica();
  const socket = new WebSocket(socketUrl(replica.url), "graphql-transport-ws");
  await once(socket, "open");
  socket.pause();
  await replica.stop();
  const closed = once(socket, "close");
  socket.resume();
  expect((await closed)[0]).toBe(1001);
});

it("a database that is away for a while ends nothing, and what was written meanwhile comes once", async () => {
  let isBroken = false;
  const proxy = await openProxy(undefined, false, (data) => (isBroken ? null : data));
  const replica = await app.replica(proxy.connection);
  const live = openLive(replica.url, (await app.as("security")).token);
  const following = await begun(app, () => live.follow(EVENTS));
  isBroken = true;
  await vi.waitFor(() => {
    expect(app.log.map(({ msg }) => msg)).toContain(
      "changes of rows: the database does not answer; who subscribes waits",
    );
  }, SOON);
  await app.sql`insert into security_events (event_type, event_status) values ('end_away', 'SUCCESS')`;
  isBroken = false;
  expect(await following.count(1)).toMatchObject([{ eventType: "end_away" }]);
  await untilPolled(app, 2);
  expect(following.messages).toHaveLength(1);
  live.dispose();
  await replica.stop();
  await proxy.close();
});
