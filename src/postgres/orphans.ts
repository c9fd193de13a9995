/** Orphans: backends that outlived their postmaster. They hold its shared memory, and so keep the next server from starting. */
import type { OsUser } from "./os-user.js";
import { isPostmaster, listProcesses } from "./processes.js";

/**
 * Kills what a dead postmaster of this data directory has left, busy or frozen. Nothing of a server that lives, of whatever age,
 * is touched, and nothing that is no PostgreSQL.
 * @param name its parameter `cluster_name`, where it has one
 * @param onKilled told how many, where there were some
 */
export async function fenceOrphans(
  dataDir: string,
  user: OsUser,
  name: unknown,
  onKilled?: (count: number) => Promise<void>,
): Promise<void> {
  let killed = 0;
  for (const { pid, parent } of await listProcesses(dataDir, user, name)) {
    if ((await isPostmaster(pid, dataDir)) || (await isPostmaster(parent, dataDir))) continue;
    try {
      process.kill(pid, "SIGKILL");
      killed++;
    } catch {
      // Gone meanwhile.
    }
  }
  if (killed > 0) await onKilled?.(killed);
}
