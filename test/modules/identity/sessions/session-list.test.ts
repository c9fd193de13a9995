/** The list of sessions: one's own for everybody, those of all for SECURITY and ADMIN, and what it says of each. */
import { beforeAll, describe, expect, it } from "vitest";
import { SPECIMENS } from "../../../specimens/index.js";
import { nodeIdOf } from "../../../specimens/specimen.js";
import { type Client, EMAILS, PASSWORD, type Somebody, testApp } from "../../../support/app.js";

/** The proxy names the address of the client. */
const app = testApp({ TRUSTED_PROXIES: "1" });

const FIELDS = "id current userAgent ipAddress createdAt lastUsedAt expiresAt endedAt user { email }";
const LIST = `{ sessions { totalCount nodes { ${FIELDS} } } }`;
const PHONE = { "user-agent": "phone/1", "x-forwarded-for": "198.51.100.7" };
const DAY = 86_400_000;

async function open(who: Somebody, headers: Record<string, string> = PHONE) {
  const { data } = await app.anonymous.run(
    "mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken } }",
    { input: { email: EMAILS[who], password: PASSWORD } },
    headers,
  );
  const { accessToken, refreshToken } = data.signIn as { accessToken: string; refreshToken: string };
  return { client: app.withToken(accessToken), refreshToken };
}
const listOf = async (client: Client) => {
  const { data, errors, status } = await client.run(LIST);
  expect([errors, status]).toEqual([undefined, 200]);
  return data.sessions as { totalCount: number; nodes: Record<string, unknown>[] };
};

const clients = {} as Record<Somebody, Client>;
beforeAll(async () => {
  await app.sql`delete from sessions`;
  for (const who of Object.keys(EMAILS) as Somebody[]) clients[who] = (await open(who)).client;
});

it("says of a session since when, from where, until when, and whether it is this one", async () => {
  const tablet = await open("viewer", { "user-agent": "tablet/2", "x-forwarded-for": "203.0.113.9" });
  const { totalCount, nodes } = await listOf(clients.viewer);
  expect(totalCount).toBe(2);
  const user = { email: EMAILS.viewer };
  const [first, second] = nodes;
  expect(first).toMatchObject({ current: false, userAgent: "tablet/2", ipAddress: "203.0.113.9", endedAt: null, user });
  expect(second).toMatchObject({ current: true, userAgent: "phone/1", ipAddress: "198.51.100.7", endedAt: null, user });
  expect(first?.lastUsedAt).toBe(first?.createdAt);
  const lives = Date.parse(first?.expiresAt as string) - Date.parse(first?.createdAt as string);
  expect(Math.abs(lives - 7 * DAY)).toBeLessThan(60_000);
  expect((await listOf(tablet.client)).nodes.map(({ current }) => current)).toEqual([true, false]);
});

it("a refresh is a use of it, from where the refresh came; other calls are none", async () => {
  const { client, refreshToken } = await open("analyst");
  const own = async () => (await listOf(client)).nodes[0];
  const before = await own();
  await client.run("{ viewer { role } }", {}, { "user-agent": "elsewhere/1" });
  expect(await own()).toEqual(before);
  await app.anonymous.run(
    "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { expiresAt } }",
    { input: { refreshToken } },
    { "user-agent": "phone/2", "x-forwarded-for": "192.0.2.1" },
  );
  const after = await own();
  expect(after).toMatchObject({ id: before?.id, createdAt: before?.createdAt, current: true });
  expect(after).toMatchObject({ userAgent: "phone/2", ipAddress: "192.0.2.1" });
  expect(Date.parse(after?.lastUsedAt as string)).toBeGreaterThan(Date.parse(before?.lastUsedAt as string));
  expect(Date.parse(after?.expiresAt as string)).toBeGreaterThan(Date.parse(before?.expiresAt as string));
});

it("what has ended stays in the list, and says when it did", async () => {
  const { client } = await open("otherAnalyst");
  await client.run("mutation { signOut { signedOut } }");
  const { nodes } = await listOf(clients.otherAnalyst);
  expect(nodes.map(({ endedAt }) => endedAt === null)).toEqual([false, true]);
  const living = "{ sessions(filter: { endedAt: { isNull: true } }) { nodes { current } } }";
  expect((await clients.otherAnalyst.run(living)).data.sessions.nodes).toEqual([{ current: true }]);
});

it("tells no id by which tokens name their session", async () => {
  const answers = await Promise.all([clients.viewer, clients.admin].map(listOf));
  for (const { id } of await app.sql`select id::text from sessions`) expect(JSON.stringify(answers)).not.toContain(id);
});

describe.each(["viewer", "analyst", "dba"] as const)("to %s", (who) => {
  it("are the own ones only: listed, counted, by id, by node id, filtered, in groups", async () => {
    const client = clients[who];
    const own = await app.sql`
      select key::text as id from sessions join users u on u.id = user_id where email = ${EMAILS[who]} order by sessions.created_at desc`;
    const [theirs] = await app.sql`
      select key::text as id from sessions join users u on u.id = user_id where email = ${EMAILS.admin} limit 1`;
    const node = (id: string) => nodeIdOf(SPECIMENS.Session, id);
    const ids = own.map(({ id }) => id);
    const { data, errors } = await client.run(
      `query($own: ID!, $theirs: ID!, $nodes: [ID!]!, $all: [ID!]!) {
        sessions { totalCount nodes { id } aggregate { count } groups(by: [{ field: IP_ADDRESS }]) { aggregate { count } } }
        filtered: sessions(filter: { id: { in: $all } }) { totalCount }
        session(id: $own) { id } other: session(id: $theirs) { id } nodes(nodeIds: $nodes) { nodeId } }`,
      { own: ids[0], theirs: theirs?.id, nodes: [node(ids[0]), node(theirs?.id)], all: [...ids, theirs?.id] },
    );
    expect(errors).toBeUndefined();
    const { groups, ...sessions } = data.sessions;
    expect(sessions).toEqual({ totalCount: ids.length, nodes: own, aggregate: { count: ids.length } });
    const counts = groups.map(({ aggregate }: { aggregate: { count: number } }) => aggregate.count);
    expect(counts.reduce((sum: number, count: number) => sum + count, 0)).toBe(ids.length);
    expect(data.filtered).toEqual({ totalCount: ids.length });
    expect([data.session, data.other]).toEqual([{ id: ids[0] }, null]);
    expect(data.nodes).toEqual([{ nodeId: node(ids[0]) }, null]);
  });
});

it.each(["security", "admin"] as const)("to %s are those of all, each with its user", async (who) => {
  const [all] = await app.sql`select count(*)::int as n from sessions`;
  const { totalCount, nodes } = await listOf(clients[who]);
  expect(totalCount).toBe(all?.n);
  expect(nodes.filter(({ current }) => current)).toMatchObject([{ user: { email: EMAILS[who] } }]);
  const ofViewer = `{ sessions(filter: { user: { email: { eq: "${EMAILS.viewer}" } } }) { totalCount nodes { user { email } } } }`;
  const { data } = await clients[who].run(ofViewer);
  expect(data.sessions).toEqual({ totalCount: 2, nodes: Array(2).fill({ user: { email: EMAILS.viewer } }) });
});

it("a DBA, who reads no users, is refused the user of a session, and gets the rest", async () => {
  for (const beside of ["", "viewer { role }"]) {
    const { status, data, errors } = await clients.dba.run(
      `{ sessions { nodes { current user { email } } } ${beside} }`,
    );
    expect(status).toBe(200);
    expect(data.sessions).toEqual({ nodes: [{ current: true, user: null }] });
    expect(errors?.map(({ path, extensions: { code, permission } }) => [path, code, permission])).toEqual([
      [["sessions", "nodes", 0, "user"], "FORBIDDEN", "users:read"],
    ]);
  }
  const byUser = await clients.dba.run('{ sessions(filter: { user: { email: { eq: "a" } } }) { totalCount } }');
  expect([byUser.code, byUser.data]).toEqual(["FORBIDDEN", { sessions: null }]);
});
