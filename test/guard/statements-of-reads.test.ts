/** How many statements a read sends: one, whatever is read. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SPECIMENS, specimens } from "../specimens/index.js";
import { nodeIdOf, oneOf } from "../specimens/specimen.js";
import { insertBusyInstance, insertInstance, insertOperation } from "../support/fleet-port.js";
import { countingApp } from "./sent.js";

const { app, withoutPolls, statementsOf } = countingApp();

describe("a read is one statement", () => {
  const FOLDER = new URL("../../schema/examples/", import.meta.url);
  const reads = readdirSync(FOLDER)
    .map((file) => ({ file, text: readFileSync(new URL(file, FOLDER), "utf8") }))
    // A plan asks what a request asks, and figures of operations what was refused as well.
    .filter(({ text }) => /^query /m.test(text) && !/planOperation|operationMetrics/.test(text))
    .map((example) => ({
      ...example,
      variables: JSON.parse(/^# variables: (.*)$/m.exec(example.text)?.[1] ?? "null"),
    }));

  it("has examples", () => expect(reads).toHaveLength(16));

  it.each(reads)("$file", async ({ text, variables }) => {
    // That of an explained environment reads the rules: no account is given.
    expect(await statementsOf(await app.as("admin"), text, variables)).toEqual(["select"]);
  });

  it("for every root field, as a list with everything and as a row", async () => {
    const admin = await app.as("admin");
    const others = [
      "viewer",
      "node",
      "nodes",
      "environmentRules",
      "explainEnvironment",
      "operationMetrics",
      "planOperation",
    ];
    const fields = Object.values(app.schema.getQueryType()!.getFields()).filter(({ name }) => !others.includes(name));
    expect(fields.map(({ name }) => name).sort(), "each has a specimen").toEqual(
      specimens.flatMap((specimen) => [oneOf(specimen), specimen.type.plural]).sort(),
    );
    for (const { name, args } of fields) {
      const query = args.some((arg) => arg.name === "id")
        ? `{ ${name}(id: 1) { id } }`
        : `{ ${name} { totalCount nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }`;
      expect(await statementsOf(admin, query), name).toEqual(["select"]);
    }
  });

  it("for rows of every type by their node ids, in both ways", async () => {
    const nodeIds = specimens.map((specimen) => nodeIdOf(specimen, 1));
    const rest = specimens.map(({ type }) => `... on ${type.name} { own: id }`).join(" ");
    for (const beside of ["", "viewer { role }"]) {
      const many = `query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId ${rest} } ${beside} }`;
      expect(await statementsOf(await app.as("admin"), many, { ids: nodeIds })).toEqual(["select"]);
      for (const id of nodeIds) {
        const one = `query($id: ID!) { node(nodeId: $id) { nodeId ${rest} } ${beside} }`;
        expect(await statementsOf(await app.as("admin"), one, { id }), id).toEqual(["select"]);
      }
    }
  });

  it("none for a type that the role may not ask for", async () => {
    const nodeId = nodeIdOf(SPECIMENS.Operation, 1);
    const viewer = await app.as("viewer");
    app.statements.length = 0;
    await viewer.run(`{ node(nodeId: "${nodeId}") { nodeId } }`);
    expect(withoutPolls().filter((text) => !text.includes("security_events"))).toEqual([]);
  });

  it("however many root fields and levels there are", async () => {
    const query = `{
      nodes(nodeIds: ["${nodeIdOf(SPECIMENS.Scan, 1)}", "${nodeIdOf(SPECIMENS.User, 1)}"]) { nodeId ... on Scan { organization { nodeId } } }
      node(nodeId: "${nodeIdOf(SPECIMENS.Scan, 2)}") { ... on Scan { vulnerabilities { nodes { nodeId } } } }
      organizations { nodes { users { nodes { organization { scans { nodes { vulnerabilities(first: 2) { totalCount } } } } } } } }
      chatSessions { nodes { user { organization { name } } } } a: scan(id: 1) { id } b: scan(id: 2) { id }
      analyticsMetrics { nodes { organization { name } } } securityEvents { nodes { user { organization { name } } } }
      auditLogs { totalCount } performanceLogs { totalCount } viewer { user { email } organization { name } }
    }`;
    expect(await statementsOf(await app.as("admin"), query)).toEqual(["select"]);
  });

  it("whatever an instance and an operation hold themselves, and what is derived from it", async () => {
    const [id, operationId] = [
      await insertInstance(app, "TEST"),
      await insertOperation(app, await insertBusyInstance(app)),
    ];
    const instance = `id identifier endpoint { host } members { name endpoint { port } } tags { key value }
      environment { environment evidence { method detail } } availableOperations { type allowed reason }`;
    const operation = `id progress { at message } error { code } instance { ${instance} } snapshot { identifier tags { key } }`;
    const queries = [
      `{ instance(id: ${id}) { ${instance} } }`,
      '{ instance(id: "orders-test") { identifier } }',
      `{ instances { totalCount nodes { ${instance} snapshots { nodes { arn tags { key } } } operations { nodes { ${operation} } } } } }`,
      `{ operation(id: ${operationId}) { ${operation} } }`,
      `{ operations { totalCount nodes { ${operation} } } instances { nodes { ${instance} } } viewer { user { email } } }`,
    ];
    for (const query of queries) expect(await statementsOf(await app.as("dba"), query), query).toEqual(["select"]);
  });

  it.each([
    [
      "a read",
      (a: string) => `{ ${a}: vulnerability(id: 1) { ${a}1: title scan { id ${a}2: organization { name } } } }`,
    ],
    [
      "a change",
      (
        a: string,
      ) => `mutation { ${a}: createScan(input: { organizationId: 1, targetUrl: "https://a.example", scanType: "API" }) {
        scan { ${a}1: status organization { ${a}2: name } } } }`,
    ],
  ])("%s sends the same for operations that only name their fields in other ways", async (_case, queryNaming) => {
    const admin = await app.as("admin");
    const textsOf = async (name: string) => {
      expect(await statementsOf(admin, queryNaming(name))).toHaveLength(1);
      return withoutPolls();
    };
    expect(await textsOf("a")).toEqual(await textsOf("b"));
  });

  it("none where a session is all that is asked for", async () => {
    expect(await statementsOf(await app.as("viewer"), "{ viewer { role permissions } }")).toEqual([]);
  });
});
