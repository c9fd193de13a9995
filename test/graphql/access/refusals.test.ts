/** What a refusal takes along, and whom users may change. */
import { describe, expect, it } from "vitest";
import { SPECIMENS } from "../../specimens/index.js";
import { testApp } from "../../support/app.js";
import { expectRefusal, lookingInto } from "./callers.js";

const app = testApp();
const { clientOf, idOf, digest, mark, recordsSince } = lookingInto(app);

describe("a refused mutation beside others", () => {
  it("takes none of them along, and each leaves its own record", async () => {
    const analyst = await app.as("analyst");
    const [before, organizations] = [await mark(), await app.sql`select count(*)::int as n from organizations`];
    const { status, data, errors } = await analyst.run(
      `mutation($scan: CreateScanInput!, $organization: CreateOrganizationInput!) {
        a: createScan(input: $scan) { scan { version } }
        b: createOrganization(input: $organization) { organization { id } }
        c: createScan(input: $scan) { scan { version } }
      }`,
      {
        scan: { organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" },
        organization: { name: "N", domain: "never.example" },
      },
    );
    expect(status).toBe(200);
    expect(data).toEqual({ a: { scan: { version: 1 } }, b: null, c: { scan: { version: 1 } } });
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({ path: ["b"], extensions: { code: "FORBIDDEN" } });
    const { records, events } = await recordsSince(before);
    expect(records.map(({ action, success }) => [action, success])).toEqual([
      ["scan.create", true],
      ["organization.create", false],
      ["scan.create", true],
    ]);
    expect(events).toHaveLength(1);
    expect(await app.sql`select count(*)::int as n from organizations`).toEqual(organizations);
  });

  it("the same refused field under several aliases leaves a record for each call and an error for each", async () => {
    const viewer = await app.as("viewer");
    const [before, digestBefore] = [await mark(), await digest()];
    const { status, data, errors } = await viewer.run(
      "mutation { a: deleteScan(input: { id: 1 }) { deletedScanId } b: deleteScan(input: { id: 2 }) { deletedScanId } }",
    );
    expect(status).toBe(403);
    expect(data).toEqual({ a: null, b: null });
    expect(errors?.map(({ path }) => path)).toEqual([["a"], ["b"]]);
    expect(await digest()).toBe(digestBefore);
    const { records } = await recordsSince(before);
    expect(records.map(({ action, success, resource_id }) => [action, success, resource_id])).toEqual([
      ["scan.delete", false, "1"],
      ["scan.delete", false, "2"],
    ]);
  });
});

describe("updateUser", () => {
  const UPDATE = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }";

  it.each(["VIEWER", "ANALYST", "DBA", "SECURITY"] as const)("is refused to %s for anybody else", async (role) => {
    const client = await clientOf(role);
    const colleague = await SPECIMENS.User.insert(app);
    for (const id of [colleague, await idOf("ADMIN"), "999999"]) {
      const [before, digestBefore] = [await mark(), await digest()];
      const answer = await client.run(UPDATE, { input: { id, version: 1, fullName: "Taken over" } });
      expectRefusal(role, answer, "updateUser", true);
      expect(await digest()).toBe(digestBefore);
      const { records, events } = await recordsSince(before);
      expect(records.map(({ success }) => success)).toEqual([false]);
      expect(events).toHaveLength(1);
    }
  });

  it.each(["VIEWER", "ANALYST", "DBA", "SECURITY"] as const)("lets %s change neither role nor place", async (role) => {
    const client = await clientOf(role);
    const id = await idOf(role);
    const [row] = await app.sql`select version from users where id = ${id}`;
    for (const change of [{ role: "ADMIN" }, { organizationId: "2" }, { email: "x@x.example" }]) {
      const digestBefore = await digest();
      const answer = await client.run(UPDATE, { input: { id, version: row?.version, ...change } });
      expectRefusal(role, answer, "updateUser", true);
      expect(await digest()).toBe(digestBefore);
    }
  });
});
