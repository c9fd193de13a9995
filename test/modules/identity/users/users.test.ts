/** Users: who may change whom, what ends sessions, and that an administrator always remains. */
import { expect, it } from "vitest";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";

const app = testApp();

const CREATE = `mutation($input: CreateUserInput!) { createUser(input: $input) { user { id version } } }`;
const UPDATE = `mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id version role fullName } } }`;
const DELETE = `mutation($input: DeleteUserInput!) { deleteUser(input: $input) { deletedUserId } }`;
const VIEWER = "{ viewer { role } }";

const row = async (email: string) =>
  (
    await app.sql`select id::text, version, role, full_name, organization_id::text as organization
                  from users where email = ${email}`
  )[0] as { id: string; version: number; role: string; full_name: string; organization: string };
const open = (id: string) => app.sql`select id from sessions where user_id = ${id} and revoked_at is null`;
const audited = (requestId: string) => app.sql`
  select action, success, result->>'code' as code from audit_logs where request_id = ${requestId}`;

let made = 0;
async function newUser(role = "VIEWER") {
  const email = `made${++made}@demo.example`;
  const input = { email, password: "four-random-words", role, organizationId: role === "DBA" ? null : "1" };
  const { data } = await (await app.as("admin")).run(CREATE, { input });
  const { accessToken, refreshToken } = await signIn(app.anonymous, email, "four-random-words");
  return { id: data.createUser.user.id as string, email, refreshToken, client: app.withToken(accessToken) };
}

/** Polls until the client is refused; the deadline is what other replicas are promised. */
async function refusedWithin(client: Client, ms: number): Promise<string | undefined> {
  const deadline = Date.now() + ms;
  for (;;) {
    const { code } = await client.run(VIEWER);
    if (code !== undefined || Date.now() > deadline) return code;
  }
}

const CHANGES = [
  { role: "ANALYST" },
  { organizationId: "2" },
  { password: "other-random-words" },
  { email: "moved@demo.example" },
];

it.each(CHANGES)("ends the user's sessions at once: a change to %o", async (changes) => {
  const user = await newUser();
  const { errors } = await (await app.as("admin")).run(UPDATE, { input: { id: user.id, version: 1, ...changes } });
  expect(errors).toBeUndefined();
  const here = await user.client.run(VIEWER);
  expect([here.code, here.status, here.errors?.[0]?.message]).toEqual([
    "UNAUTHENTICATED",
    401,
    expect.stringContaining("session has ended"),
  ]);
  expect(await open(user.id)).toEqual([]);
  const refresh = `mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken } }`;
  expect((await app.anonymous.run(refresh, { input: { refreshToken: user.refreshToken } })).code).toBe(
    "UNAUTHENTICATED",
  );
});

it("ends them on other replicas within two seconds", async () => {
  const admin = await app.as("admin");
  const changes = [{ role: "ANALYST" }, { organizationId: "2" }, { password: "other-random-words" }];
  const users = await Promise.all(changes.map(() => newUser()));
  const replica = await app.replica();
  const there = users.map(({ client }) => replica.as(client.token));
  for (const client of there) expect((await client.run(VIEWER)).data.viewer.role).toBe("VIEWER");
  for (const [n, user] of users.entries()) {
    await admin.run(UPDATE, { input: { id: user.id, version: 1, ...changes[n] } });
  }
  const codes = await Promise.all(there.map((client) => refusedWithin(client, 2000)));
  expect(codes).toEqual(changes.map(() => "UNAUTHENTICATED"));
  await replica.stop();
});

it("a deleted user is out at once, and its session is not forgotten", async () => {
  const user = await newUser();
  const { errors } = await (await app.as("admin")).run(DELETE, { input: { id: user.id } });
  expect(errors).toBeUndefined();
  expect((await user.client.run(VIEWER)).code).toBe("UNAUTHENTICATED");
  expect(await app.sql`select user_id from sessions where user_id is null and revoked_at is not null`).toHaveLength(1);
});

it("a refused change ends no session", async () => {
  const user = await newUser();
  const admin = await app.as("admin");
  for (const [document, input] of [
    [UPDATE, { id: user.id, version: 7, role: "ANALYST" }],
    [UPDATE, { id: user.id, version: 1, organizationId: "999" }],
    [UPDATE, { id: user.id, version: 1, email: EMAILS.admin.toUpperCase() }],
    [DELETE, { id: user.id, version: 7 }],
  ] as const) {
    expect((await admin.run(document, { input })).errors).toHaveLength(1);
  }
  expect((await user.client.run(VIEWER)).data.viewer.role).toBe("VIEWER");
  expect(await open(user.id)).toHaveLength(1);
});

it("a change of the name alone keeps the session", async () => {
  const user = await newUser();
  await (await app.as("admin")).run(UPDATE, { input: { id: user.id, version: 1, fullName: "New Name" } });
  expect((await user.client.run(VIEWER)).data.viewer.role).toBe("VIEWER");
});

it.each(["viewer", "analyst", "dba", "security"] as const)("%s may change only the own full name", async (who) => {
  const client = await app.as(who);
  const self = await row(EMAILS[who]);
  const other = await row(EMAILS.otherViewer);
  const own = await client.run(UPDATE, { input: { id: self.id, version: self.version, fullName: `I, ${who}` } });
  expect(own.data.updateUser.user).toMatchObject({ id: self.id, version: self.version + 1, fullName: `I, ${who}` });
  expect((await row(EMAILS[who])).full_name).toBe(`I, ${who}`);

  const before = [await row(EMAILS[who]), other];
  for (const [n, input] of [
    { id: self.id, role: "ADMIN" },
    { id: self.id, fullName: "x", role: "ADMIN" },
    { id: self.id, email: "mine@demo.example" },
    { id: self.id, organizationId: "2" },
    { id: self.id, organizationId: null },
    { id: other.id, fullName: "x" },
    { id: "999999", fullName: "x" },
  ].entries()) {
    const requestId = `${who}.${n}`;
    const { code, status, errors } = await client.run(
      UPDATE,
      { input: { version: before[0]!.version, ...input } },
      { "x-request-id": requestId },
    );
    expect([code, status, errors?.[0]?.extensions.permission]).toEqual(["FORBIDDEN", 403, "users:write"]);
    expect(await audited(requestId)).toEqual([{ action: "user.update", success: false, code: "FORBIDDEN" }]);
    expect(
      await app.sql`select event_type, metadata->>'field' as field from security_events where metadata->>'requestId' = ${requestId}`,
    ).toEqual([{ event_type: "authz_fail", field: "Mutation.updateUser" }]);
  }
  for (const document of [CREATE, DELETE]) {
    const input =
      document === CREATE ? { email: "a@b.example", password: "four-random-words", role: "ADMIN" } : { id: other.id };
    expect((await client.run(document, { input })).code).toBe("FORBIDDEN");
  }
  expect([await row(EMAILS[who]), await row(EMAILS.otherViewer)]).toEqual(before);
});

it("deletes nothing that others depend on", async () => {
  const admin = await app.as("admin");
  const author = await row(EMAILS.analyst);
  const user = await admin.run(DELETE, { input: { id: author.id } }, { "x-request-id": "author" });
  expect([user.code, user.status, user.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", 409, "in use"]);
  expect(await audited("author")).toEqual([{ action: "user.delete", success: false, code: "FAILED_PRECONDITION" }]);
  expect((await (await app.as("analyst")).run(VIEWER)).status).toBe(200);
  const organization = await admin.run(
    `mutation { deleteOrganization(input: { id: "1" }) { deletedOrganizationId } }`,
    {},
    { "x-request-id": "organization" },
  );
  expect([organization.code, organization.status]).toEqual(["FAILED_PRECONDITION", 409]);
  expect(await audited("organization")).toHaveLength(1);
  expect(await app.sql`select count(*)::int as n from organizations where id = 1`).toEqual([{ n: 1 }]);
});

it("a tenant always belongs to an organization", async () => {
  const admin = await app.as("admin");
  const viewer = await row(EMAILS.otherViewer);
  const dba = await row(EMAILS.dba);
  for (const input of [
    { id: viewer.id, version: viewer.version, organizationId: null },
    { id: dba.id, version: dba.version, role: "ANALYST" },
  ]) {
    const { code, errors } = await admin.run(UPDATE, { input });
    expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "organizationId"]);
  }
  const many = `mutation($input: UpdateUsersInput!) { updateUsers(input: $input) { users { id } } }`;
  const filter = { id: { in: [viewer.id] } };
  const homeless = await admin.run(many, { input: { filter, expectedCount: 1, changes: { organizationId: null } } });
  expect([homeless.code, homeless.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "changes.organizationId"]);
  const input = { email: "homeless@demo.example", password: "four-random-words", role: "VIEWER" };
  const { code, errors } = await admin.run(CREATE, { input });
  expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "organizationId"]);
  expect([await row(EMAILS.otherViewer), await row(EMAILS.dba)]).toEqual([viewer, dba]);
});

it("one mailbox is one account, whatever its case and Unicode form, and none is outside ASCII", async () => {
  const user = await newUser();
  const admin = await app.as("admin");
  const wide = user.email.replaceAll(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));
  const forms = [
    user.email.toUpperCase(),
    ` ${user.email}\t`,
    wide,
    user.email.replace("k", "\u212a"),
    user.email.replace("s", "\u017f"),
  ];
  const create = (email: string) => admin.run(CREATE, { input: { email, password: "four-random-words", role: "DBA" } });
  for (const form of forms) {
    const { code, errors } = await create(form);
    expect([code, errors?.[0]?.extensions.field], form).toEqual(["CONFLICT", "email"]);
    const { accessToken } = await signIn(app.anonymous, form, "four-random-words");
    expect((await app.withToken(accessToken).run(VIEWER)).data.viewer.role).toBe("VIEWER");
  }
  const self = await row(user.email);
  const dba = await row(EMAILS.dba);
  const moved = await admin.run(UPDATE, { input: { id: dba.id, version: dba.version, email: wide } });
  expect(moved.code).toBe("CONFLICT");
  for (const letter of ["\u0130", "\u0131", "\u00df", "\u1e9e", "\u03c2", "\u0430"]) {
    for (const email of [`${letter}@demo.example`, `a@${letter}.example`]) {
      expect((await create(email)).code, letter).toBe("BAD_USER_INPUT");
    }
  }
  // 240 ligatures are 720 letters.
  const long = await create(`${"\ufb03".repeat(240)}@demo.example`);
  expect([long.code, long.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "email"]);
  expect(await app.sql`select id::text from users where email ~ '[^ -~]' or email <> lower(email)`).toEqual([]);
  expect(await row(user.email)).toEqual(self);
});

it("a password is not made of the address or name of its account, new or changed, of one or of many", async () => {
  const user = await newUser();
  const admin = await app.as("admin");
  const fault = async (document: string, input: object) => {
    const { code, errors } = await admin.run(document, { input });
    return [code, errors?.[0]?.extensions.field];
  };
  const create = {
    email: "grace.hopper@demo.example",
    fullName: "Grace Murray",
    role: "DBA",
    password: "Hopper, Grace 1906",
  };
  expect(await fault(CREATE, create)).toEqual(["BAD_USER_INPUT", "password"]);
  const before = await app.sql`select password_hash from users where id = ${user.id}`;
  const taken = { id: user.id, version: 1, fullName: "Grace Murray", password: "gracemurray1906" };
  expect(await fault(UPDATE, taken)).toEqual(["BAD_USER_INPUT", "password"]);
  expect(await fault(UPDATE, { id: user.id, version: 1, password: `${user.email}!` })).toEqual([
    "BAD_USER_INPUT",
    "password",
  ]);
  const many = `mutation($input: UpdateUsersInput!) { updateUsers(input: $input) { users { id } } }`;
  const filter = { id: { in: [user.id] } };
  expect(await fault(many, { filter, expectedCount: 1, changes: { password: `${user.email}!` } })).toEqual([
    "BAD_USER_INPUT",
    "changes.password",
  ]);
  const upsert = `mutation($input: UpsertUserInput!) { upsertUser(input: $input) { created } }`;
  const own = { email: user.email, fullName: null, role: "VIEWER", organizationId: "1", password: `${user.email}!` };
  expect(await fault(upsert, own)).toEqual(["BAD_USER_INPUT", "password"]);
  expect(await app.sql`select password_hash from users where id = ${user.id}`).toEqual(before);
  expect((await user.client.run(VIEWER)).data.viewer.role).toBe("VIEWER");
  expect(await fault(UPDATE, { ...taken, password: "four-other-words" })).toEqual([undefined, undefined]);
});

it("the last administrator can be neither demoted nor deleted, not even by two at the same time", async () => {
  const admin = await app.as("admin");
  const root = await row("root@postern.example");
  const self = await row(EMAILS.admin);
  const demote = ({ id, version }: { id: string; version: number }) =>
    admin.run(UPDATE, { input: { id, version, role: "DBA" } });
  const answers = await Promise.all([demote(root), demote(self)]);
  const administrators = () => app.sql`select id::text, version from users where role = 'ADMIN'`;
  expect(await administrators()).toHaveLength(1);
  expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(1);

  const [last] = (await administrators()) as unknown as { id: string; version: number }[];
  const { accessToken } = await signIn(app.anonymous, last?.id === root.id ? "root@postern.example" : EMAILS.admin);
  const client = app.withToken(accessToken);
  for (const [n, [document, changes]] of [
    [UPDATE, { version: last!.version, role: "DBA" }] as const,
    [DELETE, {}] as const,
  ].entries()) {
    const input = { id: last!.id, ...changes };
    const { code, status, errors } = await client.run(document, { input }, { "x-request-id": `last.${n}` });
    expect([code, status, errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", 409, "last administrator"]);
    expect(await audited(`last.${n}`)).toMatchObject([{ success: false, code: "FAILED_PRECONDITION" }]);
  }
  expect(await administrators()).toEqual([last]);
  expect((await client.run(VIEWER)).data.viewer.role).toBe("ADMIN");
});
