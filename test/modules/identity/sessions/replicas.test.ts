/** Whatever ends a session counts on every replica after its next poll, also when the poll before has failed. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Client, signIn, testApp } from "../../../support/app.js";
import { openProxy } from "../../../support/proxy.js";

const app = testApp({}, undefined, { revocationsMs: 50 });

const VIEWER = "{ viewer { role } }";
const AWAY = "revocations: the database does not answer; sign-outs elsewhere are not seen";
const BACK = "revocations: the database answers again";

let broken = false;
/** How often it has broken. */
let breaks = 0;
let proxy: Awaited<ReturnType<typeof openProxy>>;
let replica: Awaited<ReturnType<typeof app.replica>>;

beforeAll(async () => {
  // A way to the database for one replica alone, which breaks with the first answer.
  proxy = await openProxy(undefined, false, (data) => {
    if (!broken) return data;
    breaks += 1;
    return null;
  });
  replica = await app.replica(proxy.connection);
});
afterAll(() => proxy.close());

const said = (message: string) => app.log.filter(({ msg }) => msg === message).length;

/** A user of their own, signed in at the other replica. */
async function somebody(name: string) {
  const admin = await app.as("admin");
  const input = { email: `${name}@replicas.example`, password: "correct horse battery", role: "DBA" };
  const { data, errors } = await admin.run(
    "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }",
    { input },
  );
  expect(errors).toBeUndefined();
  const { accessToken } = await signIn(replica.as(null), input.email, input.password);
  const there = replica.as(accessToken);
  expect((await there.run(VIEWER)).status).toBe(200);
  return { id: data.createUser.user.id as string, here: app.withToken(accessToken), there };
}
type Person = Awaited<ReturnType<typeof somebody>>;

const ENDINGS: Record<string, (person: Person, admin: Client) => Promise<{ errors: unknown }>> = {
  "signing out": ({ here }) => here.run("mutation { signOut { signedOut } }"),
  "a revocation of it": async ({ id }, admin) => {
    const [row] = await app.sql`select key::text from sessions where user_id = ${id}`;
    return admin.run(`mutation { revokeSession(input: { id: ${row?.key} }) { session { id } } }`);
  },
  "a revocation of all": ({ id }, admin) =>
    admin.run(`mutation { revokeSessions(input: { userId: ${id} }) { revoked } }`),
  "another role": ({ id }, admin) =>
    admin.run(`mutation { updateUser(input: { id: ${id}, version: 1, role: SECURITY }) { user { id } } }`),
  "another address": ({ id }, admin) =>
    admin.run(
      `mutation { updateUser(input: { id: ${id}, version: 1, email: "new.${id}@replicas.example" }) { user { id } } }`,
    ),
  "another organization": ({ id }, admin) =>
    admin.run(`mutation { updateUser(input: { id: ${id}, version: 1, organizationId: 1 }) { user { id } } }`),
  "another password": ({ id }, admin) =>
    admin.run(
      `mutation { updateUser(input: { id: ${id}, version: 1, password: "another horse battery" }) { user { id } } }`,
    ),
  "an upsert with another role": ({ id }, admin) =>
    app.sql`select email from users where id = ${id}`.then(([row]) =>
      admin.run(`mutation { upsertUser(input: { email: "${row?.email}", role: SECURITY }) { user { id } } }`),
    ),
  "changes of many": ({ id }, admin) =>
    admin.run(
      `mutation { updateUsers(input: { filter: { id: { eq: ${id} } }, expectedCount: 1, changes: { role: SECURITY } }) { users { id } } }`,
    ),
  "the end of the account": ({ id }, admin) =>
    admin.run(`mutation { deleteUser(input: { id: ${id} }) { deletedUserId } }`),
};

it.each(Object.keys(ENDINGS))("%s", async (name) => {
  const person = await somebody(name.replaceAll(" ", "-"));
  expect((await ENDINGS[name]!(person, await app.as("admin"))).errors).toBeUndefined();
  expect((await person.here.run(VIEWER)).code).toBe("UNAUTHENTICATED");
  await vi.waitFor(async () => expect((await person.there.run(VIEWER)).code).toBe("UNAUTHENTICATED"), 10_000);
});

it("a poll that fails misses nothing: the next one finds it, and the log tells of both", async () => {
  const person = await somebody("failing");
  const before = said(BACK);
  broken = true;
  await vi.waitFor(() => expect(said(AWAY)).toBe(before + 1), 10_000);
  const ended = await (await app.as("admin")).run(
    `mutation { revokeSessions(input: { userId: ${person.id} }) { revoked } }`,
  );
  expect(ended.data).toEqual({ revokeSessions: { revoked: 1 } });
  expect((await person.here.run(VIEWER)).code).toBe("UNAUTHENTICATED");
  expect((await person.there.run(VIEWER)).status).toBe(200);
  const seen = breaks;
  await vi.waitFor(() => expect(breaks).toBeGreaterThan(seen + 2), 10_000);
  broken = false;
  await vi.waitFor(async () => expect((await person.there.run(VIEWER)).code).toBe("UNAUTHENTICATED"), 10_000);
  expect(said(BACK)).toBe(before + 1);
});

it("a pool that is full holds up no poll", async () => {
  const person = await somebody("full");
  const readers = await Promise.all(Array.from({ length: 12 }, (_, n) => somebody(`reader-${n}`)));
  const waiting = await app.sql.begin(async (sql) => {
    await sql`lock table performance_logs in access exclusive mode`;
    const reads = readers.flatMap(({ there }) => [1, 2].map(() => there.run("{ performanceLogs { totalCount } }")));
    const locked = () =>
      app.sql`select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await vi.waitFor(async () => expect((await locked()).length).toBeGreaterThanOrEqual(8), 10_000);
    await (await app.as("admin")).run(
      `mutation { lockUser(input: { id: ${person.id}, reason: "Now." }) { user { id } } }`,
    );
    // The reads wait for ten seconds.
    await vi.waitFor(async () => expect((await person.there.run(VIEWER)).code).toBe("UNAUTHENTICATED"), 5000);
    expect((await locked()).length).toBeGreaterThanOrEqual(8);
    return reads;
  });
  for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
});
