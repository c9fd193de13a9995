/** `npm run dev`: a save starts Postern again and nothing else, and whatever ends it leaves nothing running. */
import { appendFile, copyFile, cp, readdir, readFile, rm, symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test, vi } from "vitest";
import { stopServers } from "../../src/cli/servers.js";
import { readConfig } from "../../src/config.js";
import { createLog } from "../../src/log.js";
import { isDeep } from "../support/deep.js";
import { ensureBuilt, oneInstance, PATIENCE_MS, startNode, startPostern } from "../support/postern.js";
import { eventually, processesIn, useSandbox } from "../support/sandbox.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const sandbox = useSandbox();
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

const path = (name: string) => join(sandbox.path, name);
beforeAll(async () => {
  for (const name of ["src", "drizzle", "package.json", "tsconfig.json"])
    await cp(`${ROOT}${name}`, path(name), { recursive: true });
  await symlink(`${ROOT}node_modules`, path("node_modules"));
});

const MAIN = "src/main.ts";
const save = (line: string, name = MAIN) => appendFile(path(name), `\n${line}\n`);
const prints = (word: string) => `process.stdout.write("it runs ${word}.\\n");`;
const posterns = () => processesIn(path("dist/main.js"));
const member = async () => {
  const instances = path(".postern/fleet/instances");
  return join(instances, (await readdir(instances))[0]!, "members/a");
};
const postmasters = async () => {
  const files = [path(".postern/database"), await member()].map((folder) => join(folder, "data/postmaster.pid"));
  const lines = await Promise.all(
    files.map(async (file) => (await readFile(file, "utf8").catch(() => "")).split("\n")),
  );
  return lines.every(([, , , , , , , status]) => status?.trim() === "ready") && lines.map(([pid]) => Number(pid));
};
const isReady = async (url: string) => (await fetch(`${url}/health/ready`)).status === 200;

/** `npm run dev`, which says where it listens once for each start. */
function startDev(node?: string) {
  const environment = { DEMO: "false", LOCAL_INSTANCES: oneInstance(false) };
  const dev = startNode(sandbox.path, ["--import", "tsx", path("src/cli/dev.ts")], environment, node);
  const urls = () => [...dev.output().matchAll(/listens on (http:\S+)\/graphql/g)].map(([, url]) => url!);
  const nextUrl = (before: number) => eventually(() => urls()[before] ?? false, PATIENCE_MS);
  return { ...dev, urls, nextUrl, runs: (word: string) => dev.printed(new RegExp(`(it runs ${word})\\.`)) };
}

test("a save replaces Postern, the servers stand, and Ctrl-C ends them all in order", async () => {
  const dev = startDev();
  const first = await dev.nextUrl(0);
  const servers = await eventually(postmasters, PATIENCE_MS);
  const [pid] = await posterns();
  await save(prints("anew"));
  await dev.runs("anew");
  expect(await isReady(await dev.nextUrl(1))).toBe(true);
  await expect(isReady(first)).rejects.toThrow();
  const after = await posterns();
  expect(after).toHaveLength(1);
  expect(after).not.toContain(pid);
  expect(await postmasters()).toEqual(servers);

  dev.killGroup("SIGINT");
  expect(await dev.ended()).toBe(0);
  expect(await processesIn(sandbox.path)).toEqual([]);
  for (const folder of [path(".postern/database"), await member()]) {
    const log = await readFile(join(folder, "postgres.log"), "utf8");
    expect(log.match(/starting PostgreSQL|received \w+ shutdown request|database system is shut down/g)).toEqual([
      "starting PostgreSQL",
      "received fast shutdown request",
      "database system is shut down",
    ]);
  }
});

test.runIf(isDeep)("the instances are stopped, too, where their database has died after Postern", async () => {
  ensureBuilt();
  const DATA_DIR = path("died");
  const postern = startPostern(DATA_DIR, { DEMO: "false", LOCAL_INSTANCES: oneInstance(false) });
  await postern.ready();
  const file = async (folder: string) => readFile(join(DATA_DIR, folder, "data/postmaster.pid"), "utf8");
  const instances = join(DATA_DIR, "fleet/instances");
  await eventually(async () => {
    const [id] = await readdir(instances);
    return (await file(`fleet/instances/${id}/members/a`).catch(() => "")).includes("ready");
  }, PATIENCE_MS);
  postern.kill("SIGKILL");
  process.kill(Number.parseInt(await file("database"), 10), "SIGKILL");
  await eventually(async () => (await processesIn(join(DATA_DIR, "database"))).length === 0);
  expect(await processesIn(instances)).toHaveLength(1);
  await stopServers(readConfig({ DATA_DIR }), createLog("error"));
  expect(await processesIn(sandbox.path)).toEqual([]);
  // Where nothing runs, nothing is started.
  const log = () => readFile(join(DATA_DIR, "database/postgres.log"), "utf8");
  const before = await log();
  await stopServers(readConfig({ DATA_DIR }), createLog("error"));
  expect(await log()).toBe(before);
});

test.runIf(isDeep)("a Postern that cannot be started is one that has ended", async () => {
  await copyFile(process.execPath, path("node"));
  const dev = startDev(path("node"));
  await dev.nextUrl(0);
  const servers = await eventually(postmasters, PATIENCE_MS);
  await rm(path("node"));
  await save(prints("never"));
  await dev.printed(/(process has failed: spawn \S+ ENOENT\nPostern has ended\.)/);
  expect(await postmasters()).toEqual(servers);
  dev.kill("SIGTERM");
  expect(await dev.ended()).toBe(0);
  expect(await processesIn(sandbox.path)).toEqual([]);
});

test.runIf(isDeep)(
  "saves in quick succession, faulty ones, and kill -9 of what watches leave one Postern or none",
  async () => {
    const dev = startDev();
    await dev.nextUrl(0);
    const servers = await eventually(postmasters, PATIENCE_MS);
    await save(prints("second"));
    await save(prints("third"));
    await dev.runs("third");
    // It only begins to start.
    await save(prints("fourth"));
    await dev.runs("fourth");
    expect(await isReady(await dev.nextUrl(dev.urls().length))).toBe(true);
    expect(await posterns()).toHaveLength(1);

    const url = dev.urls().at(-1)!;
    const { length } = await readFile(path(MAIN));
    await save("const = 1;");
    await dev.printed(/(ERROR)/);
    expect(await isReady(url)).toBe(true);
    await truncate(path(MAIN), length);
    await save(prints("after a mistake"));
    await dev.runs("after a mistake");

    await dev.nextUrl(dev.urls().length);
    const { length: good } = await readFile(path(MAIN));
    await save('throw new Error("a fault of the save");');
    await dev.printed(/(Postern has ended\. The next save starts it again)/);
    expect(await posterns()).toEqual([]);
    expect(await postmasters()).toEqual(servers);
    const before = dev.urls().length;
    await truncate(path(MAIN), good);
    await save(prints("after a fault"));
    await dev.nextUrl(before);
    expect(await postmasters()).toEqual(servers);

    dev.kill("SIGKILL");
    await eventually(async () => (await processesIn(sandbox.path)).length === 0, PATIENCE_MS);

    // Where no Postern runs, the servers are stopped too.
    const again = startDev();
    await again.nextUrl(0);
    await eventually(postmasters, PATIENCE_MS);
    await save('throw new Error("a fault of the save");');
    await again.printed(/(Postern has ended\.)/);
    again.kill("SIGTERM");
    expect(await again.ended()).toBe(0);
    expect(await processesIn(sandbox.path)).toEqual([]);
  },
);
