/** Whoever belongs to one organization changes nothing of another, and cannot tell its rows from none. */
import { describe, expect, it } from "vitest";
import { changesOf, inputOf, manyOf, pluralName, type Written } from "../../specimens/changes.js";
import { SPECIMENS, written } from "../../specimens/index.js";
import { oneOf, type Specimen, tableOf } from "../../specimens/specimen.js";
import { type Client, testApp } from "../../support/app.js";
import { type Id, idsOf, OWNED, tenantsOf } from "./tenants.js";

const app = testApp();
const { all, own, foreign } = tenantsOf(app);

describe("a row of another organization answers exactly as one that does not exist", () => {
  const UNKNOWN = "987654321";

  /** The body as it is, with what may differ taken out. */
  async function raw(client: Client, query: string, variables: object, id: Id) {
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${client.token}`,
        "x-request-id": "same",
      },
      body: JSON.stringify({ query, variables }),
    });
    // `ratelimit` counts the requests.
    const differ = ["date", "content-length", "ratelimit"];
    const headers = [...response.headers].filter(([name]) => !differ.includes(name));
    return { status: response.status, headers, body: (await response.text()).replaceAll(`"${id}"`, '"<id>"') };
  }

  const digest = async () => {
    const parts = OWNED.map(
      (specimen) => `(select md5(string_agg(t::text, ',' order by id)) from ${tableOf(specimen)} t)`,
    );
    return (await app.sql.unsafe(`select concat_ws(' ', ${parts.join(", ")}) as d`))[0]?.d;
  };

  it.each(OWNED)("$type.name in queries: null", async (specimen) => {
    const viewer = await app.as("viewer");
    const one = oneOf(specimen);
    const query = `query($id: ID!) { ${one}(id: $id) { id } }`;
    const unknown = await raw(viewer, query, { id: UNKNOWN }, UNKNOWN);
    expect(unknown.status).toBe(200);
    expect(unknown.body).toBe(`{"data":{"${one}":null}}`);
    for (const id of foreign(specimen, "1").slice(0, 5)) expect(await raw(viewer, query, { id }, id)).toEqual(unknown);
    const beside = `query($id: ID!) { ${one}(id: $id) { id } viewer { role } }`;
    const [id] = foreign(specimen, "1");
    expect(await raw(viewer, beside, { id }, id!)).toEqual(await raw(viewer, beside, { id: UNKNOWN }, UNKNOWN));
  });

  const OF_ANALYSTS = written.filter(({ writes }) => writes.roles.includes("ANALYST"));

  /** By mutation: the type that the id is of, and the input with it. */
  const MUTATIONS: Record<string, [type: Specimen, input: (id: Id) => object]> = Object.fromEntries(
    OF_ANALYSTS.flatMap(changesOf).flatMap((change): [string, [Specimen, (id: Id) => object]][] => {
      const { name, verb, specimen } = change;
      const { within } = specimen.writes;
      if (verb === "update" || verb === "delete") {
        // Of a row that is not theirs, its version makes no difference.
        return [[name, [specimen, (id) => ({ ...inputOf(change, [id]), version: 1 })]]];
      }
      if (!within) return [];
      if (verb === "create") {
        return [[name, [within.to, (id) => ({ ...inputOf(change, []), [within.field]: id })]]];
      }
      return verb === "createMany" ? [[name, [within.to, (id) => manyOf(specimen, [within.own, id])]]] : [];
    }),
  );

  it("covers every mutation that an analyst may call", () => {
    const others = [
      ...[
        "signIn",
        "refreshSession",
        "signOut",
        "revokeSession",
        "revokeSessions",
        "rotateSecrets",
        "recordSecurityEvent",
        "setEnvironmentMapping",
        "discoverInstances",
        "setEnvironmentRules",
        "confirmEnvironmentProposal",
        "createSnapshot",
      ],
      ...["deleteSnapshot", "restoreSnapshot", "rebootInstance", "modifyBackupWindow", "stopInstance"],
      ...[
        "startInstance",
        "setInstanceTags",
        "proposeInstanceTags",
        "modifyInstanceClass",
        "changeParameterGroup",
        "retryOperation",
      ],
      "cancelOperation",
      ...["createSnapshots", "rebootInstances", "modifyBackupWindows", "stopInstances", "startInstances"],
      ...["modifyInstanceClasses", "setTagsOfInstances", "changeParameterGroups"],
      ...["retryBulkOperation", "cancelBulkOperation"],
      ...["lockUser", "unlockUser", "deactivateUser", "reactivateUser", "changePassword"],
      ...written
        .filter((specimen) => !OF_ANALYSTS.includes(specimen))
        .flatMap(changesOf)
        .map(({ name }) => name),
      // Those by a filter are looked at below.
      ...OF_ANALYSTS.flatMap(changesOf).flatMap(({ name, verb }) => (/^(update|delete)Many/.test(verb) ? [name] : [])),
    ];
    expect([...Object.keys(MUTATIONS), ...others].sort()).toEqual(
      Object.keys(app.schema.getMutationType()!.getFields()).sort(),
    );
  });

  it.each(Object.keys(MUTATIONS))("%s: NOT_FOUND, nothing changes, one record of the failure", async (name) => {
    const [type, input] = MUTATIONS[name]!;
    const analyst = await app.as("analyst");
    const query = `mutation($input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { __typename } }`;
    const before = await digest();
    const unknown = await raw(analyst, query, { input: input(UNKNOWN) }, UNKNOWN);
    const theirs = foreign(type, "1").slice(0, 3);
    for (const id of theirs) {
      const [{ max }] = (await app.sql`select coalesce(max(id), 0) as max from audit_logs`) as unknown as [
        { max: string },
      ];
      expect(await raw(analyst, query, { input: input(id) }, id)).toEqual(unknown);
      const records =
        await app.sql`select success, resource_id, result->>'code' as code from audit_logs where id > ${max}`;
      expect([...records]).toEqual([
        { success: false, resource_id: /^(create|upsert)/.test(name) ? null : id, code: "NOT_FOUND" },
      ]);
    }
    expect(await digest()).toBe(before);
    expect(unknown.status).toBe(404);
    expect(JSON.parse(unknown.body).errors[0].extensions.code).toBe("NOT_FOUND");
  });

  const byFilter = async (verb: "update" | "delete", specimen: Written, input: object) => {
    const [analyst, names] = [await app.as("analyst"), pluralName(specimen)];
    const query = `mutation($input: ${verb[0]!.toUpperCase()}${verb.slice(1)}${names}Input!) { ${verb}${names}(input: $input) { __typename } }`;
    return analyst.run(query, { input: { ...input, ...(verb === "update" && { changes: specimen.writes.changes }) } });
  };

  it.each(OF_ANALYSTS)("$type.name by a filter: rows of others neither match nor count", async (specimen) => {
    const before = await digest();
    const mine = own(specimen, "1").length;
    const theirs = foreign(specimen, "1");
    const words = mine > 1000 ? "More than 1000 rows match" : `${mine} row${mine === 1 ? " matches" : "s match"}`;
    for (const verb of ["update", "delete"] as const) {
      const cases: [filter: object, expectedCount: number, message: string][] = [
        [{ id: { in: theirs } }, 1, "0 rows match"],
        [{ id: { eq: theirs[0] } }, 1, "0 rows match"],
        [{ id: { eq: UNKNOWN } }, 1, "0 rows match"],
        [{}, mine + 1, words],
        [{ id: { isNull: false } }, all(specimen).length, words],
        [{ not: { id: { in: idsOf(own(specimen, "1")) } } }, theirs.length, "0 rows match"],
      ];
      for (const [filter, expectedCount, message] of cases) {
        const { code, status, errors } = await byFilter(verb, specimen, { filter, expectedCount });
        expect([code, status]).toEqual(["CONFLICT", 409]);
        expect(errors?.[0]?.message).toContain(`${message}, where ${expectedCount}`);
      }
    }
    expect(await digest()).toBe(before);
  });

  it.each(OF_ANALYSTS)("$type.name by the filter for all: exactly the own rows change", async (specimen) => {
    const table = tableOf(specimen);
    const of = async (ids: readonly Id[]) =>
      (
        await app.sql.unsafe(
          `select md5(string_agg(t::text, ',' order by id)) as d from ${table} t where id in (${ids})`,
        )
      )[0]?.d;
    const theirs = await of(foreign(specimen, "1"));
    const mine = idsOf(own(specimen, "1"));
    const { data, errors } = await byFilter("update", specimen, { filter: {}, expectedCount: mine.length });
    expect([errors, data]).toEqual([undefined, expect.anything()]);
    expect(await of(foreign(specimen, "1"))).toBe(theirs);
    const changed = await app.sql.unsafe(`select id::text from ${table} where version = 2`);
    expect(changed.map(({ id }) => id).sort()).toEqual(mine.sort());
  });

  it("a stale version of another's row is NOT_FOUND, not CONFLICT", async () => {
    const analyst = await app.as("analyst");
    const [id] = foreign(SPECIMENS.Scan, "1");
    const { code } = await analyst.run(
      "mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { id } } }",
      { input: { id, version: 77, scanType: "X" } },
    );
    expect(code).toBe("NOT_FOUND");
    const { code: deleted } = await analyst.run(
      "mutation($input: DeleteScanInput!) { deleteScan(input: $input) { deletedScanId } }",
      { input: { id, version: 77 } },
    );
    expect(deleted).toBe("NOT_FOUND");
  });

  it("an analyst records a response time for the own organization only, and not for the platform", async () => {
    const analyst = await app.as("analyst");
    const query =
      "mutation($input: CreatePerformanceLogInput!) { createPerformanceLog(input: $input) { performanceLog { id } } }";
    const input = { serviceName: "X", endpoint: "X", responseTimeMs: 1 };
    const before = await digest();
    for (const organizationId of [undefined, null]) {
      const { data, errors } = await analyst.run(query, { input: { ...input, organizationId } });
      expect(data).toEqual({ createPerformanceLog: null });
      expect(errors).toHaveLength(1);
      expect(["BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN"]).toContain(errors?.[0]?.extensions.code);
    }
    expect(await digest()).toBe(before);
  });
});
