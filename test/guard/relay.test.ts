/** Relay's tools accept the emitted schema: the ESLint rules for its connections, and relay-compiler with a document for each list. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import graphqlPlugin from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";
import { buildSchema, getNamedType, isObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeIdOf } from "../specimens/specimen.js";
import { testApp } from "../support/app.js";
import { oneOfEach } from "../support/deep.js";

const app = testApp();
const SDL = await readFile(new URL("../../schema/schema.graphql", import.meta.url), "utf8");

const COMPILER = new URL("../../node_modules/.bin/relay-compiler", import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-relay-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("ESLint's Relay rules", () => {
  /** @returns the rules that a schema breaks */
  async function brokenRules(schema: string): Promise<string[]> {
    const path = join(await mkdtemp(join(folder, "lint-")), "schema.graphql");
    await writeFile(path, schema);
    const eslint = new ESLint({
      cwd: folder,
      overrideConfigFile: true,
      overrideConfig: [
        {
          files: ["**/*.graphql"],
          languageOptions: { parser: graphqlPlugin.parser, parserOptions: { graphQLConfig: { schema: path } } },
          plugins: { "@graphql-eslint": graphqlPlugin as never },
          rules: {
            "@graphql-eslint/relay-arguments": "error",
            "@graphql-eslint/relay-connection-types": "error",
            // There are lists that are no connections: `nodes` beside `edges`, and values that a row holds whole.
            "@graphql-eslint/relay-edge-types": [
              "error",
              { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
            ],
            "@graphql-eslint/relay-page-info": "error",
          },
        },
      ],
    });
    const messages = (await eslint.lintFiles([path])).flatMap(({ messages }) => messages);
    return [...new Set(messages.map(({ ruleId, message }) => ruleId ?? message))];
  }

  it("accept the schema", async () => expect(await brokenRules(SDL)).toEqual([]));

  const BAD: [rule: string, good: RegExp, bad: string][] = [
    ["relay-arguments", /(scans\([^)]*)last: Int/, "$1latest: Int"],
    ["relay-arguments", /(scans\([^)]*)first: Int/, "$1first: String"],
    ["relay-connection-types", /(type ScanConnection {[^}]*)pageInfo: PageInfo!/, "$1pageInfo: PageInfo"],
    ["relay-connection-types", /(type ScanConnection {[^}]*)edges: /, "$1items: "],
    ["relay-edge-types", /(type ScanEdge {[^}]*)cursor: String!/, "$1cursor: [String!]!"],
    ["relay-edge-types", /(type ScanEdge {[^}]*)node: /, "$1item: "],
    ["relay-edge-types", /\bScanEdge\b/g, "ScanItem"],
    ["relay-edge-types", /type Scan implements Node/, "type Scan"],
    ["relay-page-info", /hasNextPage: Boolean!/, "hasNextPage: Boolean"],
    ["relay-page-info", /endCursor: /, "lastCursor: "],
  ];
  // That each rule is on: in the short form one example of each shows it.
  it.each(oneOfEach(BAD, ([rule]) => rule, 0))("catch a bad example: %s, %s", async (rule, good, bad) => {
    const schema = SDL.replace(good, bad);
    expect(schema).not.toBe(SDL);
    expect(await brokenRules(schema)).toEqual([`@graphql-eslint/${rule}`]);
  });
});

describe("relay-compiler", () => {
  const schema = buildSchema(SDL);
  const lists = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) =>
      Object.values(type.getFields())
        .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
        .map((field) => ({ type: type.name, field: field.name })),
    );

  /** A fragment with a page of the list, and a query that begins it; the compiler makes another that goes on, from Query or from `node`. */
  const documentsOf = ({ type, field }: (typeof lists)[number]) =>
    ["first after", "last before"].flatMap((direction) => {
      const [size, cursor] = direction.split(" ");
      const name = `${type}_${field}_${size}`;
      const one = `${type.charAt(0).toLowerCase()}${type.slice(1)}`;
      return [
        `fragment Lists_${name} on ${type} @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
        @refetchable(queryName: "Lists_${name}_RefetchQuery") {
          ${field}(${size}: $count, ${cursor}: $cursor, orderBy: [{ field: ID }]) @connection(key: "Lists_${name}_${field}") {
            edges { node { id } } pageInfo { hasNextPage hasPreviousPage } totalCount } }`,
        type === "Query"
          ? `query Lists_${name}_Query { ...Lists_${name} }`
          : `query Lists_${name}_Query($id: ID!) { ${one}(id: $id) { ...Lists_${name} } }`,
      ];
    });

  const DOCUMENTS = [
    ...lists.flatMap(documentsOf),
    `fragment Lists_own on Viewer @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }, filter: { type: "ScanFilter" })
     @refetchable(queryName: "Lists_own_RefetchQuery") {
       role organization { scans(first: $count, after: $cursor, filter: $filter) @connection(key: "Lists_own_scans") { edges { node { ...Lists_scan } } } } }`,
    `fragment Lists_scan on Scan { id status organization { name } vulnerabilities(first: 1) { edges { node { severity } } } }`,
    `mutation Lists_create_Mutation($input: CreateScanInput!, $connections: [ID!]!) {
       createScan(input: $input) { scan @appendNode(connections: $connections, edgeTypeName: "ScanEdge") { ...Lists_scan } } }`,
    `mutation Lists_delete_Mutation($input: DeleteScanInput!, $connections: [ID!]!) {
       deleteScan(input: $input) { deletedNodeId @deleteRecord @deleteEdge(connections: $connections) } }`,
  ];

  /** @returns the documents that clients would send @throws with the compiler's words */
  async function compile(sdl: string): Promise<string[]> {
    const at = await mkdtemp(join(folder, "compile-"));
    for (const name of ["src", "out"]) await mkdir(join(at, name));
    await writeFile(join(at, "schema.graphql"), sdl);
    await writeFile(join(at, "src", "Lists.js"), DOCUMENTS.map((text) => `graphql\`${text}\`;`).join("\n"));
    const config = {
      src: "./src",
      schema: "./schema.graphql",
      language: "javascript",
      artifactDirectory: "./out",
      persistConfig: { file: "./queries.json" },
      schemaConfig: { nodeInterfaceIdField: "nodeId", nodeInterfaceIdVariableName: "nodeId" },
    };
    await writeFile(join(at, "relay.config.json"), JSON.stringify(config));
    await writeFile(join(at, "queries.json"), "{}");
    await promisify(execFile)(COMPILER, ["--noWatchman", "--output", "quiet-with-errors"], { cwd: at });
    return Object.values(JSON.parse(await readFile(join(at, "queries.json"), "utf8")));
  }

  it("accepts a document for every list in both directions, and Postern answers what it makes of them", async () => {
    expect(lists.length).toBeGreaterThanOrEqual(16);
    const queries = (await compile(SDL)).filter((text) => text.startsWith("query"));
    expect(queries).toHaveLength(2 * (lists.length + lists.length) + 1);
    const admin = await app.as("admin");
    for (const query of queries) {
      const name = /^query Lists_([A-Za-z]+)/.exec(query)?.[1] ?? "";
      const nodeId = nodeIdOf({ type: { name } }, 1);
      const { errors, data } = await admin.run(query, { id: "1", nodeId, count: 1 });
      expect(errors, query).toBeUndefined();
      expect(Object.keys(data)).toHaveLength(1);
    }
  });

  it.each([
    [/(type ScanConnection {[^}]*)edges: /, "$1items: "],
    [/(type ScanConnection {[^}]*)pageInfo: PageInfo!/, "$1pageInfo: String"],
    [/(type ScanEdge {[^}]*)node: /, "$1item: "],
    [/(type ScanEdge {[^}]*)cursor: /, "$1mark: "],
    [/hasNextPage: /, "hasMore: "],
    [/endCursor: /, "lastCursor: "],
    [/( {2}scans\([^)]*)after: String/, "$1from: String"],
    [/(type DeleteScanPayload {[^}]*)deletedNodeId: ID!/, "$1deletedNodeId: String!"],
    [/ {2}node\(/, "  row("],
  ])("catches a bad example: %s, %s", async (good, bad) => {
    const broken = SDL.replace(good, bad);
    expect(broken).not.toBe(SDL);
    await expect(compile(broken)).rejects.toThrow("Compilation failed");
  });
});
