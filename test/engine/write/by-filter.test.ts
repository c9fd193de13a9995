/** Changes and deletions of whatever matches a filter: exactly what was expected, or nothing. */
import { expect, it } from "vitest";
import { code, kindIs, useChangesByFilter } from "../../support/by-filter.js";

const { app, run, records, scans, of, untilSomebodyWaits } = useChangesByFilter();

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
