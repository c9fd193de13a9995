/** Changes by filter that concern more than their rows: counts of other rows, sessions, and the last administrators. */
import { expect, it } from "vitest";
import { EMAILS, signIn } from "../../support/app.js";
import { code, useChangesByFilter } from "../../support/by-filter.js";

const { app, run, scans, untilSomebodyWaits } = useChangesByFilter();

it("vulnerabilitiesFound stays right while many are made and deleted at once", async () => {
  const analyst = await app.as("analyst");
  const [a, b] = await scans("counted", 2);
  const items = (title: string) => Array.from({ length: 3 }, () => ({ severity: "LOW", vulnType: "X", title }));
  const worker = async (n: number) => {
    for (const scanId of [a, b]) {
      const made = await analyst.run(
        "mutation($input: CreateVulnerabilitiesInput!) { createVulnerabilities(input: $input) { scan { id } } }",
        { input: { scanId, items: items(`w${n}`) } },
      );
      expect(made.errors).toBeUndefined();
    }
    const input = { filter: { title: { eq: `w${n}` }, severity: { eq: "LOW" } }, expectedCount: 6 };
    const document =
      n % 2
        ? "mutation($input: DeleteVulnerabilitiesInput!) { deleteVulnerabilities(input: $input) { deletedVulnerabilityIds } }"
        : "mutation($input: UpdateVulnerabilitiesInput!) { updateVulnerabilities(input: $input) { vulnerabilities { id } } }";
    const done = await analyst.run(document, {
      input: { ...input, ...(n % 2 === 0 && { changes: { severity: "HIGH" } }) },
    });
    expect(done.errors).toBeUndefined();
  };
  await Promise.all(Array.from({ length: 12 }, (_, n) => worker(n)));
  expect(
    await app.sql`
      select vulnerabilities_found as kept, (select count(*)::int from vulnerabilities v where v.scan_id = s.id) as found
      from scans s where scan_type = 'counted'`,
  ).toEqual([
    { kept: 18, found: 18 },
    { kept: 18, found: 18 },
  ]);
});

/** Users of no organization, signed in. */
async function staff(name: string, count: number) {
  const password = "four-random-words";
  const items = Array.from({ length: count }, (_, n) => ({ email: `${name}${n}@demo.example`, password, role: "DBA" }));
  const { data } = await (await app.as("admin")).run(
    "mutation($input: CreateUsersInput!) { createUsers(input: $input) { users { id email } } }",
    { input: { items } },
  );
  const made = data.createUsers.users as { id: string; email: string }[];
  return Promise.all(
    made.map(async ({ id, email }) => ({
      id,
      client: app.withToken((await signIn(app.anonymous, email, password)).accessToken),
    })),
  );
}
const named = (name: string) => ({ email: { startsWith: name } });
const VIEWER = "{ viewer { role } }";

it("users whose role changes by a filter are signed out, those who had it already are not", async () => {
  const [one, two] = await staff("moved", 2);
  await (await app.as("admin")).run(
    "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }",
    {
      input: { id: two!.id, version: 1, fullName: "Two" },
    },
  );
  await app.sql`update users set role = 'SECURITY' where id = ${two!.id}`;
  const input = { filter: named("moved"), expectedCount: 2, changes: { role: "SECURITY" } };
  const { data, errors } = await run("admin", "update", "Users", "users { role }", input);
  expect(errors).toBeUndefined();
  expect(data.updateUsers.users).toEqual([{ role: "SECURITY" }, { role: "SECURITY" }]);
  expect((await one!.client.run(VIEWER)).code).toBe("UNAUTHENTICATED");
  expect((await two!.client.run(VIEWER)).status).toBe(200);
});

it("deleted users are signed out", async () => {
  const gone = await staff("gone", 2);
  const { data } = await run("admin", "delete", "Users", "deletedUserIds", { filter: named("gone"), expectedCount: 2 });
  expect(data.deleteUsers.deletedUserIds).toEqual(gone.map(({ id }) => id));
  for (const { client } of gone) expect((await client.run(VIEWER)).code).toBe("UNAUTHENTICATED");
});

it("a change that is refused signs nobody out", async () => {
  const [user] = await staff("kept", 2);
  for (const [verb, rest] of [
    ["update", { changes: { role: "SECURITY" }, expectedCount: 1 }],
    ["update", { changes: { role: "VIEWER" }, expectedCount: 2 }],
    ["update", { changes: { organizationId: "999" }, expectedCount: 2 }],
    ["update", { changes: { email: "one@demo.example" }, expectedCount: 2 }],
    ["delete", { expectedCount: 3 }],
  ] as const) {
    const answer = await run("admin", verb, "Users", "__typename", { filter: named("kept"), ...rest });
    expect(answer.errors).toHaveLength(1);
  }
  expect((await user!.client.run(VIEWER)).status).toBe(200);
  expect(await app.sql`select role, version from users where email like 'kept%'`).toEqual(
    Array(2).fill({ role: "DBA", version: 1 }),
  );
});

it("of users who come and go while others are judged none is changed", async () => {
  const [leaving, , coming] = await staff("judged", 3);
  await app.sql`update users set full_name = 'Judged' where email in ('judged0@demo.example', 'judged1@demo.example')`;
  const { waiting } = await app.sql.begin(async (sql) => {
    await sql`select 1 from users where role = 'ADMIN' for update`;
    const input = { filter: { fullName: { eq: "Judged" } }, expectedCount: 2, changes: { role: "SECURITY" } };
    const waiting = run("admin", "update", "Users", "users { id }", input);
    await untilSomebodyWaits();
    await sql`update users set full_name = null where id = ${leaving!.id}`;
    await sql`update users set full_name = 'Judged' where id = ${coming!.id}`;
    return { waiting };
  });
  expect(code(await waiting)).toEqual(["CONFLICT", 409, undefined]);
  expect(await app.sql`select distinct role, version from users where email like 'judged%'`).toEqual([
    { role: "DBA", version: 1 },
  ]);
  for (const { client } of [leaving!, coming!]) expect((await client.run(VIEWER)).status).toBe(200);
});

it("no filter takes the last administrators away, not even two that do so at once", async () => {
  const administrators = () => app.sql`select id::text from users where role = 'ADMIN' order by id`;
  const before = await administrators();
  const all = { filter: { role: { eq: "ADMIN" } }, expectedCount: before.length };
  for (const answer of [
    await run("admin", "update", "Users", "__typename", { ...all, changes: { role: "DBA" } }),
    await run("admin", "delete", "Users", "__typename", all),
  ]) {
    expect([answer.code, answer.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "last administrator"]);
  }
  expect(await administrators()).toEqual(before);
  expect(before).toHaveLength(2);
  const admin = await app.as("admin");
  const document = "mutation($input: UpdateUsersInput!) { updateUsers(input: $input) { users { id } } }";
  const answers = await Promise.all(
    ["root@postern.example", EMAILS.admin].map((email) =>
      admin.run(document, { input: { filter: { email: { eq: email } }, expectedCount: 1, changes: { role: "DBA" } } }),
    ),
  );
  expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(1);
  expect(answers.find(({ errors }) => errors)?.errors?.[0]?.extensions.code).toMatch(
    /FAILED_PRECONDITION|UNAUTHENTICATED/,
  );
  expect(await administrators()).toHaveLength(1);
});
