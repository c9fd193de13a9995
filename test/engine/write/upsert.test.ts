/** Upserts: the row with the key is changed, or there is a new one; which it was is answered and recorded. */
import { expect, it } from "vitest";
import { EMAILS, signIn, testApp } from "../../support/app.js";

const app = testApp();

const ORGANIZATION = `mutation($input: UpsertOrganizationInput!) {
  upsertOrganization(input: $input) { created organization { id name domain subscriptionTier version } } }`;
const USER = `mutation($input: UpsertUserInput!) {
  upsertUser(input: $input) { created user { id email fullName role version } } }`;
const VIEWER = "{ viewer { role } }";

let calls = 0;
const upsert = async (document: string, input: object) =>
  (await app.as("admin")).run(document, { input }, { "x-request-id": `upsert.${++calls}` });
const records = () => app.sql`
  select action, resource_id, result, success from audit_logs where request_id = ${`upsert.${calls}`}`;

it("creates, then changes what is given and leaves the rest", async () => {
  const first = await upsert(ORGANIZATION, { name: "One", domain: "Up.Example", subscriptionTier: "PRO" });
  const { id, ...organization } = first.data.upsertOrganization.organization;
  expect(first.data.upsertOrganization.created).toBe(true);
  expect(organization).toEqual({ name: "One", domain: "up.example", subscriptionTier: "PRO", version: 1 });
  expect(await records()).toEqual([
    { action: "organization.upsert", resource_id: id, result: { created: true }, success: true },
  ]);
  const second = await upsert(ORGANIZATION, { name: "Two", domain: "UP.example" });
  expect(second.data.upsertOrganization).toEqual({
    created: false,
    organization: { id, name: "Two", domain: "up.example", subscriptionTier: "PRO", version: 2 },
  });
  expect(await records()).toEqual([
    { action: "organization.upsert", resource_id: id, result: { created: false }, success: true },
  ]);
});

it("of many at once with one key one creates, and all others change that row", async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      upsert(ORGANIZATION, { name: `N${n}`, domain: n % 2 ? "RACE.example" : "race.example" }),
    ),
  );
  expect(answers.flatMap(({ errors }) => errors ?? [])).toEqual([]);
  const told = answers.map(({ data }) => data.upsertOrganization);
  expect(told.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(told.map(({ organization }) => organization.id)).size).toBe(1);
  expect(await app.sql`select version from organizations where domain = 'race.example'`).toEqual([{ version: 10 }]);
});

const user = { email: "Up@demo.example", role: "DBA" };

it("a user needs a password to be created, and none to be changed", async () => {
  const without = await upsert(USER, user);
  expect([without.code, without.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "password"]);
  const created = await upsert(USER, { ...user, password: "four-random-words" });
  expect(created.data.upsertUser).toMatchObject({ created: true, user: { email: "up@demo.example", version: 1 } });
  const { accessToken } = await signIn(app.anonymous, "up@demo.example", "four-random-words");

  const same = await upsert(USER, { ...user, fullName: "Ursula" });
  expect(same.data.upsertUser).toMatchObject({ created: false, user: { fullName: "Ursula", version: 2 } });
  // Nothing that its tokens say has changed.
  expect((await app.withToken(accessToken).run(VIEWER)).status).toBe(200);

  const moved = await upsert(USER, { ...user, role: "SECURITY" });
  expect(moved.data.upsertUser).toMatchObject({ created: false, user: { role: "SECURITY", fullName: "Ursula" } });
  expect((await app.withToken(accessToken).run(VIEWER)).code).toBe("UNAUTHENTICATED");

  await upsert(USER, { ...user, role: "SECURITY", password: "other-random-words" });
  await signIn(app.anonymous, "up@demo.example", "other-random-words");
});

it.each<[string, object, string, object]>([
  [
    "a tenant without organization",
    { email: "new@up.example", password: "four-random-words", role: "VIEWER" },
    "BAD_USER_INPUT",
    { field: "organizationId" },
  ],
  [
    "a change to a tenant without organization",
    { email: EMAILS.dba, role: "ANALYST" },
    "BAD_USER_INPUT",
    { field: "organizationId" },
  ],
  ["an organization that is not there", { ...user, organizationId: "999" }, "NOT_FOUND", {}],
  ["a common password", { ...user, password: "password1234" }, "BAD_USER_INPUT", { field: "password" }],
])("refuses %s, and changes nothing", async (_, input, code, detail) => {
  const before = await app.sql`select md5(string_agg(u::text, '' order by id)) as d from users u`;
  const answer = await upsert(USER, input);
  expect(answer.code).toBe(code);
  expect(answer.errors?.[0]?.extensions).toMatchObject(detail);
  expect(await app.sql`select md5(string_agg(u::text, '' order by id)) as d from users u`).toEqual(before);
  expect(await records()).toMatchObject([{ action: "user.upsert", success: false, result: { code } }]);
});

it("names what is a duplicate beside the key, whether it creates or changes", async () => {
  // Such a key may come; today there is none beside those that an upsert goes by.
  await app.sql`create unique index organizations_name_key on organizations (name)`;
  for (const domain of ["clinic.demo.example", "another.example"]) {
    const { code, errors } = await upsert(ORGANIZATION, { name: "Harbour Bank", domain });
    expect([code, errors?.[0]?.extensions.field]).toEqual(["CONFLICT", "name"]);
    expect(await records()).toMatchObject([{ success: false, result: { code: "CONFLICT" } }]);
  }
  await app.sql`drop index organizations_name_key`;
});

it("does not demote the last administrator", async () => {
  await app.sql`update users set role = 'DBA' where email = 'root@postern.example'`;
  const answer = await upsert(USER, { email: EMAILS.admin, role: "DBA" });
  expect([answer.code, answer.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "last administrator"]);
  expect(await app.sql`select role from users where email = ${EMAILS.admin}`).toEqual([{ role: "ADMIN" }]);
});
