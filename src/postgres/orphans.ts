/** Kills orphans: backends that outlived their postmaster. They hold its shared memory, which keeps the next server from starting. */
import type { OsUser } from "./os-user.js";
import { isServerProcess, listProcesses, signalProcess } from "./processes.js";

/**
 * Kills the backends of a dead postmaster of this data directory. It leaves every server that is alive, and its backends, alone.
 * @param name the cluster's parameter `cluster_name`, if it has one
 * @param onKilled is told how many were killed, if any
 */
export async function fenceOrphans(
  dataDir: string,
  user: OsUser,
  name: unknown,
  onKilled?: (count: number) => Promise<void>,
): Promise<void> {
  let killed = 0;
  for (const { pid, parent } of await listProcesses(dataDir, user, name)) {
    if ((await isServerProcess(pid, dataDir)) || (await isServerProcess(parent, dataDir))) continue;
    if (signalProcess(pid, "SIGKILL")) killed++;
  }
  if (killed > 0) await onKilled?.(killed);
}
