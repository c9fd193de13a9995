/** Node ids, and what is answered for them: types and fragments, order, what does not exist, and one statement for all. */
import { beforeAll, describe, expect, it } from "vitest";
import { insertMissing, specimens } from "../../specimens/index.js";
import { keyOf, nodeIdOf, oneOf, tableOf } from "../../specimens/specimen.js";
import { type Client, testApp } from "../../support/app.js";

const app = testApp();
let admin: Client;
/** The node id of a row of each type. */
const nodeIds: string[] = [];

beforeAll(async () => {
  admin = await app.as("admin");
  await insertMissing(app, specimens);
  for (const specimen of specimens) {
    const [row] = await app.sql.unsafe(`select max(${keyOf(specimen)})::text as id from ${tableOf(specimen)}`);
    nodeIds.push(nodeIdOf(specimen, row?.id));
  }
});

async function ask(query: string, variables?: Record<string, unknown>) {
  app.statements.length = 0;
  const { status, data, errors } = await admin.run(query, variables);
  expect(errors).toBeUndefined();
  expect(status).toBe(200);
  expect(app.statements).toHaveLength(1);
  return data;
}

const WAYS = ["", "viewer { role }"];

describe.each(WAYS)("%s", (beside) => {
  it("of every type are there in rows, in lists and in relations", async () => {
    for (const [index, specimen] of specimens.entries()) {
      const [, id] = Buffer.from(nodeIds[index]!, "base64url").toString().split(":");
      const data =
        await ask(`{ row: ${oneOf(specimen)}(id: ${id}) { nodeId } list: ${specimen.type.plural}(filter: { id: { eq: ${id} } }) {
        nodes { nodeId } edges { node { nodeId } } } ${beside} }`);
      const node = { nodeId: nodeIds[index] };
      expect(data).toMatchObject({ row: node, list: { nodes: [node], edges: [{ node }] } });
    }
    const { scan } = await ask(
      `{ scan(id: 1) { organization { nodeId scans(first: 1, orderBy: { field: ID }) { edges { node { nodeId } } } } } ${beside} }`,
    );
    const scans = { edges: [{ node: { nodeId: "U2Nhbjox" } }] };
    expect(scan.organization).toEqual({ nodeId: "T3JnYW5pemF0aW9uOjE", scans });
  });

  it("of all types at once are one statement, in their order", async () => {
    const ids = [...nodeIds, ...nodeIds.toReversed()];
    const fragments = specimens.map(({ type }) => `... on ${type.name} { own: id }`);
    const query = `query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId of: __typename ${fragments.join(" ")} } ${beside} }`;
    for (const given of [ids, ids, nodeIds.slice(0, 1), []]) {
      const { nodes } = await ask(query, { ids: given });
      const expected = given.map((nodeId) => {
        const [of, own] = Buffer.from(nodeId, "base64url").toString().split(":");
        return { nodeId, own, of };
      });
      expect(nodes).toEqual(expected);
    }
  });

  it("that name nothing are null in their place", async () => {
    const nothing = [
      "Scan:0",
      "Scan:9223372036854775807",
      "Nothing:1",
      "LastBackup:1",
      "Query:1",
      "constructor:1",
      "toString:1",
    ].map((text) => Buffer.from(text).toString("base64url"));
    const { nodes } = await ask(`query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } ${beside} }`, {
      ids: [...nothing, nodeIds[0], nodeIds[0]],
    });
    expect(nodes).toEqual([...nothing.map(() => null), { nodeId: nodeIds[0] }, { nodeId: nodeIds[0] }]);
    for (const nodeId of nothing) {
      const data = await ask(`{ node(nodeId: "${nodeId}") { nodeId __typename ... on Scan { id } } ${beside} }`);
      expect(data.node).toBeNull();
    }
  });

  const FRAGMENTS: [string, document: string, of: Record<string, object>][] = [
    [
      "fields of types that a row is not of are left out",
      "{ ... on Scan { status } ... on User { role } }",
      { Scan: { status: "RUNNING" }, User: { role: "VIEWER" }, Organization: {} },
    ],
    [
      "one response key of several types",
      "{ name: __typename ... on User { what: email } ... on Organization { what: name } }",
      {
        User: { name: "User", what: "viewer@demo.example" },
        Organization: { name: "Organization", what: "Harbour Bank" },
        Scan: { name: "Scan" },
      },
    ],
    [
      "named fragments, in and on the interface",
      "{ ...N } fragment N on Node { __typename ...U ...O ...N2 } fragment N2 on Node { ... on Node { ...U } } fragment U on User { email } fragment O on Organization { name ...P } fragment P on Node { ... on User { role } ... on Organization { domain } }",
      {
        User: { __typename: "User", email: "viewer@demo.example" },
        Organization: { __typename: "Organization", name: "Harbour Bank", domain: "demo.example" },
        Scan: { __typename: "Scan" },
      },
    ],
    [
      "directives on fragments and fields",
      "{ ... on User @include(if: $no) { email } ... on User @skip(if: $no) { role @include(if: $no) fullName } ... on Scan @include(if: true) { status @skip(if: true) } nodeId @include(if: $no) }",
      { User: { fullName: "Vera Viewer" }, Scan: {}, Organization: {} },
    ],
    [
      "relations merge below the fragments of the type",
      "{ ... on User { organization { name } } ... on Scan { of: organization { name } } ... on Node { ... on User { organization { domain ... on Node { ... on Scan { id } __typename } } } } }",
      {
        User: { organization: { name: "Harbour Bank", domain: "demo.example", __typename: "Organization" } },
        Scan: { of: { name: "Harbour Bank" } },
        Organization: {},
      },
    ],
    [
      "lists with arguments",
      "{ ... on Organization { users(first: 1, orderBy: { field: ID }) { totalCount } scans(filter: { id: { eq: 1 } }) { nodes { id } } } }",
      { Organization: { users: { totalCount: 2 }, scans: { nodes: [{ id: "1" }] } }, User: {}, Scan: {} },
    ],
  ];

  it.each(FRAGMENTS)("%s", async (_, document, of) => {
    const [user] = await app.sql`select id from users where email = 'viewer@demo.example'`;
    const ids: Record<string, string> = { User: user?.id, Scan: "1", Organization: "1" };
    const [selection, fragments = ""] = document.split(/(?<=}) (?=fragment)(.*)/s);
    const declared = document.includes("$no") ? ", $no: Boolean!" : "";
    for (const [name, expected] of Object.entries(of)) {
      const nodeId = Buffer.from(`${name}:${ids[name]}`).toString("base64url");
      const one = await ask(`query($id: ID!${declared}) { node(nodeId: $id) ${selection} ${beside} } ${fragments}`, {
        id: nodeId,
        no: false,
      });
      expect(one.node).toEqual(expected);
      const all = await ask(
        `query($ids: [ID!]!${declared}) { nodes(nodeIds: $ids) ${selection} ${beside} } ${fragments}`,
        {
          ids: [nodeId, nodeIds[1], nodeId],
          no: false,
        },
      );
      expect([all.nodes[0], all.nodes[2]]).toEqual([expected, expected]);
    }
  });
});

it("what a change answers has its nodeId, alone and beside others", async () => {
  const input = `{ organizationId: 1, targetUrl: "https://n.example", scanType: "N" }`;
  for (const beside of ["", `b: createScan(input: ${input}) { scan { id } }`]) {
    const { data } = await admin.run(`mutation { a: createScan(input: ${input}) { scan { id nodeId } } ${beside} }`);
    expect(data.a.scan.nodeId).toBe(Buffer.from(`Scan:${data.a.scan.id}`).toString("base64url"));
  }
});

describe("what is refused", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64url");
  const NO_NODE_ID = /^This is no nodeId\. Give what the field nodeId of an object answers, without a change\.$/;
  it.each([
    ["an id", "42", /^This is an `id`, which is unique only within its type\. Give the nodeId of the object\.$/],
    ["nothing", "", NO_NODE_ID],
    ["a text", "hunter2Secret", NO_NODE_ID],
    ["no key", base64("Scan:"), NO_NODE_ID],
    ["no type", base64(":1"), NO_NODE_ID],
    ["no number", base64("Scan:x"), NO_NODE_ID],
    ["a key with a zero in front", base64("Scan:01"), NO_NODE_ID],
    ["a key beyond bigint", base64("Scan:9223372036854775808"), NO_NODE_ID],
    ["more than a key", base64("Scan:1:2"), NO_NODE_ID],
    ["more than a line", base64("Scan:1\n"), NO_NODE_ID],
    ["a NUL within", base64("Scan:1\0"), NO_NODE_ID],
    ["padded", `${base64("Scan:1")}=`, NO_NODE_ID],
    ["with what base64 does not know", `${base64("Scan:1")} `, NO_NODE_ID],
    ["with bits that mean nothing", "U2Nhbjo3MR", NO_NODE_ID],
    ["many characters", "A".repeat(100_000), NO_NODE_ID],
  ])("%s", async (_, nodeId, message) => {
    for (const beside of WAYS) {
      const [one, many] = await Promise.all([
        admin.run(`query($id: ID!) { node(nodeId: $id) { nodeId } ${beside} }`, { id: nodeId }),
        admin.run(`query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } ${beside} }`, { ids: [nodeIds[0], nodeId] }),
      ]);
      for (const [{ status, errors, data }, field, at] of [
        [one, "node", "nodeId"],
        [many, "nodes", "nodeIds.1"],
      ] as const) {
        expect(status).toBe(beside ? 200 : 400);
        expect(data[field]).toBeNull();
        expect(errors).toHaveLength(1);
        expect(errors?.[0]).toMatchObject({ path: [field], extensions: { code: "BAD_USER_INPUT", field: at } });
        expect(errors?.[0]?.message).toMatch(message);
      }
    }
  });

  it("more than 100 at once", async () => {
    const query = "query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId } }";
    expect((await ask(query, { ids: Array(100).fill(nodeIds[0]) })).nodes).toHaveLength(100);
    const { status, code, errors } = await admin.run(query, { ids: Array(101).fill(nodeIds[0]) });
    expect([status, code, errors?.[0]?.message]).toEqual([400, "LIMIT_EXCEEDED", "Ask for at most 100 at once."]);
    expect(errors?.[0]?.extensions.limit).toBe("pageSize");
  });

  it("more objects than one request may ask for, counted by the types that are named", async () => {
    const query = `query($ids: [ID!]!) { nodes(nodeIds: $ids) { ... on Organization { scans(first: 100) { nodes { vulnerabilities(first: 10) { nodes { id } } } } } } }`;
    const organizations = Array(100).fill(base64("Organization:1"));
    const { code, errors } = await admin.run(query, { ids: organizations });
    expect([code, errors?.[0]?.extensions.limit]).toEqual(["LIMIT_EXCEEDED", "cost"]);
    await ask(query, { ids: [...organizations.slice(0, 1), ...Array(99).fill(base64("Scan:1"))] });
  });

  it("too much text in filters below a fragment", async () => {
    const part = "a".repeat(1000);
    const many = `or: [${"{ targetUrl: { contains: $p } } ".repeat(35)}]`;
    const { status, code, errors } = await admin.run(
      `query($p: String) { node(nodeId: "${base64("Organization:1")}") { ... on Organization {
        a: scans(filter: { ${many} }) { totalCount } b: scans(filter: { ${many} }) { totalCount } } } }`,
      { p: part },
    );
    expect([status, code, errors?.[0]?.extensions.limit]).toEqual([400, "LIMIT_EXCEEDED", "filter"]);
  });
});
