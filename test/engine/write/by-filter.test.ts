/** Changes and deletions of whatever matches a filter: exactly what was expected, or nothing. */
import { expect, it } from "vitest";
import { type Answer, EMAILS, type Somebody, signIn, testApp } from "../../support/app.js";

const app = testApp();

let calls = 0;
const run = async (
  who: Somebody,
  verb: "update" | "delete",
  names: string,
  selection: string,
  input: object,
): Promise<Answer> =>
  (await app.as(who)).run(
    `mutation($input: ${verb === "update" ? "Update" : "Delete"}${names}Input!) { ${verb}${names}(input: $input) { ${selection} } }`,
    { input },
    { "x-request-id": `filter.${++calls}` },
  );
const records = () => app.sql`
  select action, resource_id, result, success, parameters from audit_logs where request_id = ${`filter.${calls}`}`;
const code = (answer: Answer) => [answer.code, answer.status, answer.errors?.[0]?.extensions.field];

/** Scans of the first organization of a kind of their own. @returns their ids */
async function scans(kind: string, count: number): Promise<string[]> {
  const rows = await app.sql`
    insert into scans (organization_id, target_url, scan_type)
    select 1, 'https://f.example/' || n, ${kind} from generate_series(1, ${count}) n returning id::text`;
  return rows.map(({ id }) => id);
}
const of = (kind: string) => app.sql`
  select id::text, status, version, target_url from scans where scan_type = ${kind} order by id`;
const kindIs = (kind: string) => ({ scanType: { eq: kind } });

it("changes what matches, by id, with a version more each, and names it in one record", async () => {
  const ids = await scans("changed", 3);
  const input = {
    filter: { and: [kindIs("changed"), { not: { targetUrl: { contains: "/2" } } }] },
    expectedCount: 2,
    changes: { status: "FAILED" },
  };
  const { data, errors } = await run("analyst", "update", "Scans", "scans { id status version }", input);
  expect(errors).toBeUndefined();
  const changed = [ids[0], ids[2]].map((id) => ({ id, status: "FAILED", version: 2 }));
  expect(data.updateScans.scans).toEqual(changed);
  expect((await of("changed")).map(({ status, version }) => [status, version])).toEqual([
    ["FAILED", 2],
    ["PENDING", 1],
    ["FAILED", 2],
  ]);
  expect(await records()).toEqual([
    {
      action: "scan.update-many",
      resource_id: null,
      result: { ids: [ids[0], ids[2]] },
      success: true,
      parameters: input,
    },
  ]);
});

it("deletes what matches, with what hangs on it", async () => {
  const ids = await scans("deleted", 2);
  await app.sql`insert into vulnerabilities (scan_id, severity, vuln_type, title) values (${ids[0]!}, 'LOW', 'X', 't')`;
  const input = { filter: kindIs("deleted"), expectedCount: 2 };
  const { data, errors } = await run("analyst", "delete", "Scans", "deletedScanIds", input);
  expect(errors).toBeUndefined();
  expect(data).toEqual({ deleteScans: { deletedScanIds: ids } });
  expect(await of("deleted")).toEqual([]);
  expect(await app.sql`select id from vulnerabilities where scan_id = ${ids[0]!}`).toEqual([]);
  expect(await records()).toEqual([
    { action: "scan.delete-many", resource_id: null, result: { ids }, success: true, parameters: input },
  ]);
});

it.each(["update", "delete"] as const)("%s: none, where none are expected, is done and recorded", async (verb) => {
  const input = {
    filter: kindIs("nothing"),
    expectedCount: 0,
    ...(verb === "update" && { changes: { status: "FAILED" } }),
  };
  const { data, errors } = await run(
    "analyst",
    verb,
    "Scans",
    verb === "update" ? "scans { id }" : "deletedScanIds",
    input,
  );
  expect(errors).toBeUndefined();
  expect(Object.values(data[`${verb}Scans`])).toEqual([[]]);
  expect(await records()).toMatchObject([{ result: { ids: [] }, success: true }]);
});

it.each(["update", "delete"] as const)(
  "%s: another count than expected says which, and changes nothing",
  async (verb) => {
    await scans(`other-${verb}`, 3);
    const before = await of(`other-${verb}`);
    for (const [expectedCount, filter, message] of [
      [2, kindIs(`other-${verb}`), "3 rows match, where 2 were expected"],
      [4, kindIs(`other-${verb}`), "3 rows match, where 4 were expected"],
      [0, kindIs(`other-${verb}`), "3 rows match, where 0 were expected"],
      [2, { id: { eq: before[0]?.id } }, "1 row matches, where 2 were expected"],
      [1, kindIs("nothing"), "0 rows match, where 1 were expected"],
    ] as const) {
      const changes = verb === "update" && { changes: { status: "FAILED" } };
      const answer = await run("analyst", verb, "Scans", "__typename", { filter, expectedCount, ...changes });
      expect(code(answer)).toEqual(["CONFLICT", 409, "expectedCount"]);
      expect(answer.errors?.[0]?.message).toContain(message);
      expect(await records()).toMatchObject([
        { action: `scan.${verb}-many`, success: false, result: { code: "CONFLICT" } },
      ]);
    }
    expect(await of(`other-${verb}`)).toEqual(before);
  },
);

it("a thousand can be changed at once; of more the message says only that", async () => {
  await scans("thousand", 1000);
  const input = { filter: kindIs("thousand"), expectedCount: 1000, changes: { status: "RUNNING" } };
  const { data, errors } = await run("analyst", "update", "Scans", "scans { version }", input);
  expect(errors).toBeUndefined();
  expect(data.updateScans.scans).toEqual(Array(1000).fill({ version: 2 }));
  await scans("thousand", 5);
  const more = await run("analyst", "update", "Scans", "__typename", input);
  expect(code(more)).toEqual(["CONFLICT", 409, "expectedCount"]);
  expect(more.errors?.[0]?.message).toContain("More than 1000 rows match");
  const over = await run("analyst", "delete", "Scans", "__typename", {
    ...input,
    changes: undefined,
    expectedCount: 1001,
  });
  expect([over.code, over.errors?.[0]?.extensions.limit]).toEqual(["LIMIT_EXCEEDED", "expectedCount"]);
});

it.each<[string, object, string, string | undefined]>([
  ["expectedCount is negative", { expectedCount: -1 }, "BAD_USER_INPUT", "expectedCount"],
  ["changes are empty", { changes: {} }, "BAD_USER_INPUT", "changes"],
  ["a change is malformed", { changes: { targetUrl: "ftp://x/" } }, "BAD_USER_INPUT", "changes.targetUrl"],
  ["a change cannot be stored", { changes: { scanType: "a\0" } }, "BAD_USER_INPUT", "changes.scanType"],
  ["the filter cannot be stored", { filter: kindIs("\ud800") }, "BAD_USER_INPUT", "filter.scanType.eq"],
  ["an id is none", { filter: { or: [{ id: { in: ["x"] } }] } }, "BAD_USER_INPUT", "filter.or.0.id.in"],
  ["a condition is null", { filter: { scanType: { eq: null } } }, "BAD_USER_INPUT", "filter.scanType.eq"],
  ["a row is beyond reach", { filter: { id: { eq: "31" } } }, "CONFLICT", "expectedCount"],
])("refused where %s", async (_, spoiled, expected, field) => {
  const before = await app.sql`select md5(string_agg(s::text, '' order by id)) as d from scans s`;
  const input = { filter: { id: { eq: "1" } }, expectedCount: 1, changes: { status: "FAILED" }, ...spoiled };
  const answer = await run("analyst", "update", "Scans", "__typename", input);
  expect([answer.code, answer.errors?.[0]?.extensions.field]).toEqual([expected, field]);
  expect(await app.sql`select md5(string_agg(s::text, '' order by id)) as d from scans s`).toEqual(before);
});

it("what others depend on is not deleted, and neither is anything else that matches", async () => {
  await app.sql`insert into organizations (name, domain) values ('free', 'free.example')`;
  const input = { filter: { domain: { in: ["demo.example", "free.example"] } }, expectedCount: 2 };
  const answer = await run("admin", "delete", "Organizations", "deletedOrganizationIds", input);
  expect([answer.code, answer.errors?.[0]?.extensions.state]).toEqual(["FAILED_PRECONDITION", "in use"]);
  expect(await app.sql`select id from organizations where domain = 'free.example'`).toHaveLength(1);
});

it("of two changes to the same rows at once the second sees what the first has made", async () => {
  await scans("twice", 20);
  const analyst = await app.as("analyst");
  const document = "mutation($input: UpdateScansInput!) { updateScans(input: $input) { scans { id } } }";
  const send = (status: string) =>
    analyst.run(document, {
      input: { filter: { ...kindIs("twice"), status: { eq: "PENDING" } }, expectedCount: 20, changes: { status } },
    });
  const answers = await Promise.all([send("FAILED"), send("RUNNING"), send("CANCELLED"), send("COMPLETED")]);
  expect(answers.map((answer) => answer.code ?? "").sort()).toEqual(["", "CONFLICT", "CONFLICT", "CONFLICT"]);
  expect(new Set((await of("twice")).map(({ status, version }) => `${status} ${version}`)).size).toBe(1);
});

it("a row that changes meanwhile so that it matches no more makes the count another", async () => {
  const [first] = await scans("moving", 3);
  const answer = await app.sql.begin(async (sql) => {
    await sql`update scans set scan_type = 'moved', version = version + 1 where id = ${first!}`;
    const waiting = run("analyst", "update", "Scans", "scans { id }", {
      filter: kindIs("moving"),
      expectedCount: 3,
      changes: { status: "FAILED" },
    });
    await untilSomebodyWaits();
    return { waiting };
  });
  const told = await answer.waiting;
  expect(code(told)).toEqual(["CONFLICT", 409, "expectedCount"]);
  expect(told.errors?.[0]?.message).toContain("2 rows match");
  expect((await of("moving")).map(({ version }) => version)).toEqual([1, 1]);
});

it("a row that changes meanwhile and still matches is changed on top of that", async () => {
  const [first] = await scans("staying", 2);
  const { waiting } = await app.sql.begin(async (sql) => {
    await sql`update scans set target_url = 'https://meanwhile.example/', version = version + 1 where id = ${first!}`;
    const waiting = run("analyst", "update", "Scans", "scans { targetUrl version }", {
      filter: kindIs("staying"),
      expectedCount: 2,
      changes: { status: "FAILED" },
    });
    await untilSomebodyWaits();
    return { waiting };
  });
  expect((await waiting).data.updateScans.scans).toEqual([
    { targetUrl: "https://meanwhile.example/", version: 3 },
    { targetUrl: "https://f.example/2", version: 2 },
  ]);
});

async function untilSomebodyWaits(): Promise<void> {
  for (;;) {
    const waiting = await app.sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    if (waiting.length > 0) return;
  }
}

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
