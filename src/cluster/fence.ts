/** Fencing: making sure that nothing writes to a cluster any more, in whatever state it is. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { Cluster } from "./cluster.js";
import { postmasterArgs } from "./postmaster.js";

const POLL_MS = 20;
const TIMEOUT_MS = 10_000;

/**
 * Stops the cluster, and kills what does not stop: a frozen server, and backends that outlived a killed one and could
 * still commit. Resolves when no process of it is left; rejects with an Error when one cannot even be killed.
 * @param name its parameter `cluster_name`, unique on this machine: the only trace of the cluster that a backend shows
 * @param patienceMs how long a shutdown may take before it is killed
 */
export async function fence(cluster: Cluster, name: string, patienceMs: number): Promise<void> {
  if (patienceMs > 0)
    await Promise.race([cluster.stop().catch(() => {}), delay(patienceMs, undefined, { ref: false })]);
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const left = await processesOf(cluster.dataDir, name);
    if (left.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`Processes of PostgreSQL in ${cluster.dataDir} cannot be killed: ${left}.`);
    for (const pid of left) kill(pid);
    await delay(POLL_MS);
  }
}

/** Postmaster and backends; a zombie shows no command line, and is none. */
async function processesOf(dataDir: string, name: string): Promise<number[]> {
  const server = `postgres ${postmasterArgs(dataDir).join(" ")} `;
  return (await commandLines())
    .filter(([, line]) => line.startsWith(`postgres: ${name}: `) || line.includes(server))
    .map(([pid]) => pid);
}

async function commandLines(): Promise<[number, string][]> {
  if (process.platform === "linux") {
    const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
    return Promise.all(
      pids.map(async (pid): Promise<[number, string]> => {
        const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        return [Number(pid), line.replaceAll("\0", " ")];
      }),
    );
  }
  const { stdout } = await promisify(execFile)("ps", ["-axww", "-o", "pid=,command="]);
  return stdout.split("\n").map((line) => {
    const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    return [Number(pid), `${command} `];
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone meanwhile.
  }
}
