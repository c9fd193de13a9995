/** Fencing: making sure that nothing writes to a cluster any more, in whatever state it is. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import type { OsUser } from "./os-user.js";
import { listProcesses } from "./processes.js";

const POLL_MS = 20;
const TIMEOUT_MS = 10_000;

/**
 * Stops the cluster, and kills what does not stop: a frozen server, one that somebody started by hand, and backends that outlived a
 * killed one and could still commit. Resolves when no process of it is left; rejects with an Error when one cannot even be killed.
 * @param name its parameter `cluster_name`, unique on this machine
 * @param patienceMs how long a shutdown may take before it is killed
 */
export async function fence(cluster: Cluster, user: OsUser, name: string, patienceMs: number): Promise<void> {
  if (patienceMs > 0)
    await Promise.race([cluster.stop().catch(() => {}), delay(patienceMs, undefined, { ref: false })]);
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const left = (await listProcesses(cluster.dataDir, user, name)).map(({ pid }) => pid);
    if (left.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`Processes of PostgreSQL in ${cluster.dataDir} cannot be killed: ${left}.`);
    for (const pid of left) kill(pid);
    await delay(POLL_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone meanwhile.
  }
}
