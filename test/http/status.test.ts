/** The HTTP status: that of the reason where the whole request failed for one, else 200; what succeeded stays. */
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();
const codes = (errors: { extensions: { code?: string } }[] | undefined) =>
  errors?.map(({ extensions }) => extensions.code).sort();

it.each([
  ["viewer", '{ scan(id: "x") { id } }', 400, ["BAD_USER_INPUT"]],
  ["viewer", "{ securityEvents { totalCount } }", 403, ["FORBIDDEN"]],
  ["viewer", "{ auditLogs { totalCount } securityEvents { totalCount } }", 403, ["FORBIDDEN", "FORBIDDEN"]],
  ["viewer", '{ auditLogs { totalCount } scan(id: "x") { id } }', 200, ["BAD_USER_INPUT", "FORBIDDEN"]],
  ["viewer", "{ viewer { role } securityEvents { totalCount } }", 200, ["FORBIDDEN"]],
  ["viewer", '{ scan(id: "1") { id } securityEvents { totalCount } }', 200, ["FORBIDDEN"]],
  ["viewer", '{ scan(id: "31") { id } securityEvents { totalCount } }', 200, ["FORBIDDEN"]],
  ["viewer", '{ scans(first: 101) { totalCount } scan(id: "1") { id } }', 200, ["LIMIT_EXCEEDED"]],
  ["analyst", 'mutation { deleteScan(input: { id: "9999" }) { deletedScanId } }', 404, ["NOT_FOUND"]],
  [
    "admin",
    'mutation { deleteOrganization(input: { id: "1" }) { deletedOrganizationId } }',
    409,
    ["FAILED_PRECONDITION"],
  ],
] as const)("%s: %s answers %i", async (who, document, status, expected) => {
  const answer = await (await app.as(who)).run(document, {}, { "x-request-id": "status" });
  expect([answer.status, codes(answer.errors)]).toEqual([status, expected]);
  for (const { path, extensions, message } of answer.errors ?? []) {
    expect(extensions.requestId).toBe("status");
    expect(path).toHaveLength(1);
    expect(message).toMatch(/\.$/);
  }
});

it("a row of another organization answers null without an error", async () => {
  const { status, data, errors } = await (await app.as("viewer")).run(
    '{ scan(id: "31") { id } other: scan(id: "99999") { id } }',
  );
  expect([status, data, errors]).toEqual([200, { scan: null, other: null }, undefined]);
});

it("of several mutations each stands or falls alone, in order, with a record of its own", async () => {
  const analyst = await app.as("analyst");
  const create = (type: string) =>
    `createScan(input: { organizationId: "1", targetUrl: "https://a.example/", scanType: "${type}" }) { scan { scanType } }`;
  const document = `mutation { a: ${create("A")} b: ${create("")} c: ${create("C")} d: deleteScan(input: { id: "9999" }) { deletedScanId } }`;
  const { status, data, errors } = await analyst.run(document, {}, { "x-request-id": "several" });
  expect(status).toBe(200);
  expect(data).toEqual({ a: { scan: { scanType: "A" } }, b: null, c: { scan: { scanType: "C" } }, d: null });
  expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([
    [["b"], "BAD_USER_INPUT"],
    [["d"], "NOT_FOUND"],
  ]);
  expect(await app.sql`select action, success from audit_logs where request_id = 'several' order by id`).toEqual([
    { action: "scan.create", success: true },
    { action: "scan.create", success: false },
    { action: "scan.create", success: true },
    { action: "scan.delete", success: false },
  ]);
});

it("a change stays even where the caller may not read what it answers", async () => {
  const { data, errors } = await (await app.as("security")).run(
    `mutation { recordSecurityEvent(input: { eventType: "seen", eventStatus: SUCCESS, userId: "3" }) {
       securityEvent { eventType user { email organization { scans { totalCount } } } } } }`,
    {},
    { "x-request-id": "kept" },
  );
  expect(codes(errors)).toEqual(["FORBIDDEN"]);
  expect(data.recordSecurityEvent.securityEvent).toEqual({
    eventType: "seen",
    user: { email: "analyst@demo.example", organization: null },
  });
  expect(
    await app.sql`select success from audit_logs where request_id = 'kept' and action = 'security-event.record'`,
  ).toEqual([{ success: true }]);
});
