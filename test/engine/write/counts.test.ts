/** `vulnerabilitiesFound`, and everything else that must hold when clients write at the same time. */
import { expect, it } from "vitest";
import { testApp } from "../../support/app.js";

const app = testApp();

const CREATE_SCAN = `mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id vulnerabilitiesFound } } }`;
const CREATE = `mutation($input: CreateVulnerabilityInput!) {
  createVulnerability(input: $input) { vulnerability { id scan { vulnerabilitiesFound } } } }`;
const CREATE_MANY = `mutation($input: CreateVulnerabilitiesInput!) {
  createVulnerabilities(input: $input) { scan { id vulnerabilitiesFound } vulnerabilities { id title description } } }`;
const DELETE = `mutation($input: DeleteVulnerabilityInput!) { deleteVulnerability(input: $input) { deletedVulnerabilityId } }`;

const item = (title: string) => ({ severity: "LOW", vulnType: "XSS", title });

async function newScan(): Promise<string> {
  const input = { organizationId: "1", targetUrl: "https://count.example/", scanType: "FULL" };
  const { data } = await (await app.as("analyst")).run(CREATE_SCAN, { input });
  return data.createScan.scan.id;
}

const counted = async (id: string) =>
  (
    await app.sql`
      select s.vulnerabilities_found as kept, s.version,
        (select count(*)::int from vulnerabilities v where v.scan_id = s.id) as found
      from scans s where s.id = ${id}`
  )[0];

it("follows one, many, and deleted vulnerabilities, and leaves the scan's version alone", async () => {
  const analyst = await app.as("analyst");
  const scanId = await newScan();
  const one = await analyst.run(CREATE, { input: { scanId, ...item("one") } });
  expect(one.data.createVulnerability.vulnerability.scan).toEqual({ vulnerabilitiesFound: 1 });
  const many = await analyst.run(CREATE_MANY, {
    input: { scanId, items: [item("two"), { ...item("three"), description: "" }, item("two")] },
  });
  expect(many.data.createVulnerabilities).toEqual({
    scan: { id: scanId, vulnerabilitiesFound: 4 },
    vulnerabilities: [
      { id: expect.any(String), title: "two", description: null },
      { id: expect.any(String), title: "three", description: "" },
      { id: expect.any(String), title: "two", description: null },
    ],
  });
  const { id } = one.data.createVulnerability.vulnerability;
  expect((await analyst.run(DELETE, { input: { id } })).errors).toBeUndefined();
  expect(await counted(scanId)).toEqual({ kept: 3, found: 3, version: 1 });
});

it("goes with the scan, in one record", async () => {
  const analyst = await app.as("analyst");
  const scanId = await newScan();
  await analyst.run(CREATE_MANY, { input: { scanId, items: [item("a"), item("b")] } });
  const before = (await app.sql`select count(*)::int as n from audit_logs`)[0]!.n as number;
  const { data } = await analyst.run(
    `mutation($input: DeleteScanInput!) { deleteScan(input: $input) { deletedScanId } }`,
    { input: { id: scanId } },
  );
  expect(data.deleteScan.deletedScanId).toBe(scanId);
  expect(await app.sql`select id from vulnerabilities where scan_id = ${scanId}`).toEqual([]);
  expect(await app.sql`select count(*)::int as n from audit_logs`).toEqual([{ n: before + 1 }]);
});

it("creates many vulnerabilities or none, and the error names the item", async () => {
  const analyst = await app.as("analyst");
  const scanId = await newScan();
  const state = () =>
    app.sql`select (select count(*)::int from vulnerabilities) v, (select count(*)::int from audit_logs) a`;
  const { v, a } = (await state())[0] as { v: number; a: number };
  const items = [item("fine"), item("fine"), item("x".repeat(501))];
  const long = await analyst.run(CREATE_MANY, { input: { scanId, items } }, { "x-request-id": "many" });
  expect([long.code, long.status, long.errors?.[0]?.extensions.field]).toEqual([
    "BAD_USER_INPUT",
    400,
    "items.2.title",
  ]);
  expect(await state()).toEqual([{ v, a: a + 1 }]);
  expect(
    await app.sql`select action, success, parameters->'scanId' as scan, result->>'field' as field
                  from audit_logs where request_id = 'many'`,
  ).toEqual([{ action: "vulnerability.create-many", success: false, scan: scanId, field: "items.2.title" }]);

  const none = await analyst.run(CREATE_MANY, { input: { scanId, items: [] } });
  expect([none.code, none.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", "items"]);
  const tooMany = await analyst.run(CREATE_MANY, { input: { scanId, items: Array(1001).fill(item("x")) } });
  expect([tooMany.code, tooMany.errors?.[0]?.extensions.limit]).toEqual(["LIMIT_EXCEEDED", "items"]);
  const foreign = await (await app.as("otherAnalyst")).run(CREATE_MANY, { input: { scanId, items: [item("x")] } });
  expect([foreign.code, foreign.status]).toEqual(["NOT_FOUND", 404]);
  expect(await state()).toEqual([{ v, a: a + 4 }]);
  expect(await counted(scanId)).toEqual({ kept: 0, found: 0, version: 1 });

  const most = await analyst.run(CREATE_MANY, { input: { scanId, items: Array(1000).fill(item("x")) } });
  expect(most.data.createVulnerabilities.vulnerabilities).toHaveLength(1000);
  expect(await counted(scanId)).toEqual({ kept: 1000, found: 1000, version: 1 });
});

it("stays right while 20 clients insert and delete", async () => {
  const analyst = await app.as("analyst");
  const scans = [await newScan(), await newScan()];
  const worker = async (n: number) => {
    for (let round = 0; round < 4; round++) {
      const scanId = scans[(n + round) % 2]!;
      const one = await analyst.run(CREATE, { input: { scanId, ...item(`${n}`) } });
      const many = await analyst.run(CREATE_MANY, { input: { scanId, items: [item("a"), item("b")] } });
      expect([one.errors, many.errors]).toEqual([undefined, undefined]);
      const id =
        round % 2
          ? one.data.createVulnerability.vulnerability.id
          : many.data.createVulnerabilities.vulnerabilities[0].id;
      expect((await analyst.run(DELETE, { input: { id } })).errors).toBeUndefined();
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, n) => worker(n)));
  for (const id of scans) expect(await counted(id)).toEqual({ kept: 80, found: 80, version: 1 });
});

it("lets exactly one of parallel updates with one version win", async () => {
  const analyst = await app.as("analyst");
  const id = await newScan();
  const document = `mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { version scanType } } }`;
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => analyst.run(document, { input: { id, version: 1, scanType: `T${n}` } })),
  );
  const winners = answers.filter(({ errors }) => errors === undefined);
  expect(winners).toHaveLength(1);
  expect(answers.filter(({ code, status }) => code === "CONFLICT" && status === 409)).toHaveLength(7);
  expect(await app.sql`select version, scan_type from scans where id = ${id}`).toEqual([
    { version: 2, scan_type: winners[0]?.data.updateScan.scan.scanType },
  ]);
  const records = await app.sql`
    select success, count(*)::int as n from audit_logs where action = 'scan.update' and resource_id = ${id} group by success order by 1`;
  expect(records).toEqual([
    { success: false, n: 7 },
    { success: true, n: 1 },
  ]);
});
