/** `npm run where` tells where the data is, or in a sentence why it cannot. */
import { spawnSync } from "node:child_process";
import { chmod, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { ensureBuilt, NODE_ENVIRONMENT, oneInstance, PATIENCE_MS, startPostern } from "../support/postern.js";
import { eventually, isRoot, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** @returns what it prints: on standard output with exit code 0, else on standard error */
function where(environment: Record<string, string>, ...args: string[]): { found: string } | { fault: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli/where.js", ...args], {
    encoding: "utf8",
    env: { ...NODE_ENVIRONMENT, ...environment },
  });
  if (status === 0) return { found: stdout };
  expect(stdout).toBe("");
  return { fault: stderr };
}

test("before a first start, with a given database, and of an instance that nobody knows, it says so", async () => {
  const DATA_DIR = join(sandbox.path, "a folder");
  const nothing = `There is no data in ${DATA_DIR} yet: npm start makes it. DATA_DIR names another folder.\n`;
  expect(where({ DATA_DIR })).toEqual({ fault: nothing });
  expect(where({ DATA_DIR }, "orders-test")).toEqual({ fault: nothing });
  const given = { DATA_DIR, DATABASE_URL: "postgres://nobody@127.0.0.1/none" };
  expect(where(given)).toEqual({ found: `${DATA_DIR}\n` });
  expect(where(given, "orders-test")).toEqual({
    fault: "With DATABASE_URL Postern runs no instances of its own.\n",
  });

  const postern = startPostern(sandbox.path, { DATA_DIR, DEMO: "false", LOCAL_INSTANCES: oneInstance(false) });
  await postern.ready();
  expect(postern.output()).toContain(`\nThe data is in ${DATA_DIR}\n`);
  expect(where({ DATA_DIR })).toEqual({ found: `${DATA_DIR}\n` });
  const { found } = await eventually(() => {
    const place = where({ DATA_DIR }, "Orders-Test");
    return "found" in place && place;
  }, PATIENCE_MS);
  expect((await stat(join(found.trimEnd(), "application.password"))).isFile()).toBe(true);
  expect(where({ DATA_DIR }, "orders")).toEqual({
    fault: `There is no instance orders in ${DATA_DIR}/fleet. These are: orders-test.\n`,
  });
  postern.kill("SIGTERM");
  expect(await postern.ended()).toBe(0);
});

test.runIf(isRoot && isDeep)("where the data had to go elsewhere, it tells that place", async () => {
  await mkdir(join(sandbox.path, "closed"));
  await chmod(join(sandbox.path, "closed"), 0o700);
  const DATA_DIR = join(sandbox.path, "closed/data");
  const postern = startPostern(sandbox.path, { DATA_DIR, DEMO: "false" });
  const path = await postern.printed(/cannot reach .*, so the data is in (\/var\/lib\/postern\/data-\w+)\n/);
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  expect(where({ DATA_DIR })).toEqual({ found: `${path}\n` });
  expect(where({ DATA_DIR }, "orders-test")).toEqual({
    fault: `There is no instance orders-test in ${path}/fleet. There is none yet.\n`,
  });
  postern.kill("SIGTERM");
  expect(await postern.ended()).toBe(0);
});
