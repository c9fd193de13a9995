import { globSync, readFileSync, statfsSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { Order } from "./support/order.js";

const root = new URL("..", import.meta.url).pathname;

/** With a pooler between the apps under test and PostgreSQL (see test/pgbouncer/run.sh), the files whose tests go through an app. */
const isThroughApp = (path: string) =>
  /\b(testApp|appConnection|emptyDatabase|startedDatabase)\b/.test(readFileSync(`${root}/${path}`, "utf8"));
const ALL = "test/**/*.test.ts";
const include =
  process.env.POSTERN_TEST_POOLER === undefined ? [ALL] : globSync(ALL, { cwd: root }).filter(isThroughApp);

const form = process.env.POSTERN_TESTS;
/** Kills of a whole Postern, which the kills of a provider and the records' own tests stand for in the short form. */
const LONG = ["test/process/fleet.test.ts", "test/process/records.test.ts"];
/** They have packages of their own, which `npm run test:clients` installs. */
const CLIENTS = ["test/clients/**"];
const exclude = ["**/node_modules/**", ...(form === "deep" ? [] : LONG), ...(form === "clients" ? [] : CLIENTS)];

const MEMORY = "/dev/shm";
const ENOUGH_BYTES = 8 * 1024 ** 3;
function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize > ENOUGH_BYTES;
  } catch {
    return false;
  }
}
// Clusters are made, copied and thrown away: in memory, where there is room for them.
if (process.env.TMPDIR === undefined && hasRoom()) process.env.TMPDIR = MEMORY;

export default defineConfig({
  // Packages load graphql as CommonJS; a second copy as ES module would be "another realm".
  resolve: { alias: [{ find: /^graphql$/, replacement: "graphql/index.js" }] },
  test: {
    root,
    include,
    exclude,
    globalSetup: ["test/support/cluster.ts"],
    // Loading everything once more for each file would take as long as a third of the tests.
    isolate: false,
    // Most of what a request leaves is garbage soon.
    execArgv: ["--min-semi-space-size=32", "--max-semi-space-size=64"],
    setupFiles: ["test/support/metadata.ts", "test/pgbouncer/setup.ts"],
    // Many files wait for real servers more than they compute.
    maxWorkers: 3,
    sequence: { sequencer: Order },
    // A failing test prints what differs, and not all that it compared.
    diff: { truncateThreshold: 40, truncateAnnotation: "... the rest is left out" },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
