import { defineConfig } from "vitest/config";

export default defineConfig({
  // Packages load graphql as CommonJS; a second copy as ES module would be "another realm".
  resolve: { alias: [{ find: /^graphql$/, replacement: "graphql/index.js" }] },
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/cluster.ts"],
    // Loading everything once more for each file would take as long as a third of the tests.
    isolate: false,
    // Most of what a request leaves is garbage soon.
    execArgv: ["--min-semi-space-size=32", "--max-semi-space-size=64"],
    setupFiles: ["test/support/metadata.ts"],
    // Many files wait for real servers more than they compute.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
