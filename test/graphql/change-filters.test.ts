/** A filter of a change that says less than it was meant to is refused: every row is meant by a `{}` as a whole, and by nothing else. */
import { readFileSync } from "node:fs";
import { buildSchema, type GraphQLInputObjectType, getNamedType } from "graphql";
import { beforeEach, expect, it } from "vitest";
import { OPERATION_DECLARATIONS } from "../../src/values/operations/declarations.js";
import { changesOf } from "../specimens/changes.js";
import { written } from "../specimens/index.js";
import { type Client, testApp } from "../support/app.js";

const app = testApp();
const SDL = buildSchema(readFileSync(new URL("../../schema/schema.graphql", import.meta.url), "utf8"));

let admin: Client;
let before: unknown;
/** Everything that these changes could reach. */
const state = () => app.sql`
  select (select md5(string_agg(s::text, '' order by id)) from scans s) as scans,
    (select md5(string_agg(v::text, '' order by id)) from vulnerabilities v) as vulnerabilities,
    (select md5(string_agg(o::text, '' order by id)) from organizations o) as organizations`;
beforeEach(async () => {
  admin = await app.as("admin");
  before = await state();
});

let calls = 0;
const run = (document: string, variables?: Record<string, unknown>) =>
  admin.run(document, variables, { "x-request-id": `said.${++calls}` });
const records = () => app.sql`
  select action, success, result->>'code' as code from audit_logs where request_id = ${`said.${calls}`}`;

/** As many as there are: where the filter said nothing, all would go. */
const count = async () => (await app.sql`select count(*)::int as n from scans`)[0]?.n as number;

const CHANGES = {
  delete: (filter: string, declared: string, n: number) =>
    `mutation ${declared} { deleteScans(input: { filter: ${filter}, expectedCount: ${n} }) { deletedScanIds } }`,
  update: (filter: string, declared: string, n: number) =>
    `mutation ${declared} { updateScans(input: { filter: ${filter}, expectedCount: ${n}, changes: { status: FAILED } }) { scans { id } } }`,
};

async function expectRefused(
  verb: keyof typeof CHANGES,
  document: string,
  variables: Record<string, unknown> | undefined,
  field: string,
) {
  // The second time the document is known.
  for (let time = 1; time <= 2; time++) {
    const { status, code, errors, data } = await run(document, variables);
    expect([status, code, errors?.length, errors?.[0]?.extensions.field], document).toEqual([
      400,
      "BAD_USER_INPUT",
      1,
      field,
    ]);
    expect(data).toEqual({ [`${verb}Scans`]: null });
    expect(await records()).toEqual([{ action: `scan.${verb}-many`, success: false, code: "BAD_USER_INPUT" }]);
    expect(await state()).toEqual(before);
    const { message } = errors![0]!;
    if (document.includes("$")) expect(message).toContain(`\`${/\$\w+/.exec(document)?.[0]}\``);
  }
}

const ABSENT: [filter: string, declared: string, field: string][] = [
  ["{ id: { eq: $v } }", "$v: ID", "filter.id.eq"],
  ["{ id: { in: $v } }", "$v: [ID!]", "filter.id.in"],
  ["{ id: $v }", "$v: IDFilter", "filter.id"],
  ['{ id: { ne: "0", eq: $v } }', "$v: ID", "filter.id.eq"],
  ['{ scanType: { ne: "nothing" }, status: { eq: $v } }', "$v: ScanStatus", "filter.status.eq"],
  ["{ and: $v }", "$v: [ScanFilter!]", "filter.and"],
  ['{ and: [{ id: { ne: "0" } }, { id: { eq: $v } }] }', "$v: ID", "filter.and.1.id.eq"],
  ['{ or: [{ id: { ne: "0" } }, { targetUrl: $v }] }', "$v: StringFilter", "filter.or.1.targetUrl"],
  ["{ not: $v }", "$v: ScanFilter", "filter.not"],
  ["{ not: { startedAt: { isNull: $v } } }", "$v: Boolean", "filter.not.startedAt.isNull"],
  ["{ organization: $v }", "$v: OrganizationFilter", "filter.organization"],
  ["{ organization: { domain: { eq: $v } } }", "$v: String", "filter.organization.domain.eq"],
  ["{ vulnerabilities: { every: $v } }", "$v: VulnerabilityFilter", "filter.vulnerabilities.every"],
  [
    "{ vulnerabilities: { every: { severity: { eq: $v } } } }",
    "$v: Severity",
    "filter.vulnerabilities.every.severity.eq",
  ],
  ["{ createdAt: { gte: $v } }", "$v: DateTime", "filter.createdAt.gte"],
];

it.each(ABSENT.flatMap((each) => [["delete", ...each] as const, ["update", ...each] as const]))(
  "%s: %s without its variable",
  async (verb, filter, declared, field) => {
    await expectRefused(verb, CHANGES[verb](filter, `(${declared})`, await count()), {}, field);
  },
);

const EMPTY: [filter: object, field: string][] = [
  [{ id: {} }, "filter.id"],
  [{ scanType: { ne: "nothing" }, targetUrl: {} }, "filter.targetUrl"],
  [{ organization: {} }, "filter.organization"],
  [{ organization: { domain: {} } }, "filter.organization.domain"],
  [{ vulnerabilities: {} }, "filter.vulnerabilities"],
  [{ vulnerabilities: { every: {} } }, "filter.vulnerabilities.every"],
  [{ vulnerabilities: { none: { severity: {} } } }, "filter.vulnerabilities.none.severity"],
  [{ and: [] }, "filter.and"],
  [{ and: [{}] }, "filter.and.0"],
  [{ and: [{ id: { ne: "0" } }, { and: [{}] }] }, "filter.and.1.and.0"],
  [{ or: [] }, "filter.or"],
  [{ or: [{ id: { eq: "1" } }, {}] }, "filter.or.1"],
  [{ not: {} }, "filter.not"],
  [{ not: { not: {} } }, "filter.not.not"],
  [{ not: { and: [] } }, "filter.not.and"],
  [{ id: { notIn: [] } }, "filter.id.notIn"],
  [{ and: [{ scanType: { contains: "" } }] }, "filter.and.0.scanType.contains"],
  [{ targetUrl: { startsWith: "" } }, "filter.targetUrl.startsWith"],
  [{ organization: { name: { endsWith: "" } } }, "filter.organization.name.endsWith"],
];
const literal = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(literal).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${key}: ${literal(item)}`)
    .join()} }`;
};

it.each(EMPTY)("a filter that holds an empty condition: %j", async (filter, field) => {
  const n = await count();
  for (const verb of ["delete", "update"] as const) {
    const inputs = `${verb === "delete" ? "Delete" : "Update"}ScansInput`;
    const whole = `mutation($input: ${inputs}!) { ${verb}Scans(input: $input) { __typename } }`;
    const changes = verb === "update" && { changes: { status: "FAILED" } };
    const sent: [string, Record<string, unknown>?][] = [
      [CHANGES[verb](literal(filter), "", n)],
      [CHANGES[verb]("$f", "($f: ScanFilter!)", n), { f: filter }],
      [whole, { input: { filter, expectedCount: n, ...changes } }],
    ];
    for (const [document, variables] of sent) {
      const { status, code, errors } = await run(document, variables);
      expect([status, code, errors?.[0]?.extensions.field], document).toEqual([400, "BAD_USER_INPUT", field]);
      expect(await records()).toEqual([{ action: `scan.${verb}-many`, success: false, code: "BAD_USER_INPUT" }]);
    }
  }
  expect(await state()).toEqual(before);
});

it("every mutation that takes a filter refuses one that is empty below its top, and one without its variable", async () => {
  const fields = Object.values(SDL.getMutationType()!.getFields());
  const taking = fields.filter(({ args }) =>
    args.some(({ type }) => "filter" in (getNamedType(type) as GraphQLInputObjectType).getFields()),
  );
  const byFilter = written.flatMap(changesOf).filter(({ verb }) => /^(update|delete)Many/.test(verb));
  const ofInstances = OPERATION_DECLARATIONS.flatMap(({ bulk }) => bulk?.name ?? []);
  expect(taking.map(({ name }) => name).sort()).toEqual([...byFilter.map(({ name }) => name), ...ofInstances].sort());
  for (const { name, args } of taking) {
    const input = getNamedType(args[0]!.type) as GraphQLInputObjectType;
    const { changes: given } = input.getFields();
    const texts = given && Object.values((getNamedType(given.type) as GraphQLInputObjectType).getFields());
    const text = texts?.find(({ type }) => String(type) === "String")?.name;
    // What the input of an operation must have.
    const own = { backupWindow: "01:00-01:30", instanceClass: "local.small", parameterGroup: "default" };
    const needed = Object.entries(own).filter(([field]) => field in input.getFields());
    const changes = text
      ? `, changes: { ${text}: "x" }`
      : needed.map(([field, value]) => `, ${field}: "${value}"`).join("");
    for (const [filter, at] of [
      ["{ id: {} }", "filter.id"],
      ["{ id: { eq: $id } }", "filter.id.eq"],
    ]) {
      const declared = filter!.includes("$") ? "($id: ID)" : "";
      const { code, errors } = await run(
        `mutation ${declared} { ${name}(input: { filter: ${filter}, expectedCount: 1${changes} }) { __typename } }`,
      );
      expect([name, code, errors?.[0]?.extensions.field]).toEqual([name, "BAD_USER_INPUT", at]);
      expect(await records()).toMatchObject([{ success: false, code: "BAD_USER_INPUT" }]);
    }
  }
  expect(await state()).toEqual(before);
});

it("every row is meant by a `{}` as a whole, however it is given", async () => {
  const n = await count();
  const analyst = await app.as("analyst");
  const [own] = await app.sql`select count(*)::int as n from scans where organization_id = 1`;
  for (const [filter, declared, variables] of [
    ["{}", "", {}],
    ["$f", "($f: ScanFilter!)", { f: {} }],
    ["$f", "($f: ScanFilter! = {})", {}],
  ] as const) {
    const { data, errors } = await run(CHANGES.update(filter, declared, n), variables);
    expect(errors).toBeUndefined();
    expect(data.updateScans.scans).toHaveLength(n);
    const theirs = await analyst.run(CHANGES.update(filter, declared, own?.n), variables);
    expect(theirs.data.updateScans.scans).toHaveLength(own?.n);
  }
});

it("variables that are there do what they say; where one is absent, a read counts it as absent", async () => {
  const document = CHANGES.update(
    "{ id: { eq: $v }, not: { and: [{ status: $s }] } }",
    "($v: ID, $s: ScanStatusFilter)",
    1,
  );
  const { data, errors } = await run(document, { v: "3", s: { in: [] } });
  expect(errors).toBeUndefined();
  expect(data.updateScans.scans).toEqual([{ id: "3" }]);
  const read = await run("query($v: ID) { scans(filter: { id: { eq: $v } }) { totalCount } }");
  expect(read.data.scans.totalCount).toBe(await count());
  const made = `mutation($v: ID) { createScan(input: { organizationId: 1, targetUrl: "https://a.example/", scanType: "T" }) {
    scan { organization { scans(filter: { id: { eq: $v } }) { totalCount } } } } }`;
  expect((await run(made)).errors).toBeUndefined();
});

it("who may not change learns nothing of the filter", async () => {
  const viewer = await app.as("viewer");
  const { code } = await viewer.run(CHANGES.delete("{ id: { eq: $v } }", "($v: ID)", 1));
  expect(code).toBe("FORBIDDEN");
  expect(await state()).toEqual(before);
});
