/** Fences a cluster: afterwards no process writes to it, in whatever state it was. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import type { OsUser } from "./os-user.js";
import { listProcesses, signalProcess } from "./processes.js";

const POLL_MS = 20;
const TIMEOUT_MS = 10_000;

/**
 * Stops the cluster and kills what does not stop: a frozen server, one that somebody started by hand, and backends that outlived
 * their postmaster and could still commit.
 *
 * For example, the postmaster 100 was killed, and its backend 101 still runs a long transaction:
 *   cluster.stop()   returns at once: no postmaster is alive
 *   listProcesses()  finds 101, by its working directory and the shared memory that it has attached
 *   kill(101)        the transaction can no longer commit
 *   listProcesses()  finds nothing, and fence() resolves: another server may now take over
 * @param name the cluster's parameter `cluster_name`, unique on this machine
 * @param patienceMs how long a shutdown may take before the server is killed
 * @throws Error when a process cannot be killed
 */
export async function fence(cluster: Cluster, user: OsUser, name: string, patienceMs: number): Promise<void> {
  if (patienceMs > 0)
    await Promise.race([cluster.stop().catch(() => {}), delay(patienceMs, undefined, { ref: false })]);
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const survivors = (await listProcesses(cluster.dataDir, user, name)).map(({ pid }) => pid);
    if (survivors.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`Processes of PostgreSQL in ${cluster.dataDir} cannot be killed: ${survivors}.`);
    for (const pid of survivors) signalProcess(pid, "SIGKILL");
    await delay(POLL_MS);
  }
}
