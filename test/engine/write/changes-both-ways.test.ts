/** A change of rows answers the same alone, with PostgreSQL's text, and beside another root field, through resolvers. */
import { expect, it } from "vitest";
import { type Somebody, testApp } from "../../support/app.js";

const app = testApp();

const ROW =
  "id __typename status organization { name } vulnerabilities(first: 1) { totalCount nodes { title } } version";
const COLUMNS = "__typename targetUrl scanType status vulnerabilitiesFound version organization { name domain }";
const scan = { organizationId: "1", targetUrl: "https://both.example/", scanType: "FULL" };
const organization = (n: number) => ({ name: "Ü", domain: `both-${n}.example` });

const created = async () =>
  (
    await app.sql`insert into scans (organization_id, target_url, scan_type) values (1, 'https://both.example/', 'FULL') returning id::text`
  )[0]?.id;

const someone = async (n: number) =>
  (
    await app.sql`insert into users (email, password_hash, role, organization_id)
    values (${`both-${n}-${Math.random()}@s.example`}, 'none', 'VIEWER', 1) returning id::text`
  )[0]?.id;

/** Of each verb: the mutation, its input anew for each call, and its selection. */
const CHANGES: Record<string, [field: string, input: (n: number) => object | Promise<object>, selection: string]> = {
  create: ["createScan", () => scan, `scan { ${ROW} } __typename`],
  "create, with other keys": [
    "createScan",
    () => scan,
    "type: __typename made: scan { key: id } again: scan { s: status }",
  ],
  "create, its name only": ["createScan", () => scan, "__typename"],
  "create many": ["createScans", () => ({ items: [scan, scan] }), `scans { ${ROW} }`],
  "create many of one scan": [
    "createVulnerabilities",
    () => ({ scanId: "1", items: [{ severity: "LOW", vulnType: "X", title: '\u2028"' }] }),
    "scan { id } vulnerabilities { title scan { id } }",
  ],
  "create, its columns and what it refers to": ["createScan", () => scan, `scan { ${COLUMNS} }`],
  "create, its columns with a key": [
    "createScan",
    (n) => ({ ...scan, idempotencyKey: `both ${n} ${COLUMNS.length}` }),
    `scan { ${COLUMNS} }`,
  ],
  "create a vulnerability, counted by its scan": [
    "createVulnerability",
    // Each counts those before it.
    async () => ({ scanId: await created(), severity: "LOW", vulnType: "X", title: "t" }),
    "vulnerability { id scan { vulnerabilitiesFound vulnerabilities { totalCount } } }",
  ],
  "create a vulnerability, its scan's count alone": [
    "createVulnerability",
    async () => ({ scanId: await created(), severity: "LOW", vulnType: "X", title: "t" }),
    "vulnerability { scan { vulnerabilitiesFound } }",
  ],
  "create a vulnerability, its columns": [
    "createVulnerability",
    async () => ({ scanId: await created(), severity: "LOW", vulnType: '\u2028"\\', title: "t", description: null }),
    "vulnerability { severity vulnType title description version }",
  ],
  "update, its columns": [
    "updateScan",
    async () => ({ id: await created(), version: 1, status: "RUNNING" }),
    `scan { ${COLUMNS} }`,
  ],
  "update a user, its columns": [
    "updateUser",
    async (n) => ({ id: await someone(n), version: 1, fullName: 'A "B" \u2028', organizationId: "2" }),
    "user { email fullName role version organization { name domain } }",
  ],
  update: ["updateScan", async () => ({ id: await created(), version: 1, scanType: "API" }), `scan { ${ROW} }`],
  "update by filter": [
    "updateScans",
    async () => ({ filter: { id: { eq: await created() } }, expectedCount: 1, changes: { scanType: "API" } }),
    `scans { ${ROW} }`,
  ],
  "update of none": [
    "updateScans",
    () => ({ filter: { id: { eq: "0" } }, expectedCount: 0, changes: { scanType: "API" } }),
    `scans { ${ROW} }`,
  ],
  delete: ["deleteScan", async () => ({ id: await created() }), "deletedScanId __typename"],
  "delete by filter": [
    "deleteScans",
    async () => ({ filter: { id: { eq: await created() } }, expectedCount: 1 }),
    "gone: deletedScanIds",
  ],
  upsert: ["upsertOrganization", organization, "created organization { name users { totalCount } }"],
  "no such row": ["updateScan", () => ({ id: "0", version: 1, scanType: "API" }), "scan { id }"],
  "a bad value": ["createScan", () => ({ ...scan, targetUrl: "no url" }), "scan { id }"],
  "a stale version": ["updateScan", async () => ({ id: await created(), version: 2, scanType: "API" }), "scan { id }"],
  "a page that is too large": ["createScan", () => scan, "scan { vulnerabilities(first: 101) { totalCount } }"],
};

/** Ids differ from call to call. */
const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value ?? null)
      .replaceAll(/"\d+"/g, '"id"')
      .replaceAll(/both-\d-[\d.e-]+@/g, "both@"),
  );

async function both(who: Somebody, [field, input, selection]: (typeof CHANGES)[string]) {
  const client = await app.as(who);
  const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input!`;
  const call = (key: string) => `${key}: ${field}(input: $${key}) { ${selection} }`;
  const records = async () => (await app.sql`select count(*)::int as n from audit_logs`)[0]?.n;
  app.log.length = 0;
  const before = await records();
  const alone = await client.run(`mutation($a: ${type}) { ${call("a")} }`, { a: await input(1) });
  const fast = app.log.filter(({ msg }) => msg === "answered by the plan alone").length;
  const between = await records();
  const beside = await client.run(`mutation($a: ${type}, $b: ${type}) { ${call("a")} ${call("b")} }`, {
    a: await input(2),
    b: await input(3),
  });
  expect([between - before, (await records()) - between]).toEqual([1, 2]);
  return { alone, beside, fast };
}

it.each(Object.keys(CHANGES))("%s", async (name) => {
  const { alone, beside, fast } = await both("admin", CHANGES[name]!);
  expect(plain(alone.data.a)).toEqual(plain(beside.data.a));
  const errors = ({ errors }: typeof alone) =>
    errors
      ?.filter(({ path }) => path?.[0] === "a")
      .map(({ message, path, extensions: { requestId: _, ...rest } }) => ({ message, path, rest }));
  expect(plain(errors(alone))).toEqual(plain(errors(beside)));
  expect(alone.status).toBe(beside.status);
  expect(fast).toBe(1);
});

it("what a statement answers of its row is what is read of it then, also where it is prepared", async () => {
  const analyst = await app.as("analyst");
  const fields =
    "id targetUrl scanType status startedAt vulnerabilitiesFound createdAt version organization { id name }";
  const create = `mutation($input: CreateScanInput!) { createScan(input: $input) { scan { ${fields} } } }`;
  const update = `mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { ${fields} } } }`;
  const read = `query($id: ID!) { scan(id: $id) { ${fields} } }`;
  for (let n = 0; n < 8; n++) {
    const { createScan } = (await analyst.run(create, { input: scan })).data;
    const { id } = createScan.scan;
    expect((await analyst.run(read, { id })).data).toEqual({ scan: createScan.scan });
    const { updateScan } = (await analyst.run(update, { input: { id, version: 1, scanType: `T${n}` } })).data;
    expect(updateScan.scan).toEqual({ ...createScan.scan, scanType: `T${n}`, version: 2 });
    expect((await analyst.run(read, { id })).data).toEqual({ scan: updateScan.scan });
  }
});

it("a list that the changed row is in has the row as it is now", async () => {
  const admin = await app.as("admin");
  const id = await created();
  const update = `mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan {
    scanType organization { scans(filter: { id: { eq: "${id}" } }) { nodes { scanType version } aggregate { max { scanType } } } } } } }`;
  for (const version of [1, 2]) {
    const scanType = `V${version}`;
    const { data } = await admin.run(update, { input: { id, version, scanType } });
    const scans = { nodes: [{ scanType, version: version + 1 }], aggregate: { max: { scanType } } };
    expect(data.updateScan.scan).toEqual({ scanType, organization: { scans } });
  }
});

it("a count that the change moves is the one after it", async () => {
  const admin = await app.as("admin");
  const scanId = await created();
  const create = `mutation($input: CreateVulnerabilityInput!) {
    createVulnerability(input: $input) { vulnerability { id scan { vulnerabilitiesFound } } } }`;
  const update = `mutation($input: UpdateVulnerabilityInput!) {
    updateVulnerability(input: $input) { vulnerability { scan { id vulnerabilitiesFound } } } }`;
  for (let n = 1; n <= 3; n++) {
    const input = { scanId, severity: "LOW", vulnType: "X", title: "t" };
    const { vulnerability } = (await admin.run(create, { input })).data.createVulnerability;
    expect(vulnerability.scan.vulnerabilitiesFound).toBe(n);
    const { data } = await admin.run(update, { input: { id: vulnerability.id, version: 1, title: "u" } });
    expect(data.updateVulnerability.vulnerability.scan).toEqual({ id: scanId, vulnerabilitiesFound: n });
  }
});

it("what exists only for others looks like nothing, both ways", async () => {
  const { alone, beside } = await both("analyst", [
    "createScan",
    () => ({ ...scan, organizationId: "2" }),
    "scan { id }",
  ]);
  expect([alone.code, alone.status, beside.code, beside.status]).toEqual(["NOT_FOUND", 404, "NOT_FOUND", 404]);
});

it("where a call says in the document belongs to its errors", async () => {
  const { errors } = await (await app.as("viewer")).run(
    `mutation($input: CreateScanInput!) {
    createScan(input: $input) { scan { id } }
  }`,
    { input: scan },
  );
  expect(errors).toMatchObject([
    { path: ["createScan"], locations: [{ line: 2, column: 5 }], extensions: { code: "FORBIDDEN" } },
  ]);
});
