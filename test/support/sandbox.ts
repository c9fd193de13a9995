/** A folder for each test file, clusters in it, and the proof that nothing of them is left running. */
import { chmod, mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, expect, inject, vi } from "vitest";
import { Cluster, type ClusterOptions, type RunningCluster } from "../../src/postgres/cluster.js";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";

/** These tests kill processes, not the machine: what a process has written stays, synced or not. */
export const UNSYNCED = { fsync: "off" };

export const isRoot = process.getuid?.() === 0;

/**
 * A folder for the calling file. Its tests share a cluster by naming the same folder in it, because making one takes
 * longer than all else; none may leave a process behind.
 */
export function useSandbox(): { readonly path: string } {
  const sandbox = { path: "" };
  vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 });
  beforeAll(async () => {
    sandbox.path = await realpath(await mkdtemp(join(tmpdir(), "postern-test-")));
    // The database's user passes through here.
    await chmod(sandbox.path, 0o755);
  });
  afterEach(async () => {
    const isEmpty = async () => (await processesIn(sandbox.path)).length === 0;
    await eventually(isEmpty, 3_000).catch(() => {});
    const left = await processesIn(sandbox.path);
    for (const pid of left) process.kill(pid, "SIGKILL");
    expect(left, "processes left behind").toEqual([]);
  });
  afterAll(() => rm(sandbox.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return sandbox;
}

/** A cluster in `folder`, unsynced unless its settings say otherwise, made but not started. */
export async function makeCluster(folder: string, options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const user = await databaseUser();
  const { path } = await chooseFolder(folder, "database", user);
  const cluster = new Cluster({ folder: path, bin: inject("binaries"), user, settings: UNSYNCED, ...options });
  await cluster.init();
  return cluster;
}

/** Runs `work` on a connection of the superuser. */
export async function asSuperuser<T>(cluster: Cluster, { host, port }: RunningCluster, work: (sql: Sql) => Promise<T>) {
  const sql = postgres({
    ...(await cluster.superuser()),
    path: `${host}/.s.PGSQL.${port}`,
    database: "postgres",
    max: 1,
    onnotice: () => {},
  });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** Polls until `look` yields something truthy, and resolves with that. @param everyMs longer where a look takes work of who is looked at */
export async function eventually<T>(
  look: () => Promise<T> | T,
  timeoutMs = 15_000,
  everyMs = 50,
): Promise<Exclude<T, false>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen as Exclude<T, false>;
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Pids of the processes whose command line names the folder; the servers' children do not, but go with them. */
export async function processesIn(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (commandLine.includes(folder)) found.push(Number(name));
  }
  return found;
}
