/** What filters of reads can do: relations, texts in any case, JSON. */
import { describe, expect, it } from "vitest";
import { filterFields } from "../../../src/engine/read/filter.js";
import { SECRET } from "../../specimens/specimen.js";
import { type Somebody } from "../../support/app.js";
import { rootTypes } from "../../support/model.js";
import { useReadRows } from "../../support/read-features.js";

const { app, ids } = useReadRows();

describe("filters across relations", () => {
  it.each<[string, Somebody, object, string[]]>([
    ["of the row it belongs to", "admin", { organization: { domain: { startsWith: "CLINIC." } } }, ["104"]],
    ["some", "admin", { vulnerabilities: { some: { severity: { eq: "HIGH" } } } }, ["101", "102"]],
    [
      "every, and so where there are none",
      "admin",
      { vulnerabilities: { every: { severity: { eq: "HIGH" } } } },
      ["102", "103"],
    ],
    [
      "every judges an absent value as not holding",
      "admin",
      { vulnerabilities: { every: { description: { contains: "s" } } } },
      ["102", "103"],
    ],
    ["none", "admin", { vulnerabilities: { none: { vulnType: { eq: "SQLI" } } } }, ["101", "103"]],
    ["all given ones", "admin", { vulnerabilities: { some: {}, none: { description: { isNull: true } } } }, ["102"]],
    ["negated", "admin", { not: { vulnerabilities: { some: {} } } }, ["103"]],
    [
      "deeper",
      "admin",
      {
        organization: {
          users: { some: { email: { eq: "viewer@demo.example" } } },
          scans: { some: { id: { eq: "103" } } },
        },
      },
      ["101", "102", "103"],
    ],
    [
      "there and back",
      "viewer",
      { vulnerabilities: { some: { scan: { organization: { scans: { some: { status: { eq: "FAILED" } } } } } } } },
      ["101", "102"],
    ],
    ["only over visible rows", "viewer", { organization: { scans: { some: { id: { eq: "104" } } } } }, []],
    [
      "every, only over visible rows",
      "viewer",
      { organization: { scans: { every: { targetUrl: { contains: "a.example" } } } } },
      ["101", "102", "103"],
    ],
  ])("%s", async (_, who, filter, expected) => {
    expect(await ids(who, "scans", filter, "Scan")).toEqual(expected);
  });

  it("may not lead where the role may not read", async () => {
    const query = `{ users(filter: { organization: { scans: { some: { status: { eq: FAILED } } } } }) { nodes { id } } }`;
    const { code, status, errors, data } = await (await app.as("security")).run(query);
    expect([code, status, errors?.[0]?.extensions.permission, data]).toEqual([
      "FORBIDDEN",
      403,
      "scans:read",
      { users: null },
    ]);
  });
});

describe("texts are found in any case, and literally", () => {
  it.each([
    [{ contains: "100%" }, ["101"]],
    [{ contains: "X_Y" }, ["103"]],
    [{ endsWith: "_Y" }, ["103"]],
    [{ endsWith: "ZY" }, ["104"]],
    [{ endsWith: "0" }, ["102"]],
    [{ startsWith: "HTTPS://A" }, ["101", "102", "103"]],
    [{ contains: "\\" }, []],
    [{ contains: "ÉTÉ" }, ["103"]],
    [{ contains: "Ω" }, ["103"]],
  ])("%j", async (targetUrl, expected) => {
    expect(await ids("admin", "scans", { targetUrl }, "Scan")).toEqual(expected);
  });
});

describe("containment in JSON", () => {
  const found = async (metadata: object) => {
    const query = `query($metadata: JSONFilter) { securityEvents(filter: { eventType: { eq: "json" }, metadata: $metadata }, orderBy: [{ field: ID }]) { nodes { metadata } } }`;
    const { data, errors } = await (await app.as("security")).run(query, { metadata });
    expect(errors).toBeUndefined();
    return data.securityEvents.nodes.map((node: { metadata: unknown }) =>
      Array.isArray(node.metadata) ? "list" : node.metadata && "object",
    );
  };
  it.each<[unknown, (string | null)[]]>([
    [{ contains: { a: { b: 1 } } }, ["object"]],
    [{ contains: { a: { c: [3, 1] } } }, ["object"]],
    [{ contains: { d: null } }, ["object"]],
    [{ contains: ["a"] }, ["list"]],
    [{ contains: "a" }, ["list"]],
    [{ contains: {} }, ["object"]],
    [{ contains: { a: { b: 2 } } }, []],
    [{ isNull: true }, [null]],
  ])("%j", async (filter, expected) => expect(await found(filter as object)).toEqual(expected));

  it("also written in the document, with variables inside", async () => {
    const query = `query($b: Int) { securityEvents(filter: { metadata: { contains: { a: { b: $b } } } }) { totalCount } }`;
    const security = await app.as("security");
    expect((await security.run(query, { b: 1 })).data.securityEvents.totalCount).toBe(1);
    expect((await security.run(query, { b: 2 })).data.securityEvents.totalCount).toBe(0);
  });
});

describe("JSON that a column cannot hold is refused, where it would find nothing", () => {
  const looked = rootTypes.flatMap((type) =>
    [...filterFields(type)].flatMap(([name, field]) => (field.kind === "json" ? [{ type, name, field }] : [])),
  );

  it("only these hold any JSON", () => {
    const open = looked.filter(({ field }) => !field.contained).map(({ type, name }) => `${type.name}.${name}`);
    expect(open.sort()).toEqual([
      "InstanceChange.after",
      "InstanceChange.before",
      "SecurityEvent.location",
      "SecurityEvent.metadata",
    ]);
  });

  const among = async (type: string, plural: string, name: string, contains: unknown) =>
    (await app.as("admin")).run(`query($filter: ${type}Filter) { ${plural}(filter: $filter) { totalCount } }`, {
      filter: { [name]: { contains } },
    });
  it.each(
    looked.filter(({ field }) => field.contained).map(({ type, name }) => [type.name, type.plural, name] as const),
  )("%s in %s by %s", async (type, plural, name) => {
    const isList = name === "tags";
    for (const wrong of [SECRET, 1, true, isList ? { key: SECRET } : [SECRET], isList ? [SECRET] : [{}]]) {
      const { code, errors } = await among(type, plural, name, wrong);
      const field = isList && Array.isArray(wrong) ? `filter.${name}.contains.0` : `filter.${name}.contains`;
      expect([code, errors?.[0]?.extensions.field], JSON.stringify(wrong)).toEqual(["BAD_USER_INPUT", field]);
      expect(errors?.[0]?.message).toMatch(/`[[{].*`|such as/);
      expect(JSON.stringify(errors)).not.toContain(SECRET);
    }
    const { errors } = await among(type, plural, name, isList ? [] : {});
    expect(errors).toBeUndefined();
  });

  it.each([
    [[{ value: "shop" }], "0.key"],
    [[{ key: "" }], "0.key"],
    [[{ key: "k".repeat(129) }], "0.key"],
    [[{ key: "Owner", value: 1 }], "0.value"],
    [[{ key: "Owner", value: null }], "0.value"],
    [[{ key: "Owner" }, { key: "Owner", Value: "shop" }], "1"],
    [{ Owner: "shop" }, ""],
    [Array.from({ length: 51 }, () => ({ key: "Owner" })), ""],
  ])("labels: %j", async (contains, at) => {
    const { code, errors } = await among("Instance", "instances", "tags", contains);
    const field = ["filter.tags.contains", at].filter(Boolean).join(".");
    expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", field]);
  });

  it("actors: a key that none has, and an id that is no text", async () => {
    for (const [contains, at] of [
      [{ userId: "1" }, ""],
      [{ id: 1 }, ".id"],
    ] as const) {
      const { code, errors } = await among("AuditLog", "auditLogs", "actor", contains);
      expect([code, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", `filter.actor.contains${at}`]);
    }
  });

  it("of a plan that is known, too", async () => {
    const query = "query($json: JSON) { instances(filter: { tags: { contains: $json } }) { totalCount } }";
    const admin = await app.as("admin");
    expect((await admin.run(query, { json: [{ key: "Owner" }] })).errors).toBeUndefined();
    expect((await admin.run(query, { json: [{ key: "Owner", value: "x" }] })).errors).toBeUndefined();
    expect((await admin.run(query, { json: [{ value: "x" }] })).code).toBe("BAD_USER_INPUT");
  });
});
