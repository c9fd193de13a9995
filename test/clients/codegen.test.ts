/** GraphQL codegen: the code that its client preset writes, as applications of both kinds of modules compile and run it. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished, vi } from "vitest";
import { testApp } from "../support/app.js";
import { createScan } from "./scan.js";

const app = testApp();
vi.setConfig({ testTimeout: 120_000 });
const ROOT = new URL("../..", import.meta.url).pathname;
const TYPES = join(ROOT, "node_modules/@types");
const PACKAGES = new URL("node_modules", import.meta.url).pathname;

const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

const client = (gql: string) => `import request from "graphql-request";
import { graphql } from "${gql}";

const document = graphql(\`
  query NewestOf($filter: ScanFilter) {
    scans(first: 1, filter: $filter) { edges { node { nodeId status organization { name } } } pageInfo { hasNextPage } }
  }
\`);
const [, , url, token] = process.argv;
const filter = { scanType: { eq: "CLIENT" }, status: { eq: "PENDING" as const } };
const { scans } = await request(url!, document, { filter }, { authorization: \`Bearer \${token}\` });
const status: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED" | undefined = scans?.edges[0]?.node.status;
const more: boolean | undefined = scans?.pageInfo.hasNextPage;
console.log(scans?.edges[0]?.node.nodeId, status, more);
`;

let folder: string;
const node = async (program: string, ...words: string[]) =>
  (await promisify(execFile)(process.execPath, [program, ...words], { cwd: folder })).stdout;

/** Writes an application and the code that the preset makes of the running Postern's schema. */
async function generate(gql: string, config: Record<string, unknown>): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "postern-codegen-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await symlink(PACKAGES, join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(folder, "client.ts"), client(gql));
  const schema = `${app.url}/graphql`;
  const generates = { "gql/": { preset: "client" } };
  await writeFile(
    join(folder, "codegen.json"),
    JSON.stringify({ schema, documents: "client.ts", generates, ...config }),
  );
  await node("node_modules/@graphql-codegen/cli/esm/bin.js", "--config", "codegen.json");
}

const compile = (...words: string[]) =>
  node(
    TSC,
    "--strict",
    "--noUncheckedIndexedAccess",
    "--target",
    "es2024",
    "--types",
    "node",
    "--typeRoots",
    TYPES,
    ...words,
    "client.ts",
  );

it("what the client preset writes type-checks with a bundler", async () => {
  await generate("./gql", {});
  await compile("--noEmit", "--module", "esnext", "--moduleResolution", "bundler");
});

it("what it writes type-checks with nodenext, and runs", async () => {
  await generate("./gql/index.js", { importExtension: ".js" });
  await compile("--outDir", "out", "--module", "nodenext", "--moduleResolution", "nodenext");
  const { nodeId } = await createScan(app);
  const { token } = await app.as("analyst");
  expect(await node("out/client.js", `${app.url}/graphql`, token!)).toBe(`${nodeId} PENDING false\n`);
});
